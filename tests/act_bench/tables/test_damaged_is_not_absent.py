"""A damaged file is an error also where the data that it holds could be done without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from act_bench.cli import main
from act_bench.errors import ExitCode
from act_bench.figures import Request
from act_bench.figures.inputs import read_distributions
from act_bench.figures.tables import tables_with_data
from act_bench.files import manifest
from act_bench.files.manifest import DataError
from act_bench.search.loading import load_data
from act_bench.tables.registry import table_info
from act_bench.tables.spectra import load_spectra
from builders.reports.gpu.worklist import entry_scores
from builders.reports.studies.trainings import Trainings
from regenerate.recipes import find
from surrogates.evaluation import available_features
from surrogates.live.problem import best_of_table

EMBEDDED = Path(manifest.DATA_FOLDER)


def damage(file: str, folder: Path) -> None:
    """Fill a folder with the embedded files, of which one has a wrong bit."""
    for each in EMBEDDED.iterdir():
        (folder / each.name).symlink_to(each)
    content = bytearray((EMBEDDED / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).unlink()
    (folder / file).write_bytes(content)


def recorded() -> object:
    return Trainings(find("cnn", "proxy"), ("gelu",), (0.1,), 1).recorded


@pytest.mark.parametrize(
    ("file", "call"),
    [
        ("mlp-full.parquet", lambda: best_of_table("mlp", "full")),
        ("mlp-full.parquet", lambda: entry_scores(table_info("mlp"))),
        ("mlp-fisher.parquet", lambda: available_features(load_data("mlp"))),
        ("cnn-proxy.parquet", lambda: tables_with_data(Request())),
        ("cnn-named-runs.parquet", recorded),
        ("mlp-inputs.parquet", lambda: read_distributions(Request(("mlp",), expression="relu"))),
    ],
)
def test_it_is_named(
    file: str, call: Callable[[], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(file, tmp_path)
    monkeypatch.setattr(manifest, "DATA_FOLDER", tmp_path)
    load_spectra.cache_clear()  # read once per process
    with pytest.raises(DataError, match=f"{file} is damaged"):
        call()


def test_a_sweep_that_would_train_what_is_recorded_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    damage("mlp-runs.parquet", data)
    monkeypatch.setattr(manifest, "DATA_FOLDER", data)
    options = ("sweep", "mlp", "--rate", "0.1", "--limit", "1", "--out", str(out))
    done = CliRunner().invoke(main, options)
    assert done.exit_code == ExitCode.DATA
    assert "mlp-runs.parquet is damaged" in done.output
    assert not list(tmp_path.glob("out*/*.parquet"))
