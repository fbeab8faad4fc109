"""Bring your own optimizer: check it, and simulate it against random search.

    python examples/your_optimizer.py

It takes some seconds. The optimizer has ``suggest`` and ``observe``, as many have; an adapter makes
it one that can be simulated. For an Optuna study there is ``surrogates.adapters.FromStudy``; what
has ``ask`` and ``tell`` needs no adapter.
"""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import polars as pl

import act_bench
from act_bench.testing import check_optimizer
from surrogates.adapters import FromSuggester
from surrogates.protocol import Factory, SearchSpace, SpaceExhaustedError


class OperatorBandit:
    """Suggests the function whose operators have had the best mean scores so far.

    An operator that was not observed yet counts as good, so that each is tried.
    """

    def __init__(self, expressions: tuple[str, ...], seed: int) -> None:
        shuffled = random.Random(seed).sample(expressions, len(expressions))  # noqa: S311
        self.places = {text: _places(text) for text in shuffled}
        self.left = dict.fromkeys(shuffled)
        self.scores: dict[str, list[float]] = defaultdict(list)

    def suggest(self) -> str:
        """Return an expression that was not suggested before."""
        if not self.left:
            raise SpaceExhaustedError("every function was suggested")
        means = {place: sum(known) / len(known) for place, known in self.scores.items()}
        best = max(self.left, key=lambda t: sum(means.get(p, 1.0) for p in self.places[t]))
        del self.left[best]
        return best

    def observe(self, expression: str, score: float) -> None:
        """Note the score for each operator in its place."""
        for place in self.places[expression]:
            self.scores[place].append(score)


def bandit(space: SearchSpace, seed: int) -> FromSuggester:
    """Make the optimizer of one search: this is what a simulation needs."""
    return FromSuggester(space, OperatorBandit(space.expressions, seed))


def main() -> None:
    """Check, simulate and print."""
    check_optimizer(bandit, evaluations=16)
    print("keeps the rules: budget, determinism, no peeking, pending asks, missing, exhaustion")
    searches: dict[str, Factory] = {
        "random": act_bench.optimizers.RandomSearch,
        "bandit": bandit,
    }
    simulation = act_bench.simulate("mlp", searches, trials=5, evaluations=30)
    for name in searches:
        last = pl.col("optimizer").eq(name) & pl.col("evaluation").eq(30)
        regret = np.median(simulation.steps.filter(last)["regret"].to_numpy())
        print(f"{name}: median regret after 30 evaluations {regret:.4f}")


def _places(expression: str) -> list[str]:
    """Return the operator at the root, and those of its arguments with their places."""
    tree = act_bench.parse(expression)
    return [tree.operator, *(f"{i}:{a.operator}" for i, a in enumerate(tree.arguments))]


if __name__ == "__main__":
    main()
