"""What stacking seeds gains, what float64 costs, and how long Act-Bench-MLP takes.

Run with one thread: ``taskset -c 0 python -m benchmarks.steps.mlp``. Times are the processor's, so
other work on the machine disturbs them little. Every figure is a ratio within this run, the median
of several rounds; the seconds are this machine's.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Sequence

from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from benchmarks.budget import Figure, report
from regenerate.recipes import Recipe, find
from regenerate.sweeps.sweep import shuffled
from regenerate.training.dispatch import train

SEEDS = tuple(range(10))


def seconds(recipe: Recipe, expression: str, stacks: Sequence[tuple[int, ...]]) -> float:
    """Return the processor seconds to train all stacks of seeds, one after the other."""
    start = time.process_time()
    for seeds in stacks:
        train(recipe, parse(expression), seeds)
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sample", type=int, default=40)
    options = parser.parse_args()
    recipe = find("mlp", "full")
    single = dataclasses.replace(recipe, dtype="float32")
    alone = [(seed,) for seed in SEEDS]
    seconds(recipe, "relu(x)", [SEEDS])  # warm up
    seconds(single, "relu(x)", [SEEDS])
    rounds = [
        (
            seconds(recipe, "relu(x)", [SEEDS]),
            seconds(recipe, "relu(x)", alone),
            seconds(single, "relu(x)", [SEEDS]),
            seconds(recipe, "mul(erf(x),softplus(x))", [SEEDS]),
        )
        for _ in range(options.rounds)
    ]
    relu = statistics.median(row[0] for row in rounds)
    print(f"relu(x), 10 seeds in one stack, float64: {relu:.2f} s")
    for column, what in enumerate(
        ("10 seeds one by one", "float32", "mul(erf(x),softplus(x))"), start=1
    ):
        print(f"  {what}: {statistics.median(row[column] / row[0] for row in rounds):.2f} x")
    sample = shuffled(load_space().representatives)[: options.sample]
    mean = statistics.mean(seconds(recipe, expression, [SEEDS]) for expression in sample)
    print(
        f"mean of {options.sample} random entries, divergence ends a training: {mean / relu:.2f} x"
    )
    report([Figure("Act-Bench-MLP, all entries, 10 seeds", mean * 2913 / 60, "core-minutes")])
    print(f"so 2,913 entries take about {mean * 2913 / 60:.0f} core-minutes")


if __name__ == "__main__":
    main()
