"""Tree-structured Parzen estimator, by Optuna, over the three operators of an expression."""

from __future__ import annotations

import optuna
from optuna.trial import Trial, TrialState

from act_bench.arguments import whole_number
from act_bench.search.events import Result
from surrogates.optimizers.each_once import EachOnce
from surrogates.protocol import SearchSpace, generator


class TreeParzen(EachOnce):
    """Asks for ``binary(left(x),right(x))`` with operators that good functions have more than bad.

    Bergstra, Bardenet, Bengio and Kegl (*Algorithms for Hyper-Parameter Optimization*, NeurIPS
    2011) as Optuna implements it, with one categorical parameter for each of ``binary``, ``left``
    and ``right``. Where it draws a function whose score is known, it is told that score at once and
    draws again, which costs nothing; after ``patience`` such draws the next function in random
    order is asked for.

    Needs Optuna: ``pip install 'act-bench[optuna]'``.

    Parameters
    ----------
    space : SearchSpace
        Of expressions of one binary and two unary operators.
    seed : int
        Of the sampler and of the random order.
    starts : int
        Random functions before the estimator is used; at least 1.
    patience : int
        Draws in a row that lead nowhere; at least 1.

    Examples
    --------
    >>> names = [["add(relu(x),elu(x))"], ["add(elu(x),elu(x))"]]
    >>> optimizer = TreeParzen(SearchSpace([0, 1], names, [[0.0], [1.0]]), seed=0)
    >>> sorted([optimizer.ask(), optimizer.ask()])
    ['add(elu(x),elu(x))', 'add(relu(x),elu(x))']
    """

    def __init__(
        self, space: SearchSpace, seed: int, *, starts: int = 10, patience: int = 20
    ) -> None:
        starts = whole_number(starts, "starts", least=1)
        patience = whole_number(patience, "patience", least=1)
        rng = generator(seed)
        super().__init__(space, rng.permutation(len(space)).tolist())
        self._patience = patience
        sampler = optuna.samplers.TPESampler(seed=int(rng.integers(2**32)), n_startup_trials=starts)
        self._study = _quiet_study(sampler)
        self._scores: dict[int, float] = {}
        self._trials: dict[int, Trial] = {}

    def ask(self) -> str:
        """Return a function that the estimator draws and that was not asked for."""
        if self._open.any():
            for _ in range(self._patience):
                trial = self._study.ask()
                position = self._space.find(self._suggest(trial))
                if position is not None and self._open[position]:
                    self._trials[position] = trial
                    return self._take(position)
                # Unless it runs, or the table does not cover it: then nothing can be told.
                known = None if position is None else self._scores.get(position)
                self._tell(trial, known)
        return self._take(self._next())

    def tell(self, result: Result) -> None:
        """Let the study know the score."""
        position = self._space.position.get(result.entry)
        if position is None:
            return
        if result.score is not None:
            self._scores[position] = result.score
        trial = self._trials.pop(position, None)
        if trial is not None:
            self._tell(trial, result.score)

    def _suggest(self, trial: Trial) -> str:
        operators = self._space.operators
        binary = trial.suggest_categorical("binary", operators[2])
        left = trial.suggest_categorical("left", operators[1])
        right = trial.suggest_categorical("right", operators[1])
        return f"{binary}({left}(x),{right}(x))"

    def _tell(self, trial: Trial, score: float | None) -> None:
        state = TrialState.FAIL if score is None else TrialState.COMPLETE
        self._study.tell(trial, score, state=state)


def _quiet_study(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    """Create a study in memory without the line that Optuna logs about it."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(direction="maximize", sampler=sampler)
    finally:
        optuna.logging.set_verbosity(level)
