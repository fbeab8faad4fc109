"""One training run, from the drawing of weights to the record, whatever the network learns from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from act_bench.functions.corrected import Corrected
from regenerate.activations import Tables, tabulate
from regenerate.activations.learnable import Activation, learns
from regenerate.recipes.recipe import Recipe
from regenerate.runs import clock
from regenerate.runs.environment import device_name, environment
from regenerate.runs.run import Run
from regenerate.training.dispatch import Observer, Progress
from regenerate.training.flat_weights import FlatWeights, Optimizer, make_optimizer
from regenerate.training.schedule import learning_rate
from regenerate.training.step import make_step

CHECK_EVERY = 50
"""On a GPU, steps between two looks at the losses, for which it has to be waited."""

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Metrics:
    """Mean loss in nats and accuracy over a split."""

    loss: float
    accuracy: float


class DataSplits(Protocol):
    """What a run needs to know of its data."""

    @property
    def train(self) -> Sized:
        """The training examples, images or sequences, that an epoch passes over."""

    @property
    def fingerprint(self) -> str:
        """That of the data."""


Splits = TypeVar("Splits", bound=DataSplits)


class TrainingRun(ABC, Generic[Splits]):
    """What trainers of different data have in common; a subclass knows its data and network.

    Parameters
    ----------
    recipe, expression, seed
        What to train.
    tables
        The function's tables; None for a function that learns, which has none.
    splits
        The data.
    device
        A torch device.
    """

    def __init__(
        self,
        recipe: Recipe,
        expression: Activation,
        tables: Tables | None,
        splits: Splits,
        seed: int,
        device: str,
    ) -> None:
        self.start = clock.seconds(device)
        self.recipe, self.expression, self.splits = recipe, expression, splits
        self.seed, self.device = seed, torch.device(device)
        self.network = self._build(tables).to(self.device)
        self.weights = FlatWeights(self.network)
        self.step = make_step(recipe, self.network, self.weights)
        self.optimizer = self._make_optimizer()
        self.images_seen = 0
        self.train_losses: list[float] = []
        self.validations: list[Metrics] = []

    @abstractmethod
    def _build(self, tables: Tables | None) -> nn.Module:
        """Return the network."""

    @abstractmethod
    def _initialize(self) -> None:
        """Set the initial weights."""

    @abstractmethod
    def _batches(self, epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        """Return the inputs and targets of an epoch's steps."""

    @abstractmethod
    def _observed(self) -> Tensor:
        """Return the batch of validation that an observer is shown."""

    @abstractmethod
    def _evaluate(self, split: str) -> Metrics:
        """Return the metrics of one of `SPLITS`; may leave the network in evaluation mode."""

    def _make_optimizer(self) -> Optimizer:
        return make_optimizer(self.recipe, self.weights)

    def run(self, report: Progress, shared_s: float, observe: Observer | None = None) -> Run:
        """Train and evaluate; ``shared_s`` is this run's share of the time spent before."""
        self._initialize()
        if observe is not None:
            observe("initialization", self.network, self._observed())
        final = self._train(report)
        if observe is not None and final is not None:
            observe("trained", self.network, self._observed())
        name = device_name(str(self.device))
        runtime_s = clock.seconds(self.device.type) - self.start + shared_s
        scores = {
            f"{split}_{metric}": getattr(final[split], metric) if final else None
            for split in SPLITS
            for metric in ("accuracy", "loss")
        }
        return Run(
            expression=str(self.expression),
            fidelity=self.recipe.fidelity,
            learning_rate=self.recipe.learning_rate,
            seed=self.seed,
            outcome="ok" if final else "diverged",
            **scores,
            train_loss_curve=tuple(self.train_losses),
            validation_loss_curve=tuple(each.loss for each in self.validations),
            validation_accuracy_curve=tuple(each.accuracy for each in self.validations),
            runtime_s=runtime_s,
            images_seen=self.images_seen,
            device=name,
            recipe_sha=self.recipe.sha,
            versions=environment(self.splits.fingerprint, name),
        )

    def _train(self, report: Progress) -> dict[str, Metrics] | None:
        """Return the metrics after the last epoch, or None if a loss was not finite."""
        looks = len(self.recipe.checkpoints(len(self.splits.train)))
        for number, train_loss in enumerate(self._train_losses(), start=1):
            if not math.isfinite(train_loss):
                return None
            validation = self._evaluate("validation")
            if not math.isfinite(validation.loss):
                return None
            self.train_losses.append(train_loss)
            self.validations.append(validation)
            report(number / looks)
        final = {
            "train": self._evaluate("train"),
            "validation": self.validations[-1],
            "test": self._evaluate("test"),
        }
        return final if all(math.isfinite(each.loss) for each in final.values()) else None

    def _train_losses(self) -> Iterator[float]:
        """Train up to the next checkpoint and yield the mean loss of its steps; ends with the last.

        The loss is NaN or infinite if it broke; then nothing more is trained.
        """
        recipe, batch_size = self.recipe, self.recipe.batch_size
        steps = len(self.splits.train) // batch_size
        ends = {examples // batch_size for examples in recipe.checkpoints(len(self.splits.train))}
        every = 1 if self.device.type == "cpu" else CHECK_EVERY
        losses: list[Tensor] = []
        self.network.train()
        for epoch in range(recipe.epochs):
            for step, (inputs, targets) in enumerate(self._batches(epoch)):
                loss, gradient = self.step(inputs, targets)
                losses.append(loss)
                broken = len(losses) % every == 0 and not bool(loss.isfinite())
                if not broken:
                    self.optimizer.step(gradient, learning_rate(recipe, epoch + step / steps))
                if broken or epoch * steps + step + 1 in ends:
                    yield self._mean(losses)
                    losses = []
                    self.network.train()

    def _mean(self, losses: Sequence[Tensor]) -> float:
        """Return the mean loss of some steps, and count the examples up to a broken one."""
        values = torch.stack(list(losses)).double().cpu()
        # A loss that is not finite is seen up to CHECK_EVERY steps late; count to its own step.
        broken = (~values.isfinite()).nonzero()
        counted = int(broken[0]) + 1 if len(broken) else len(losses)
        self.images_seen += counted * self.recipe.batch_size
        return float(values.mean())


def train_seeds(
    expression: Activation,
    seeds: Sequence[int],
    make: Callable[[Tables | None, int], TrainingRun[Splits]],
    *,
    device: str,
    progress: Progress | None,
    observe: Observer | None = None,
) -> list[Run]:
    """Train one seed after the other with tables of the function that are made once.

    Parameters
    ----------
    expression, seeds, device, progress, observe
        As for ``regenerate.training.dispatch.train``.
    make
        Prepares the run of a seed; its tables are None for a function that learns.
    """
    start = clock.seconds(device)
    # A corrected function always learns; the first test is for its type.
    if isinstance(expression, Corrected) or learns(expression):
        tables = None
    else:
        tables = tabulate(expression)
    shared_s = (clock.seconds(device) - start) / max(1, len(seeds))
    runs = []
    for number, seed in enumerate(seeds):

        def report(share: float, done: int = number) -> None:
            if progress is not None:
                progress((done + share) / len(seeds))

        runs.append(make(tables, seed).run(report, shared_s, observe))
    return runs
