"""Adapters: what was not written for this benchmark, as an optimizer that can be simulated.

Both need the space to know which answer belongs to which question, and nothing else of it. What
diverged is passed on with the chance level as its score; what is missing, as a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from act_bench.errors import ArgumentError
from act_bench.search.events import Result
from surrogates.search_space import SearchSpace

if TYPE_CHECKING:
    from optuna import Study, Trial


class Suggester(Protocol):
    """Any object with ``suggest()`` and ``observe(expression, score)``."""

    def suggest(self) -> str:
        """Return an expression of the space."""
        ...

    def observe(self, expression: str, score: float) -> None:
        """Learn the score of what was suggested."""
        ...


class FromSuggester:
    """An object with ``suggest()`` and ``observe()`` as an optimizer.

    Examples
    --------
    >>> class Always:
    ...     def suggest(self):
    ...         return "relu(x)"
    ...     def observe(self, expression, score):
    ...         print(expression, round(score, 4))
    >>> from act_bench.search.benchmark import Benchmark
    >>> from act_bench.search.loading import load_data
    >>> data = load_data("mlp")
    >>> optimizer = FromSuggester(SearchSpace.of(data), Always())
    >>> optimizer.tell(Benchmark(data).query(optimizer.ask()))
    relu(x) 0.9316
    """

    def __init__(self, space: SearchSpace, suggester: Suggester) -> None:
        self._space = space
        self._suggester = suggester
        self._asked: dict[int | None, list[str]] = {}

    def ask(self) -> str:
        """Return what the object suggests."""
        expression = self._suggester.suggest()
        self._asked.setdefault(self._space.find(expression), []).append(expression)
        return expression

    def tell(self, result: Result) -> None:
        """Let the object observe the score, unless there is none."""
        expression = self._asked[self._space.position.get(result.entry)].pop(0)
        if result.score is not None:
            self._suggester.observe(expression, result.score)


class FromStudy:
    """An Optuna study that maximizes, as an optimizer; ``suggest`` makes a trial an expression.

    Raises
    ------
    act_bench.errors.ArgumentError
        The study minimizes, or has several objectives; a ValueError.
    """

    def __init__(self, space: SearchSpace, study: Study, suggest: Callable[[Trial], str]) -> None:
        directions = [direction.name.lower() for direction in study.directions]
        if directions != ["maximize"]:
            raise ArgumentError(
                "expected a study of the direction maximize, for scores are better when higher; "
                f"got {', '.join(directions)}: optuna.create_study(direction='maximize')"
            )
        self._space = space
        self._study = study
        self._suggest = suggest
        self._asked: dict[int | None, list[Trial]] = {}

    def ask(self) -> str:
        """Return the expression of a new trial."""
        trial = self._study.ask()
        expression = self._suggest(trial)
        self._asked.setdefault(self._space.find(expression), []).append(trial)
        return expression

    def tell(self, result: Result) -> None:
        """Finish the trial with the score; without one it failed."""
        from optuna.trial import TrialState

        trial = self._asked[self._space.position.get(result.entry)].pop(0)
        state = TrialState.FAIL if result.score is None else TrialState.COMPLETE
        self._study.tell(trial, result.score, state=state)
