"""What the tables say of each function of the page: per fidelity (rung) and learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict

import numpy as np

from act_bench.explore.packing import DIGITS, packed, packed_floats
from act_bench.functions.catalogue import CATALOGUE
from act_bench.tables.files import embedded_fidelities, runs_file, runs_name, table_files
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from act_bench.tables.registry import TableInfo


def shown_columns(info: TableInfo) -> tuple[str, ...]:
    """Return the columns of a view at one rate."""
    return (*METRICS, f"{info.metric}_std", "runs", "runtime_s")


def tuned_columns(info: TableInfo) -> tuple[str, ...]:
    """Return the columns of the tuned view: seed 0 at the rate it chooses, and the fresh seeds."""
    fresh = ("fresh_runs", f"fresh_{info.metric}", f"fresh_{info.metric}_std")
    return (*METRICS, "learning_rate", *fresh, f"fresh_{info.test_metric}", "runtime_s")


OUTCOMES: Final = ("ok", "diverged", "missing")
_CURVE_DIGITS: Final = 10
_ACCURACY_DIGITS: Final = 20  # so that six decimal digits are saved right


class ViewData(TypedDict):
    """A table at one fidelity and rate; arrays are by the page's numbers of functions.

    ``curves`` has the learning curves, (functions, epochs): the metric on the validation images
    after each epoch, or at the points of the recipe of a sample, medians over the runs.
    """

    rate: float | None
    outcome: str
    metrics: dict[str, str]
    epochs: int
    curves: str


class TableData(TypedDict):
    """One table at one fidelity, with a view per learning rate, the recipe's own first.

    Of a fidelity that a sample is trained at there is one view, ``tuned``.

    ``trained`` is the value of the metric beyond which a function trains, ``worst`` that of a run
    that diverged.
    """

    title: str
    table: str
    fidelity: str
    trained: float
    worst: float
    metric: str
    higherIsBetter: bool
    spectra: str | None
    views: dict[str, ViewData]


def table_data(name: str, fidelity: str, outside: Sequence[str]) -> TableData:
    """Return a table at one fidelity; ``outside`` are the names of functions beside the space."""
    from act_bench.tables.ladder.sample import is_sampled
    from act_bench.tables.spectra import fisher_name

    info = TABLES[name]
    named = _named(name, fidelity, outside)
    if is_sampled(name, fidelity):
        views = {"tuned": _sampled_view(info, fidelity, named, outside)}
    else:
        views = _views(info, fidelity, named, outside)
    return {
        "title": f"{info.title}, fidelity {fidelity}: {info.network} on {info.dataset}",
        "table": name,
        "fidelity": fidelity,
        "trained": info.score(info.trained_score_at(fidelity)),
        "worst": info.worst_value,
        "metric": info.metric,
        "higherIsBetter": info.higher_is_better,
        "spectra": name if fisher_name(name) in table_files(name) else None,
        "views": views,
    }


def _views(
    info: TableInfo, fidelity: str, named: Sequence[dict[str, Any]], outside: Sequence[str]
) -> dict[str, ViewData]:
    """Return the views of a fidelity that every entry is trained at, its default view first."""
    from act_bench.tables.loaders import load_table
    from act_bench.tables.rates import choose_view, own_rate, rate_runs_file, table_rates

    name = info.name
    own = own_rate(name, fidelity)
    runs = runs_file(name) if runs_name(name) in table_files(name) else None
    shown = shown_columns(info)
    frame = load_table(name, fidelity=fidelity, columns=["outcome", *shown])
    views = {"own": _view(info, fidelity, frame, shown, own, named, (runs, None), outside)}
    rates = table_rates(name) if fidelity == info.default_fidelity else ()
    for rate in rates:
        if own is not None and abs(rate - own) < 1e-9:
            continue
        frame = load_table(name, rate=rate, columns=["outcome", *shown])
        source = (rate_runs_file(name), rate)
        views[f"{rate:g}"] = _view(info, fidelity, frame, shown, rate, named, source, outside)
    if rates:
        tuned = tuned_columns(info)
        frame = load_table(name, rate="tuned", columns=["outcome", *tuned])
        views["tuned"] = _view(info, fidelity, frame, tuned, None, named, (None, None), outside)
    first = choose_view(name, None, None if rates else fidelity)
    return {str(first): views[str(first)], **views}


def _sampled_view(
    info: TableInfo, fidelity: str, named: Sequence[dict[str, Any]], outside: Sequence[str]
) -> ViewData:
    """Return the one view of a fidelity that a sample is trained at: each at its tuned rate."""
    from act_bench.tables.ladder.sample import sample_runs_file
    from act_bench.tables.loaders import load_table

    tuned = tuned_columns(info)
    frame = load_table(info.name, fidelity=fidelity, columns=["outcome", *tuned])
    source = (sample_runs_file(info.name, fidelity), frame["learning_rate"].to_list())
    return _view(info, fidelity, frame, tuned, None, named, source, outside)


def tables_data(outside: Sequence[str]) -> dict[str, TableData]:
    """Return every embedded table at every embedded fidelity, under ``TABLE-FIDELITY``."""
    return {
        f"{name}-{fidelity}": table_data(name, fidelity, outside)
        for name in TABLES
        for fidelity in embedded_fidelities(name)
    }


def _view(
    info: TableInfo,
    fidelity: str,
    frame: Any,
    columns: Sequence[str],
    rate: float | None,
    named: Sequence[dict[str, Any]],
    source: tuple[Path | None, float | Sequence[float | None] | None],
    outside: Sequence[str],
) -> ViewData:
    """Return a view: the entries of ``frame``, and the rows of ``named`` at the same rate."""
    chosen = [row for row in named if (row["tuned"] if rate is None else _same(row, rate))]
    rows = {row["name"]: _as_tuned(row, info) if rate is None else row for row in chosen}
    outcomes = [*frame["outcome"], *(rows.get(key, _MISSING)["outcome"] for key in outside)]
    metrics = {}
    for column in columns:
        beside = [rows.get(key, _MISSING).get(column) for key in outside]
        values = [*frame[column].to_list(), *beside]
        digits = _ACCURACY_DIGITS if "accuracy" in column else DIGITS
        metrics[column] = packed_floats([np.nan if v is None else v for v in values], digits)
    curves = _curves(info, fidelity, source, len(frame))
    epochs = curves.shape[1]
    if rate is not None:
        beside_curves = _named_curves(info, fidelity, rate, outside, epochs)
        curves = np.concatenate([curves, beside_curves])
    return {
        "rate": rate,
        "outcome": packed(np.array([OUTCOMES.index(text) for text in outcomes], np.uint8)),
        "metrics": metrics,
        "epochs": epochs,
        "curves": packed_floats(curves, _CURVE_DIGITS),
    }


_MISSING: Final[dict[str, Any]] = {"outcome": "missing"}


def _same(row: dict[str, Any], rate: float) -> bool:
    return abs(float(row["learning_rate"]) - rate) <= 1e-9 * rate


def _as_tuned(row: dict[str, Any], info: TableInfo) -> dict[str, Any]:
    """Return a named function's row at the rate that seed 0 chooses as the tuned view has it.

    Of the run with seed 0 the row has the metric of the table only; the other metrics are of all
    seeds and are left out.
    """
    shown = [column for column in tuned_columns(info) if column not in METRICS]
    kept: dict[str, Any] = {column: row[column] for column in shown if column in row}
    return {**kept, "outcome": row["outcome"], info.metric: row[f"first_{info.metric}"]}


def _named(name: str, fidelity: str, outside: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the functions beside the space; none where the table has no such file."""
    from act_bench.tables.catalogued.named import load_named, named_name

    if named_name(name) not in table_files(name):
        return []
    rows: list[dict[str, Any]] = load_named(name, fidelity).to_dicts()
    return [row for row in rows if row["name"] in set(outside)]


def _curves(
    info: TableInfo,
    fidelity: str,
    source: tuple[Path | None, float | Sequence[float | None] | None],
    entries: int,
) -> NDArray[np.float32]:
    """Return the learning curves of the entries, (entries, epochs); no epochs without runs."""
    from act_bench.tables.learning_curves import read_curves

    path, rate = source
    if path is None:
        return np.empty((entries, 0), np.float32)
    found = read_curves(path, fidelity, None, entries, info.metric, rate)
    values = found.validation_accuracy if found.losses is None else found.losses
    return _float32(values).reshape(entries, -1)


def _float32(curves: Sequence[Sequence[float | None]]) -> NDArray[np.float32]:
    """Return curves, NaN for None; losses above 3.4e38, off every plot, as infinity."""
    with np.errstate(over="ignore"):
        return np.array(curves, np.float32)


def _named_curves(
    info: TableInfo, fidelity: str, rate: float, outside: Sequence[str], epochs: int
) -> NDArray[np.float32]:
    """Return the learning curves of the functions beside the space at one rate."""
    import polars as pl

    from act_bench.tables.catalogued.named import load_named_runs, named_runs_name
    from act_bench.tables.learning_curves import combine

    curves = np.full((len(outside), epochs), np.nan, np.float32)
    column = f"{info.metric}_curve"
    if named_runs_name(info.name) not in table_files(info.name) or not epochs:
        return curves
    number = {str(CATALOGUE[name]): i for i, name in enumerate(outside)}
    runs = load_named_runs(info.name, fidelity).filter(
        (pl.col("learning_rate") - rate).abs() <= 1e-9 * rate,
        pl.col("expression").is_in(list(number)),
    )
    sign = 1 if info.higher_is_better else -1
    found = combine(
        [number[text] for text in runs["expression"]],
        [[sign * value for value in run] for run in runs[column].to_list()],
        [outcome == "diverged" for outcome in runs["outcome"]],
        runs["runtime_s"].to_list(),
        len(outside),
    )
    if found.epochs:
        values = sign * _float32(found.validation_accuracy)
        curves[:, : found.epochs] = values[:, :epochs]
    return curves
