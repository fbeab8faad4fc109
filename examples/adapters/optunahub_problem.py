"""A benchmark class in the manner of OptunaHub: python examples/adapters/optunahub_problem.py"""

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optunahub.benchmarks import BaseProblem

import act_bench
from act_bench import Benchmark

REQUIRES = ("optunahub", "optuna")


class Problem(BaseProblem):
    """The functions of a benchmark, by operators: maximize the score."""

    def __init__(self, bench: Benchmark) -> None:
        self.bench = bench

    @property
    def search_space(self) -> dict[str, BaseDistribution]:
        unary, binary = (CategoricalDistribution(self.bench.space.operators[n]) for n in (1, 2))
        return {"binary": binary, "left": unary, "right": unary}

    @property
    def directions(self) -> list[optuna.study.StudyDirection]:
        return [optuna.study.StudyDirection.MAXIMIZE]

    def evaluate(self, params: dict[str, str]) -> float:
        return self.bench.query("{binary}({left}(x),{right}(x))".format(**params)).score


def search(bench: Benchmark, evaluations: int, seed: int) -> None:
    """Let a study of Optuna optimize the problem."""
    problem, sampler = Problem(bench), optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(directions=problem.directions, sampler=sampler)
    study.optimize(problem, n_trials=evaluations)


if __name__ == "__main__":
    search(act_bench.Benchmark("mlp"), evaluations=100, seed=0)
