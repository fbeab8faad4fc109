"""The package elsewhere than in a clone: archives, modules as programs, folders of others."""

import errno
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numba
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import act_bench
from act_bench.files import manifest
from act_bench.files.manifest import DataError, FileRecord
from act_bench.publishing import export as exporting
from act_bench.publishing.export import export
from act_bench.search.benchmark import Benchmark
from act_bench.tables import upstream
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import ENTRY_COLUMNS, arrow_schema

PACKAGE = Path(act_bench.__file__).parent


def run(*arguments, path=PACKAGE.parent, **options):
    environment = os.environ | {"PYTHONPATH": str(path)}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, **options
    )


def test_an_archive_is_refused_in_a_sentence(tmp_path):
    archive = tmp_path / "act_bench.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        for file in PACKAGE.rglob("*.py"):
            writer.write(file, file.relative_to(PACKAGE.parent))
    result = run("-c", "import act_bench", path=archive, cwd=tmp_path)
    assert result.returncode == 1
    assert "act_bench cannot be imported from an archive" in result.stderr.splitlines()[-1]
    assert "fix: pip install act-bench" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("module", ["act_bench", "act_bench.cli"])
def test_the_package_is_a_program(module):
    result = run("-m", module, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: act-bench [OPTIONS] COMMAND")


UNGUARDED = """
from regenerate.sweeps.executor import LocalExecutor
print(list(LocalExecutor(1).run(abs, [-1])))
"""


def test_a_script_that_starts_workers_is_told_of_the_main_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    result = run(str(script))
    assert result.returncode == 1
    assert 'below `if __name__ == "__main__":` only' in result.stderr
    assert "bootstrapping" not in result.stderr


def test_loops_are_compiled_where_no_cache_can_be_written(monkeypatch):
    from regenerate.kernels.compiled import compiled

    def refuse(_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(numba.core.caching._CacheLocator, "ensure_cache_path", refuse)
    assert compiled("int64(int64)")(lambda number: 2 * number)(21) == 42


def test_an_export_touches_nothing_beside_its_folder(data_folder, tmp_path, monkeypatch):
    """So its parent need not be writable, nor on the same file system."""
    folder, seen, real = tmp_path / "mount" / "act-bench", [], manifest.write_records

    def write_records(records, path):
        seen.extend(folder.parent.iterdir())
        real(records, path)

    monkeypatch.setattr(exporting, "write_records", write_records)
    folder.mkdir(parents=True)
    files = export(folder)
    assert seen == [folder]
    assert all(file.is_file() for file in files)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "croissant.json", "data"]


def test_what_a_killed_export_left_is_no_content(data_folder, tmp_path):
    folder = tmp_path / "act-bench"
    (folder / ".act-bench.0badcafe-1-aa.draft" / "data").mkdir(parents=True)
    export(folder)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(exporting.NotEmptyError):
        export(folder)


def test_an_import_that_was_killed_between_two_renames_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path))
    folder = upstream.upstream_folder("cnn")
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist([], schema=arrow_schema(ENTRY_COLUMNS))
    name = "cnn-upstream.parquet"
    pq.write_table(table, folder / name)
    size = (folder / name).stat().st_size
    record = FileRecord(name, manifest.sha256(folder / name), size, 0, {}, "", "")
    manifest.write_records({name: record}, folder / "manifest.json")
    folder.rename(folder.with_name(".cnn.0badcafe-1-aa.old"))
    with pytest.raises(DataError, match="0 rows are not the 2913"):  # it is there, and is read
        upstream.upstream_file("cnn")
    assert (folder / name).exists()


def test_notebooks_show_tables():
    bench = Benchmark("mlp")
    result = bench.query("relu(x)")
    assert "<th>outcome</th><td>ok</td>" in result._repr_html_()
    assert "<th>evaluations</th><td>1</td>" in bench._repr_html_()
    assert "<th>test metrics</th><td>sealed</td>" in bench._repr_html_()
    for info in TABLES.values():
        assert f"<th>network</th><td>{info.network}</td>" in info._repr_html_()


def test_notebooks_are_shown_text_of_others_as_text():
    result = Benchmark("mlp").query("relu(x)")._replace(how_resolved="<script>")  # type: ignore[arg-type]
    assert "<script>" not in result._repr_html_()
