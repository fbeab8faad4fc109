"""An export is compared with the set that its metadata name, not with its own manifest alone."""

from __future__ import annotations

import json

import pytest

from act_bench.files.manifest import MANIFEST, DataError
from act_bench.publishing import hub
from act_bench.publishing.export import export


@pytest.fixture
def folder(data_folder, tmp_path):
    export(tmp_path / "act-bench")
    return tmp_path / "act-bench"


def edit(path, change):
    document = json.loads(path.read_text())
    path.write_text(json.dumps(change(document)))


def drop(folder, *names):
    """Drop files and their records, so that the manifest agrees with the folder."""
    files = json.loads((folder / "data" / MANIFEST).read_text())["files"]
    for name in names or tuple(files):
        (folder / "data" / name).unlink()
        del files[name]
    (folder / "data" / MANIFEST).write_text(json.dumps({"files": files}))


CHANGES = {
    r"lacks .*mlp-runs\.parquet, space\.parquet": drop,
    r"lacks mlp-runs\.parquet;": lambda f: drop(f, "mlp-runs.parquet"),
    r"lacks space\.parquet;": lambda f: drop(f, "space.parquet"),
    r"manifest\.json has space\.parquet, of which croissant\.json has nothing": lambda f: edit(
        f / "croissant.json",
        lambda c: (
            c | {"distribution": [d for d in c["distribution"] if d["@id"] != "space.parquet"]}
        ),
    ),
    r"another SHA-256 of space\.parquet": lambda f: edit(
        f / "croissant.json",
        lambda c: (
            c
            | {
                "distribution": [
                    d | ({"sha256": "f" * 64} if d["@id"] == "space.parquet" else {})
                    for d in c["distribution"]
                ]
            }
        ),
    ),
    r"extra\.csv not in manifest": lambda f: (f / "data" / "extra.csv").write_text("x"),
    r"deep/x\.parquet not in manifest": lambda f: (
        (f / "data" / "deep").mkdir(),
        (f / "data" / "deep" / "x.parquet").write_text("x"),
    ),
    r"croissant\.json is missing or damaged": lambda f: (f / "croissant.json").unlink(),
    r"croissant\.json is missing or damaged \(": lambda f: (f / "croissant.json").write_text("[]"),
}


@pytest.mark.parametrize("words", CHANGES)
def test_other_sets_of_files_are_refused(folder, words):
    assert "space.parquet" in hub.check(folder)
    CHANGES[words](folder)
    with pytest.raises(DataError, match=words):
        hub.check(folder)


def test_what_no_export_has_is_not_published(folder):
    (folder / "secret.txt").write_text("x")
    with pytest.raises(DataError, match=r"secret\.txt is no part of an export"):
        hub.uploads(folder)
    (folder / "secret.txt").rename(folder / ".secret.txt")  # hidden: stays here
    assert not any("secret" in upload.path for upload in hub.uploads(folder))
