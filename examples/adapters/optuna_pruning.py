"""Optuna, which stops trainings that begin badly: python examples/adapters/optuna_pruning.py"""

import optuna

import act_bench
from act_bench import Benchmark

REQUIRES = ("optuna",)


def search(bench: Benchmark, evaluations: int, seed: int) -> None:
    """Let a study maximize the score; a pruned trial is charged for its epochs alone."""
    unary, binary = (bench.space.operators[arity] for arity in (1, 2))

    def objective(trial: optuna.Trial) -> float:
        names = trial.suggest_categorical("binary", binary)
        left, right = (trial.suggest_categorical(side, unary) for side in ("left", "right"))
        expression = f"{names}({left}(x),{right}(x))"
        for epoch in range(1, bench.epochs):
            trial.report(bench.query(expression, epochs=epoch).score, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return bench.query(expression).score

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=10),
    )
    study.optimize(objective, n_trials=evaluations)


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    benchmark = act_bench.Benchmark("mlp")
    search(benchmark, evaluations=100, seed=0)
    print(benchmark.reveal())
