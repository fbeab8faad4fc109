"""Read what a benchmark answers from: at the recipe's own rate, at another one, or tuned.

With pyarrow alone, so that a cold start stays short: polars is not needed for a query.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from act_bench.arguments import whole_number
from act_bench.files.manifest import ABOUT, read_manifest
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.files import entries_file, runs_file
from act_bench.tables.ladder.sample import (
    check_view,
    is_sampled,
    sample_curves,
    sample_file,
)
from act_bench.tables.rates import (
    View,
    as_view,
    choose_rate,
    own_rate,
    rate_runs_file,
    rates_file,
    read_view,
    table_rates,
    tuned_file,
)
from act_bench.tables.registry import TableInfo, choose_fidelity, table_info
from act_bench.tables.schema import UnknownNameError

if TYPE_CHECKING:
    from act_bench.tables.learning_curves import LearningCurves

_COLUMNS = ("outcome", "validation_accuracy", "test_accuracy", "test_loss", "runtime_s")


def load_data(
    table: str,
    fidelity: str | None = None,
    edition: str = "regenerated",
    seed: int | None = None,
    rate: View | None = None,
) -> BenchmarkData:
    """Read what a benchmark answers from; the parameters are those of ``Benchmark``.

    Raises
    ------
    act_bench.tables.schema.UnknownNameError
        Unknown table, fidelity or edition, or no run has the seed; a ValueError.
    act_bench.files.manifest.DataError
        The file is absent or damaged.

    Examples
    --------
    >>> data = load_data("mlp")
    >>> data.fidelity, len(data.covered)
    ('full', 2913)
    """
    fidelity = choose_fidelity(table, fidelity, edition)
    info = table_info(table)
    if seed is not None:
        seed = whole_number(seed, "seed")
    rate = as_view(rate)
    if edition != "upstream" and is_sampled(table, fidelity):
        return _sampled(table, fidelity, seed, rate)
    if rate != "own":
        return _other_rate(table, fidelity, edition, seed, rate)
    path = entries_file(table, fidelity, edition)
    columns = list(dict.fromkeys([*_COLUMNS, info.metric]))
    rows, about = _read_columns(path, [*columns, "runs"])
    runs = rows.pop("runs")
    without_run: frozenset[int] = frozenset()
    if seed is None:
        # The seconds are a mean over the runs of an entry: this is what all of them took.
        cost = all_costs(rows["runtime_s"], runs)
    elif edition == "upstream":
        raise UnknownNameError(
            f"the upstream edition of {table} has no single runs, so none with seed {seed}; "
            "seed=None answers with what the authors published, medians"
        )
    else:
        path = runs_file(table)
        rows = _single_runs(path, columns, table, fidelity, seed, entries=len(runs))
        cost = rows["runtime_s"]
        without_run = frozenset(
            entry
            for entry, (count, outcome) in enumerate(zip(runs, rows["outcome"], strict=True))
            if count and outcome == "missing"
        )

    has_rates = fidelity == info.default_fidelity
    ours = edition != "upstream"  # the authors do not say at which rate they trained

    return BenchmarkData(
        table=table,
        edition=edition,
        fidelity=fidelity,
        seed=seed,
        **_measured(info, path, rows),
        cost_s=cost,
        without_run=without_run,
        read_curves=partial(_curves, table, fidelity, seed, len(runs)) if ours else None,
        own_rate=about.get("recipe", {}).get("learning_rate"),
        read_rates=partial(table_rates, table) if ours and has_rates else None,
        read_rate=partial(load_data, table, fidelity, edition, seed) if ours else None,
        runs=runs if seed is None else None,
    )


def _other_rate(
    table: str, fidelity: str, edition: str, seed: int | None, rate: View
) -> BenchmarkData:
    """Read the view ``tuned``, or a learning rate; the parameters are those of ``Benchmark``.

    Raises
    ------
    act_bench.tables.schema.UnknownNameError
        The table was not trained at that rate, or has one rate at that fidelity or edition.
    act_bench.files.manifest.DataError
        A file is absent or damaged.
    """
    if edition == "upstream" or fidelity != table_info(table).default_fidelity:
        raise UnknownNameError(
            f"{table} at fidelity {fidelity}, edition {edition}, has one learning rate: leave out "
            f"rate={rate!r}"
        )
    if not isinstance(rate, str):
        return _at_rate(table, fidelity, seed, choose_rate(table, rate))
    return _tuned(table, fidelity, seed)


def _at_rate(table: str, fidelity: str, seed: int | None, rate: float) -> BenchmarkData:
    """Read the entries at one learning rate."""
    if rate == own_rate(table, fidelity):
        return load_data(table, fidelity, seed=seed)
    info, path = table_info(table), rates_file(table)
    columns = list(dict.fromkeys([*_COLUMNS, info.metric]))
    rows = read_view(table, rate, [*columns, "runs", "filled_runs"])
    runs, filled = rows.pop("runs"), rows.pop("filled_runs")
    without_run: frozenset[int] = frozenset()
    if seed is not None:
        path = rate_runs_file(table)
        rows = _single_runs(path, columns, table, fidelity, seed, entries=len(runs), rate=rate)
        own = _single_runs(runs_file(table), columns, table, fidelity, seed, entries=len(runs))
        for entry, count in enumerate(filled):
            if count and rows["outcome"][entry] == "missing" and own["outcome"][entry] != "ok":
                for name in columns:  # it does the same at every rate
                    rows[name][entry] = own[name][entry]
        without_run = frozenset(
            entry
            for entry, (count, outcome) in enumerate(zip(runs, rows["outcome"], strict=True))
            if count and outcome == "missing"
        )
        runs = [1] * len(runs)

    return BenchmarkData(
        table=table,
        edition="regenerated",
        fidelity=fidelity,
        seed=seed,
        **_measured(info, path, rows),
        cost_s=all_costs(rows["runtime_s"], runs),
        without_run=without_run,
        read_curves=partial(_curves, table, fidelity, seed, len(runs), rate),
        rate=rate,
        own_rate=rate,
        read_rates=partial(table_rates, table),
        read_rate=partial(load_data, table, fidelity, "regenerated", seed),
        runs=runs if seed is None else None,
    )


def _tuned(table: str, fidelity: str, seed: int | None) -> BenchmarkData:
    """Read the view ``tuned``: the run with seed 0 at the rate that seed 0 chooses."""
    if seed not in (None, 0):
        raise UnknownNameError(
            f"the tuned table {table} has the runs with seed 0, which choose the rate; got "
            f"seed={seed}. Fresh seeds stand in load_table({table!r}, rate='tuned')"
        )
    info, path = table_info(table), tuned_file(table)
    columns = list(dict.fromkeys([*_COLUMNS, info.metric, "tuning_s", "learning_rate"]))
    rows = read_view(table, "tuned", columns)
    return BenchmarkData(
        table=table,
        edition="regenerated",
        fidelity=fidelity,
        seed=seed,
        **_measured(info, path, rows),
        # Tuning is not free: the trainings at all rates were needed to choose one.
        cost_s=rows["tuning_s"],
        rate="tuned",
        tuned_rates=rows["learning_rate"],
    )


def _sampled(table: str, fidelity: str, seed: int | None, rate: View) -> BenchmarkData:
    """Read a fidelity that a sample is trained at: seed 0, each function at its tuned rate."""
    check_view(table, fidelity, rate)
    if seed not in (None, 0):
        raise UnknownNameError(
            f"the sample of {table} at fidelity {fidelity} answers with the runs with seed 0; got "
            f"seed={seed}. Fresh seeds stand in load_table({table!r}, fidelity={fidelity!r})"
        )
    info, path = table_info(table), sample_file(table, fidelity)
    columns = [*_COLUMNS, info.metric, "tuning_s", "learning_rate"]
    rows, _ = _read_columns(path, list(dict.fromkeys(columns)))
    chosen, tuning_s = rows["learning_rate"], rows["tuning_s"]
    return BenchmarkData(
        table=table,
        edition="regenerated",
        fidelity=fidelity,
        seed=seed,
        **_measured(info, path, rows),
        # The trainings that chose the rate, and the long one.
        cost_s=[
            None if seconds is None else seconds + (before or 0.0)
            for seconds, before in zip(rows["runtime_s"], tuning_s, strict=True)
        ],
        read_curves=partial(sample_curves, table, fidelity, chosen, tuning_s),
        rate="tuned",
        tuned_rates=chosen,
    )


def _measured(info: TableInfo, path: Path, rows: dict[str, list[Any]]) -> dict[str, Any]:
    """Return what data have at any rate: whose they are, and the metrics of each entry."""
    from act_bench.spaces.paper import load_space

    return {
        "chance": info.chance,
        "floor": info.floor,
        "sha256": read_manifest(path.parent)[path.name].sha256,
        "space": load_space(),
        "validation_loss": rows["validation_loss"] if info.metric == "validation_loss" else None,
    } | {name: rows[name] for name in _COLUMNS if name != "runtime_s"}


def all_costs(runtime_s: Sequence[float | None], runs: Sequence[int]) -> list[float | None]:
    """Return what all runs of each entry took, from their mean; None where that is not known.

    Examples
    --------
    >>> all_costs([2.0, None, None], [3, 1, 0])
    [6.0, None, 0.0]
    """
    return [
        (None if count else 0.0) if mean is None else mean * count
        for mean, count in zip(runtime_s, runs, strict=True)
    ]


def _curves(
    table: str, fidelity: str, seed: int | None, entries: int, rate: float | None = None
) -> LearningCurves:
    """Read the learning curves, at the recipe's own rate if no other is named."""
    from act_bench.tables.learning_curves import read_curves

    path = runs_file(table) if rate is None else rate_runs_file(table)
    return read_curves(path, fidelity, seed, entries, table_info(table).metric, rate=rate)


def _read_columns(path: Path, names: list[str]) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Read columns of a file as lists of Python values, and what the file says of itself."""
    # Not pyarrow.parquet.read_table, which imports pyarrow.dataset: a third of a cold start.
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read(names, use_threads=False)  # starting threads takes longer
        about = json.loads((file.metadata.metadata or {}).get(ABOUT, b"{}"))
    return {name: table.column(name).to_pylist() for name in names}, about


def _single_runs(
    path: Path,
    names: list[str],
    table: str,
    fidelity: str,
    seed: int,
    entries: int,
    rate: float | None = None,
) -> dict[str, list[Any]]:
    """Read the runs with one seed as columns over all entries; ``missing`` where there is none."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    filters: list[tuple[str, str, object]] = [("fidelity", "==", fidelity)]
    filters += [("learning_rate", "==", rate)] if rate is not None else []
    rows = pq.read_table(path, columns=["entry", "seed", *names], filters=filters)
    seeds = rows.column("seed").to_pylist()
    if seed not in seeds:
        known = ", ".join(map(str, sorted(set(seeds)))) or "none at all"
        raise UnknownNameError(
            f"{table} at fidelity {fidelity} has no run with seed {seed}; its seeds: {known}. "
            "seed=None answers with the medians over the runs"
        )
    columns: dict[str, list[Any]] = {name: [None] * entries for name in names}
    columns["outcome"] = ["missing"] * entries
    for row in rows.filter(pc.field("seed") == seed).to_pylist():
        for name in names:
            columns[name][row["entry"]] = row[name]
    return columns
