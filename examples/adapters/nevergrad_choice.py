"""Nevergrad over choices of operators: python examples/adapters/nevergrad_choice.py"""

import nevergrad as ng

import act_bench
from act_bench import Benchmark

REQUIRES = ("nevergrad",)


def search(bench: Benchmark, evaluations: int, seed: int) -> None:
    """Let an evolution strategy of Nevergrad minimize the loss of the benchmark."""
    unary, binary = (bench.space.operators[arity] for arity in (1, 2))
    choices = ng.p.Dict(
        binary=ng.p.Choice(binary), left=ng.p.Choice(unary), right=ng.p.Choice(unary)
    )
    choices.random_state.seed(seed)

    def loss(chosen: dict[str, str]) -> float:
        return bench.query("{binary}({left}(x),{right}(x))".format(**chosen)).loss

    ng.optimizers.DiscreteOnePlusOne(choices, budget=evaluations).minimize(loss)


if __name__ == "__main__":
    benchmark = act_bench.Benchmark("mlp")
    search(benchmark, evaluations=100, seed=0)
    print(benchmark.reveal())
