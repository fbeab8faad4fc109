"""Damage of every kind gives one clear error that names the file and says how to fix it."""

from __future__ import annotations

import json
import sys

import polars  # noqa: F401  (metadata_of uses it where it is loaded)
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from act_bench.cli.verify import command as verify_command
from act_bench.files import manifest
from act_bench.files.manifest import DataError
from act_bench.tables import files as table_files

FILE = "mlp-full.parquet"


def test_verified_returns_the_path(data_folder):
    assert manifest.verified(FILE) == data_folder / FILE


def test_record_matches_the_file(data_folder):
    record = manifest.read_manifest()[FILE]
    assert record.bytes == (data_folder / FILE).stat().st_size
    assert record.rows == 4
    assert record.counts == {"diverged": 1, "missing": 1, "ok": 2}
    assert "builders.tables mlp full" in record.made
    assert record.licence == "CC-BY-4.0"
    assert manifest.read_manifest()["mlp-runs.parquet"].counts == {"full": 12}


def test_what_a_file_says_of_itself_is_the_same_to_both_libraries(monkeypatch, tmp_path):
    path = manifest.DATA_FOLDER / "cnn-proxy.parquet"
    found = manifest.metadata_of(path)  # by polars, which tests load
    monkeypatch.delitem(sys.modules, "polars")
    assert manifest.metadata_of(path) == found
    assert found["fidelity"] == "proxy"
    pq.write_table(pa.table({"x": [1]}), tmp_path / "silent.parquet")
    assert manifest.metadata_of(tmp_path / "silent.parquet") == {}
    monkeypatch.undo()
    assert manifest.metadata_of(tmp_path / "silent.parquet") == {}


def test_missing_file(data_folder):
    (data_folder / FILE).unlink()
    with pytest.raises(
        DataError, match=r"mlp-full\.parquet cannot be read.*expected \d+ bytes.*rein"
    ):
        manifest.verified(FILE)


def test_truncated_file(data_folder):
    content = (data_folder / FILE).read_bytes()
    (data_folder / FILE).write_bytes(content[:-7])
    expected = f"expected {len(content)} bytes, got {len(content) - 7}; reinstall"
    with pytest.raises(DataError, match=expected):
        manifest.verified(FILE)


@pytest.mark.parametrize("position", [0, 1000, -1])
def test_one_changed_bit(data_folder, position):
    content = bytearray((data_folder / FILE).read_bytes())
    content[position] ^= 1
    (data_folder / FILE).write_bytes(content)
    with pytest.raises(DataError, match=r"full\.parquet is damaged: expected SHA-256 \w{64}, got"):
        manifest.verified(FILE)


def test_file_that_the_manifest_does_not_know(data_folder):
    (data_folder / "other.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"other\.parquet is not in manifest\.json"):
        manifest.verified("other.parquet")


def test_missing_manifest(data_folder):
    (data_folder / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"manifest\.json is missing; reinstall"):
        manifest.read_manifest()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"files": []}', '{"files": {"a": {"rows": 1}}}', "\xff"]
)
def test_damaged_manifest(data_folder, content):
    (data_folder / "manifest.json").write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=r"manifest\.json is damaged.*reinstall"):
        manifest.read_manifest()


def test_known_table_without_data(data_folder):
    with pytest.raises(DataError, match=r"the table cnn .* is known.*fidelity proxy; it has none"):
        table_files.entries_file("cnn")
    with pytest.raises(DataError, match=r"the table cnn .* is known.*of single runs"):
        table_files.runs_file("cnn")


def test_known_fidelity_without_data_names_those_with(data_folder):
    files = json.loads((data_folder / "manifest.json").read_text())
    files["files"]["cnn-proxy.parquet"] = files["files"][FILE]
    (data_folder / "manifest.json").write_text(json.dumps(files))
    with pytest.raises(DataError, match=r"at fidelity full; its embedded fidelities: proxy"):
        table_files.entries_file("cnn", "full")


def test_upstream_edition_says_what_to_do(data_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"run `act-bench import-upstream cnn --accept-licence`"):
        table_files.entries_file("cnn", edition="upstream")
    with pytest.raises(ValueError, match=r"no upstream table 'mlp'; choose from cnn, resnet, vit"):
        table_files.entries_file("mlp", edition="upstream")
    with pytest.raises(ValueError, match=r"no edition 'original'; choose from regenerated, upst"):
        table_files.entries_file("mlp", edition="original")


def test_right_bytes_that_cannot_be_decoded(data_folder):
    """A changed file with a new SHA-256 stands for a file that this pyarrow cannot read."""
    assert manifest.decoded(FILE) == data_folder / FILE
    path, records = data_folder / FILE, manifest.read_manifest()
    whole = path.read_bytes()
    path.write_bytes(whole[:-300] + bytes(292) + whole[-8:])
    records[FILE] = records[FILE]._replace(sha256=manifest.sha256(path))
    manifest.write_records(records, data_folder / manifest.MANIFEST)
    assert manifest.verified(FILE) == path
    with pytest.raises(DataError, match=r"cannot be read by pyarrow \d+.*pip install --upgrade"):
        manifest.decoded(FILE)
    shown = CliRunner().invoke(verify_command, [])
    assert shown.exit_code == 1
    assert "FAILED" in shown.output
    path.write_bytes(whole)
    records[FILE] = records[FILE]._replace(sha256=manifest.sha256(path), rows=5)
    manifest.write_records(records, data_folder / manifest.MANIFEST)
    with pytest.raises(DataError, match="expected 5 rows, got 4"):
        manifest.decoded(FILE)
