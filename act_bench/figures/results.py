"""The results that figures are drawn from: what ``simulate`` and ``evaluate-surrogates`` wrote.

They lie in a folder of the user's, so they are checked before anything is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.figures import FigureError, Request
from act_bench.files.manifest import DataError

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

STEPS_FILE: Final = "steps.parquet"
SEARCH_FILE: Final = "simulation.json"
SIGNIFICANCE_FILE: Final = "significance.parquet"
SUMMARY_FILE: Final = "summary.parquet"
_TEXTS: Final = {
    STEPS_FILE: ("optimizer",),
    SIGNIFICANCE_FILE: ("first", "second"),
    SUMMARY_FILE: ("table", "features", "regressor", "metric"),
}
_NUMBERS: Final = {
    STEPS_FILE: ("trial", "evaluation", "regret", "elapsed_s"),
    SIGNIFICANCE_FILE: ("superiority", "p_holm"),
    SUMMARY_FILE: ("size", "mean", "low", "high"),
}


class Results(NamedTuple):
    """What a simulation wrote.

    Attributes
    ----------
    steps
        One row per evaluation.
    exact
        Median regret of random search, exactly.
    title
        Of the figures.
    metric
        What regret is measured in, in words.
    clock_is_lower_bound
        Whether the table does not say what some trainings took.
    """

    steps: pl.DataFrame
    exact: Floats
    title: str
    metric: str = "validation accuracy"
    clock_is_lower_bound: bool = False


def read_results(request: Request) -> Results:
    """Return the results in the folder of a request.

    Raises
    ------
    FigureError
        The folder is not given, or has none.
    act_bench.files.manifest.DataError
        A file is damaged, or none that `act-bench simulate` wrote.
    """
    command = "simulate TABLE"
    folder = results_folder(request, STEPS_FILE, command)
    steps = read_frame(folder, STEPS_FILE, command)
    with _undamaged(folder / SEARCH_FILE, command):
        about = json.loads((folder / SEARCH_FILE).read_text(encoding="utf-8"))
        exact = np.array(about["random_exact"]["regret_quartiles"][1], dtype=np.float64)
        if exact.ndim != 1 or not exact.size or not np.isfinite(exact).all():
            raise ValueError("regret_quartiles holds no finite numbers")
        metric = str(about.get("metric", "validation_accuracy")).replace("_", " ")
        heading = title(str(about["table"]), str(about["fidelity"]), steps)
        bound = bool(about.get("clock_is_lower_bound", False))
    with _undamaged(folder / STEPS_FILE, command):
        lengths = steps.group_by("optimizer", "trial").len()["len"].unique().to_list()
        if lengths != [len(exact)]:
            raise ValueError(
                f"trials have {', '.join(map(str, sorted(lengths)))} evaluations, expected "
                f"{len(exact)} as in {SEARCH_FILE}"
            )
    return Results(steps, exact, heading, metric, bound)


def read_steps(path: Path) -> pl.DataFrame:
    """Return the rows of a file of simulated searches; older files say ``optimiser``."""
    import polars as pl

    return pl.read_parquet(path).rename({"optimiser": "optimizer"}, strict=False)


def read_frame(folder: Path, name: str, command: str) -> pl.DataFrame:
    """Return the rows of a file of results.

    Parameters
    ----------
    folder
        Of the results.
    name
        :data:`STEPS_FILE`, :data:`SIGNIFICANCE_FILE` or :data:`SUMMARY_FILE`.
    command
        What writes it.

    Raises
    ------
    act_bench.files.manifest.DataError
        It is damaged, empty, or lacks a column or a number.
    """
    import polars as pl

    with _undamaged(folder / name, command):
        frame = read_steps(folder / name)
        columns = (*_TEXTS[name], *_NUMBERS[name])
        if lacking := [column for column in columns if column not in frame.columns]:
            raise ValueError(f"it has no column {', '.join(lacking)}")
        if not len(frame) and name != SIGNIFICANCE_FILE:
            raise ValueError("it has no rows")
        for column in _TEXTS[name]:
            if frame[column].dtype != pl.String or frame[column].null_count():
                raise ValueError(f"its column {column} is not text throughout")
        for column in _NUMBERS[name]:
            values = frame[column]
            finite = values.dtype.is_numeric() and not values.null_count()
            if finite and name == STEPS_FILE:
                finite = bool(values.cast(pl.Float64).is_finite().all())
            if not finite:
                raise ValueError(f"its column {column} is not numbers throughout")
    return frame


def results_folder(request: Request, name: str, command: str) -> Path:
    """Return the folder of a request, which must have a file of this name."""
    folder = request.results
    if folder is None or not (folder / name).exists():
        where = "no folder was given" if folder is None else f"{folder} has no {name}"
        raise FigureError(
            f"the figure needs results, and {where}: `act-bench {command} --output FOLDER`, then "
            "--results FOLDER"
        )
    return folder


def title(table: str, fidelity: str, steps: pl.DataFrame) -> str:
    """Return what the figures say of a simulation."""
    return f"{table}, fidelity {fidelity}: {steps['trial'].n_unique()} simulated searches each"


@contextmanager
def _undamaged(path: Path, command: str) -> Iterator[None]:
    """Name the file, and how to make it again, when what it holds cannot be used."""
    from polars.exceptions import PolarsError

    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, PolarsError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(
            f"{path} is damaged or not by act-bench ({reason}); run `act-bench {command} --output "
            f"{path.parent}` again"
        ) from error
