"""Manifests of others: what is no record is named, and a name leads nowhere else."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_bench.files.cache import cache_folder
from act_bench.files.manifest import DataError, read_manifest, verified

RECORD = {
    "sha256": "0" * 64, "bytes": 1, "rows": 1, "counts": {"ok": 1}, "made": "by hand",
    "licence": "CC-BY-4.0",
}  # fmt: skip
FIELDS = {
    "text for bytes": {"bytes": "1"},
    "text for rows": {"rows": "many"},
    "a fraction of rows": {"rows": 1.5},
    "true for rows": {"rows": True},
    "no rows": {"rows": None},
    "a number for a hash": {"sha256": 17},
    "text for counts": {"counts": "ok"},
    "text in counts": {"counts": {"ok": "1"}},
    "a list for a command": {"made": ["x"]},
    "another field": {"x": 1},
}
MANIFESTS = {
    "no JSON": "{",
    "no object": "[]",
    "no files": "{}",
    "files in a list": '{"files": []}',
    "a record in text": '{"files": {"a": "x"}}',
    "nested without end": "[" * 100_000,
    "4,000 digits": '{"files": {"a": {"bytes": ' + "9" * 4_000 + "}}}",
    "no UTF-8": b"\xff\xfe{",
}


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
def test_a_field_of_another_type_is_named(tmp_path, fields):
    document = {"files": {"a.parquet": RECORD | fields}}
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"manifest\.json is damaged \(a\.parquet: ") as caught:
        read_manifest(tmp_path)
    assert next(iter(fields)) in str(caught.value)


@pytest.mark.parametrize("content", MANIFESTS.values(), ids=MANIFESTS)
def test_what_is_no_manifest_is_named(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    with pytest.raises(DataError, match=r"manifest\.json is damaged") as caught:
        read_manifest(tmp_path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "..", "a/b", "a\\b", "", "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    (tmp_path / "manifest.json").write_text(json.dumps({"files": {name: RECORD}}))
    with pytest.raises(DataError, match="expected the name of a file in this folder"):
        verified(name, tmp_path)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@settings(max_examples=30)
@given(st.sampled_from(sorted(RECORD)), VALUES)
def test_any_value_of_a_field_is_a_record_or_an_error(tmp_path_factory, field, value):
    folder = tmp_path_factory.mktemp("manifest")
    record = copy.deepcopy(RECORD) | {field: value}
    (folder / "manifest.json").write_text(json.dumps({"files": {"a.parquet": record}}))
    try:
        found = read_manifest(folder)["a.parquet"]
    except DataError:
        assert type(value) is not type(RECORD[field])
    else:
        assert type(getattr(found, field)) is type(RECORD[field])


def test_a_user_without_a_home_is_told_of_the_variable(monkeypatch):
    for name in ("ACT_BENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def homeless(*_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(RuntimeError, match="let ACT_BENCH_CACHE name a folder"):
        cache_folder()
