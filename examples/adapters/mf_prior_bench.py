"""A TabularBenchmark of mf-prior-bench: python examples/adapters/mf_prior_bench.py"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from mfpbench import Result
from mfpbench.metric import Metric
from mfpbench.tabular import TabularBenchmark, TabularConfig

from act_bench import Benchmark

REQUIRES = ("mf-prior-bench",)
METRIC = Metric(minimize=True)


@dataclass(frozen=True, eq=False, unsafe_hash=True)
class Function(TabularConfig):
    expression: str


@dataclass(frozen=True)
class Trained(Result):
    metric_defs = {"loss": METRIC, "cost_s": METRIC}
    default_value_metric, default_value_metric_test, default_cost_metric = "loss", None, "cost_s"
    loss: Metric.Value
    cost_s: Metric.Value


def tabular(bench: Benchmark) -> TabularBenchmark:
    """Return loss and seconds after every epoch of every function."""
    rows, ask = [], bench.restart().query
    for entry in bench.covered:
        answers = [ask(entry, epochs=n) for n in range(1, bench.epochs + 1)]
        seconds, text = np.cumsum([a.cost_s for a in answers]), bench.space.spelling(entry)
        rows += [(entry, n + 1, text, a.loss, seconds[n]) for n, a in enumerate(answers)]
    table = pd.DataFrame(rows, columns=["entry", "epoch", "expression", "loss", "cost_s"])
    options = {"result_type": Trained, "config_type": Function, "fidelity_key": "epoch"}
    return TabularBenchmark("act-bench", table, id_key="entry", **options)


def search(bench: Benchmark, evaluations: int, seed: int) -> None:
    """Ask the tabular benchmark for functions at random, and the benchmark for the same."""
    table, rng = tabular(bench), np.random.default_rng(seed)
    for entry in rng.permutation(bench.covered)[:evaluations].tolist():
        told = table.query(
            table.configs[str(entry)], at=(epoch := int(rng.integers(bench.epochs)) + 1)
        )
        assert bench.query(entry, epochs=epoch).loss == told.error
