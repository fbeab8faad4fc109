"""A run: what one training gives. Its fields are the run columns of the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from act_bench.tables.aggregation import is_diverged

Outcome = Literal["ok", "diverged"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training of a network with one activation function and one seed.

    Parameters
    ----------
    expression
        The canonical spelling of the function.
    fidelity
        The fidelity of the recipe.
    seed
        Seed of the initial weights and of the order of the images.
    outcome
        ``diverged`` when a loss was not finite, in training or when evaluated; else ``ok``.
    train_accuracy, validation_accuracy, test_accuracy
        Fractions in [0, 1] after the last epoch, of images or of tokens; None for a diverged run.
    train_loss, validation_loss, test_loss
        Mean losses in nats, per image or token, after the last epoch; None for a diverged run.
    train_loss_curve
        For each finished epoch, the mean loss in nats over its steps.
    validation_loss_curve, validation_accuracy_curve
        The same for validation, evaluated after each epoch. The curves of a diverged run stop
        after its last wholly finite epoch, and may be empty.
    runtime_s
        Seconds of training and evaluation: processor time where one thread does all the work, so
        that a busy machine does not lengthen it, wall time otherwise. Seeds that train in one stack
        share its time equally.
    images_seen
        Training images, or sequences of tokens, that went through the network, a repeated one
        counted again. A diverged run stops with the step in which its loss was no longer finite.
    device
        Where it ran: ``"cpu"``, or the name of the GPU.
    recipe_sha
        ``Recipe.sha`` of its recipe.
    versions
        JSON of the environment, from ``regenerate.runs.environment.environment``.
    entry
        Number of the function in the space, or None outside it.
    learning_rate
        ``Recipe.learning_rate`` of its recipe; None where a network is trained by its owner's own
        function.
    """

    expression: str
    fidelity: str
    seed: int
    outcome: Outcome
    train_accuracy: float | None
    validation_accuracy: float | None
    test_accuracy: float | None
    train_loss: float | None
    validation_loss: float | None
    test_loss: float | None
    train_loss_curve: tuple[float, ...]
    validation_loss_curve: tuple[float, ...]
    validation_accuracy_curve: tuple[float, ...]
    runtime_s: float
    images_seen: int
    device: str
    recipe_sha: str
    versions: str
    entry: int | None = None
    learning_rate: float | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the run that a row of a runs table holds; lists become tuples."""
        cells: dict[str, Any] = {
            name: tuple(cell) if isinstance(cell, list) else cell for name, cell in row.items()
        }
        return cls(**cells)


def diverges(runs: Sequence[Run]) -> bool:
    """Return whether the function of some runs counts as diverged: at least half of them did."""
    return is_diverged(len(runs), sum(run.outcome == "diverged" for run in runs))
