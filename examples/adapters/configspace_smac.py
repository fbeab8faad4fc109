"""SMAC over a ConfigSpace space: python examples/adapters/configspace_smac.py"""

from tempfile import TemporaryDirectory

from ConfigSpace import ConfigurationSpace
from smac import HyperparameterOptimizationFacade, Scenario

import act_bench
from act_bench import Benchmark

REQUIRES = ("ConfigSpace", "smac")


def config_space(bench: Benchmark, seed: int = 0) -> ConfigurationSpace:
    """Return the functions of a benchmark as ``binary(left(x),right(x))``: every spelling, once."""
    unary, binary = (list(bench.space.operators[arity]) for arity in (1, 2))
    return ConfigurationSpace({"binary": binary, "left": unary, "right": unary}, seed=seed)


def search(bench: Benchmark, evaluations: int, seed: int) -> None:
    """Let SMAC minimize the loss of the benchmark."""

    def target(config, seed: int = 0) -> float:  # noqa: ARG001
        return bench.query("{binary}({left}(x),{right}(x))".format(**config)).loss

    with TemporaryDirectory() as folder:
        scenario = Scenario(
            config_space(bench, seed),
            output_directory=folder,
            deterministic=True,
            n_trials=evaluations,
            seed=seed,
        )
        HyperparameterOptimizationFacade(scenario, target, logging_level=False).optimize()


if __name__ == "__main__":
    benchmark = act_bench.Benchmark("mlp")
    search(benchmark, evaluations=100, seed=0)
    print(benchmark.reveal())
