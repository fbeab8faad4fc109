"""A task of CARP-S, and one of its optimizers on it: python examples/adapters/carps_task.py"""

from carps.objective_functions.objective_function import ObjectiveFunction
from carps.optimizers.random_search import RandomSearchOptimizer
from carps.utils.task import InputSpace, OptimizationResources, OutputSpace, Task, TaskMetadata
from carps.utils.trials import TrialInfo, TrialValue
from ConfigSpace import ConfigurationSpace

import act_bench
from act_bench import Benchmark

REQUIRES = ("carps",)


class Functions(ObjectiveFunction):
    """The loss of a benchmark by operators; virtual time is that of training."""

    def __init__(self, bench: Benchmark, seed: int) -> None:
        super().__init__()
        unary, binary = (list(bench.space.operators[arity]) for arity in (1, 2))
        names = {"binary": binary, "left": unary, "right": unary}
        self.bench, self.space = bench, ConfigurationSpace(names, seed=seed)

    @property
    def configspace(self) -> ConfigurationSpace:
        return self.space

    def _evaluate(self, trial_info: TrialInfo) -> TrialValue:
        answer = self.bench.query("{binary}({left}(x),{right}(x))".format(**trial_info.config))
        return TrialValue(cost=answer.loss, virtual_time=answer.cost_s)


def search(bench: Benchmark, evaluations: int, seed: int) -> None:
    """Let an optimizer of CARP-S work on the task."""
    function, resources = Functions(bench, seed), OptimizationResources(n_trials=evaluations)
    about = TaskMetadata(domain="NAS", has_virtual_time=True, deterministic=True)
    spaces = InputSpace(function.configspace), OutputSpace()
    RandomSearchOptimizer(Task("act", function, *spaces, resources, about, seed)).run()


if __name__ == "__main__":
    search(act_bench.Benchmark("mlp"), evaluations=100, seed=0)
