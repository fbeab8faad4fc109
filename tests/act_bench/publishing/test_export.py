"""What ``export`` writes. How others read it: test_plain_datasets, test_card, test_croissant."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from act_bench.cli.export import command as export_command
from act_bench.cli.tables import command as tables_command
from act_bench.files.manifest import DataError, sha256
from act_bench.publishing import export as exporting
from act_bench.publishing.export import export


def test_exported_files_are_the_embedded_ones(data_folder, tmp_path):
    files = export(tmp_path / "deep" / "act-bench")
    folder = tmp_path / "deep" / "act-bench"
    assert {file.relative_to(folder).as_posix() for file in files} == {
        "README.md",
        "croissant.json",
        "data/manifest.json",
        "data/mlp-full.parquet",
        "data/mlp-runs.parquet",
        "data/space.parquet",
    }
    records = json.loads((folder / "data/manifest.json").read_text())["files"]
    for name, record in records.items():
        assert sha256(folder / "data" / name) == record["sha256"]
    assert [path.name for path in folder.parent.iterdir()] == ["act-bench"], "no draft is left"


def test_card_stands_under_its_head(data_folder, tmp_path):
    export(tmp_path / "act-bench")
    head, _, body = (tmp_path / "act-bench/README.md").read_text()[4:].partition("---\n\n")
    assert body == exporting.card()
    assert "license: cc-by-4.0\n" in head
    assert "- n<1K\n" in head
    assert head.count("default: true") == 1
    assert "- config_name: mlp\n  default: true\n  data_files:\n  - split: train\n" in head
    assert "  - name: outputs\n    sequence: float32\n    length: 80\n" in head


def test_refuses_a_folder_that_is_not_empty(data_folder, tmp_path):
    folder = tmp_path / "act-bench"
    folder.mkdir()
    export(folder)  # empty: fine
    (folder / "notes.txt").write_text("mine")
    (folder / "README.md").write_text("old")
    with pytest.raises(FileExistsError, match=r"not an empty folder.*--force"):
        export(folder)
    assert (folder / "README.md").read_text() == "old"
    export(folder, force=True)
    assert (folder / "README.md").read_text().startswith("---\nlicense")
    assert (folder / "notes.txt").read_text() == "mine", "force leaves other files alone"
    with pytest.raises(FileExistsError, match="not an empty folder"):
        export(folder / "notes.txt", force=True)


def test_damaged_data_export_nothing(data_folder, tmp_path):
    (data_folder / "space.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"space\.parquet is damaged"):
        export(tmp_path / "act-bench")
    assert not (tmp_path / "act-bench").exists()


def test_export_command(data_folder, tmp_path):
    folder = str(tmp_path / "act-bench")
    done = CliRunner().invoke(export_command, [folder, "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output)["files"][-1] == "README.md"
    again = CliRunner().invoke(export_command, [folder])
    assert again.exit_code == 2
    assert "--force" in again.output
    assert CliRunner().invoke(export_command, [folder, "--force"]).exit_code == 0
    (data_folder / "space.parquet").unlink()
    damaged = CliRunner().invoke(export_command, [str(tmp_path / "other")])
    assert damaged.exit_code == 3
    assert "space.parquet" in damaged.output


def test_tables_command(data_folder):
    done = CliRunner().invoke(tables_command, ["--json"])
    rows = {(row["table"], row["fidelity"]): row for row in json.loads(done.output)}
    assert rows["mlp", "full"]["is_default"]
    counts = {key: rows["mlp", "full"][key] for key in ("ok", "diverged", "missing", "runs")}
    assert counts == {"ok": 2, "diverged": 1, "missing": 1, "runs": 12}
    assert not rows["cnn", "reduced"]["embedded"]
    shown = CliRunner().invoke(tables_command).output
    assert "full *" in shown
    assert "no data" in shown
