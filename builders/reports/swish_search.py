"""Search the Swish space by real training on the mlp: the paper's controller against random.

    python -m builders.reports.swish_search [--budget 40] [--seeds 3] [--searches 3]

Every search trains what it asks for with the same seeds; a function that diverges scores chance.
The best of each search is trained again with five fresh seeds.
"""

from __future__ import annotations

import argparse
import platform
import time
from importlib.metadata import version

import numpy as np

from act_bench.errors import ArgumentError
from act_bench.functions.expression import parse
from act_bench.functions.operators import SWISH_OPERATORS
from act_bench.search.events import Result
from act_bench.tables.registry import TABLES
from regenerate.recipes import find
from regenerate.training.dispatch import train
from surrogates.live.confirm import Estimate
from surrogates.optimizers import find_optimizer
from surrogates.swish import swish_space

TABLE = "mlp"
METHODS = ("random", "controller")
FRESH = range(100, 105)


class Trainer:
    """Trains functions of the space, each once."""

    def __init__(self, seeds: int) -> None:
        self.recipe = find(TABLE, TABLES[TABLE].default_fidelity)
        self.seeds = seeds
        self.known: dict[int, tuple[float, float]] = {}

    def scores(self, text: str, seeds: range) -> list[float]:
        """Return the validation accuracy of each run, chance where it diverged."""
        runs = train(self.recipe, parse(text, SWISH_OPERATORS), seeds)
        chance = TABLES[TABLE].chance
        return [
            chance if run.validation_accuracy is None else run.validation_accuracy for run in runs
        ]

    def __call__(self, text: str) -> Result:
        """Return the result of an expression of the space: the median over the seeds."""
        position = swish_space().find(text)
        if position is None:
            raise ArgumentError(f"{text} is not in the Swish space")
        if position not in self.known:
            begin = time.perf_counter()
            score = float(np.median(self.scores(text, range(self.seeds))))
            self.known[position] = score, time.perf_counter() - begin
        score, seconds = self.known[position]
        return Result(
            outcome="ok",
            validation_accuracy=score,
            cost_s=seconds,
            entry=position,
            how_resolved="exact",
            score=score,
            repeated=False,
        )


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--searches", type=int, default=3)
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, torch {version('torch')}")
    print(f"{len(swish_space()):,} functions, {options.budget} trained a search, on {TABLE}")
    trainer = Trainer(options.seeds)
    begin = time.perf_counter()
    for method in METHODS:
        ends: list[float] = []
        for search in range(options.searches):
            optimizer = find_optimizer(method)(swish_space(), search)
            found: list[tuple[float, str]] = []
            for _ in range(options.budget):
                text = str(optimizer.ask())
                result = trainer(text)
                optimizer.tell(result)
                found.append((result.score or 0.0, text))
            best = max(found)
            fresh = trainer.scores(best[1], FRESH)
            ends.append(float(np.median(fresh)))
            print(
                f"{method:<11}seed {search}: {best[0]:.4f} {best[1]}, "
                f"with fresh seeds {np.mean(fresh):.4f} +- {np.std(fresh, ddof=1):.4f}"
            )
        print(f"{method:<11}median of fresh seeds, mean over searches: {Estimate.of(ends)}")
    relu = trainer.scores("max(relu(x),relu(x))", FRESH)
    print(f"relu with the same fresh seeds {np.mean(relu):.4f} +- {np.std(relu, ddof=1):.4f}")
    print(f"{len(trainer.known)} functions trained in {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
