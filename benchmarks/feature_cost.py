"""Seconds of one core for the Fisher spectrum of a function: what a search is charged for it.

    python -m benchmarks.feature_cost [--table mlp] [--functions 150] [--data-dir FOLDER]

A fair sample of the entries, invalid ones included, each from its expression to the quantiles, by
the time of the thread. The mean is ``spectrum_s`` of the table's record
(``act_bench.tables.registry``).
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import torch

from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from act_bench.tables.registry import TABLES
from benchmarks.budget import Figure, report
from regenerate.fisher.features import fisher_feature
from regenerate.fisher.networks import setting


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--table", default="mlp")
    arguments.add_argument("--functions", type=int, default=150)
    arguments.add_argument("--data-dir", type=Path)
    chosen = arguments.parse_args()

    torch.set_num_threads(1)
    found = setting(chosen.table, data_dir=chosen.data_dir)
    fisher_feature(parse("tanh(x)"), found)  # what is done once
    names = load_space().representatives
    entries = np.random.default_rng(0).choice(len(names), chosen.functions, replace=False)
    seconds = []
    for entry in entries:
        expression = parse(names[entry])
        start = time.thread_time()
        fisher_feature(expression, found)
        seconds.append(time.thread_time() - start)
    mean, error = np.mean(seconds), np.std(seconds) / np.sqrt(len(seconds))
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {platform.processor()}")
    report([Figure(f"a spectrum of {chosen.table}, one core", float(mean), "s")])
    print(
        f"{chosen.table}: {mean:.4f} s +- {error:.4f} a function, mean of {len(seconds)}; "
        f"charged: {TABLES[chosen.table].spectrum_s} s"
    )


if __name__ == "__main__":
    main()
