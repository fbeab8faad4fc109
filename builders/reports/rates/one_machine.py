"""What trainings would take if all rates of a table were trained on one machine.

The sweeps at different rates ran on different processors, and beside different other work: the same
trainings of ``vit`` took nearly twice as long at one rate as at the other. A search over rates must
not lose or win by that. So where searches with and without rates are compared by the clock, the
seconds at each rate are divided by how much longer the same trainings took there.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl

from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.rates import own_rate, table_rates
from act_bench.tables.registry import TABLES
from act_bench.tables.runs import load_runs
from builders.rates import FIRST_SEED, RATE


def slowness(runs: pl.DataFrame, own: pl.DataFrame) -> float:
    """Return how much longer than at the recipe's own rate the same trainings took.

    The median over runs with seed 0 that diverge at neither rate. Such a run does the same steps at
    every rate, so what differs from 1 is the machine, and what else it had to do. NaN if there are
    none.
    """
    ended = (pl.col("seed") == FIRST_SEED) & (pl.col("outcome") == "ok")
    pairs = runs.filter(ended).join(own.filter(ended), on="entry", suffix="_own")
    ratio = pairs["runtime_s"].to_numpy() / pairs["runtime_s_own"].to_numpy()
    return float(np.median(ratio)) if len(ratio) else math.nan


def slowness_of_rates(table: str) -> dict[float, float]:
    """Return `slowness` of each rate of an embedded table, 1 for the recipe's own."""
    columns = ["entry", RATE, "seed", "outcome", "runtime_s"]
    runs = load_runs(table, TABLES[table].default_fidelity, columns, rate="all")
    own = runs.filter(pl.col(RATE) == own_rate(table, TABLES[table].default_fidelity))
    return {rate: slowness(runs.filter(pl.col(RATE) == rate), own) for rate in table_rates(table)}


def on_one_machine(data: BenchmarkData, slowness_at: dict[float, float]) -> BenchmarkData:
    """Return data whose seconds at other rates are those of the machine of the recipe's own rate.

    Parameters
    ----------
    data
        At the recipe's own rate.
    slowness_at
        As from `slowness_of_rates`.
    """
    return replace(data, read_rate=partial(_even, data, slowness_at))


def _even(data: BenchmarkData, slowness_at: dict[float, float], rate: float) -> BenchmarkData:
    found = data.at_rate(rate)
    seconds = [
        # A run that diverges before the rate counts stands for all rates: it was timed here.
        cost if cost is None or cost == here else cost / slowness_at[rate]
        for cost, here in zip(found.cost_s, data.cost_s, strict=True)
    ]
    return replace(found, cost_s=seconds)
