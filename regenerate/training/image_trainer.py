"""Train image networks: bfloat16 convolutions, float32 master weights, tabulated activations.

What keeps a step short: images are on the device, normalised, once; batches are ``channels_last``;
an activation and its slope are one look-up; the optimiser is a handful of operations on one vector
(`regenerate.training.flat_weights`); and on a GPU nothing waits for the device but a look at the
losses every `CHECK_EVERY` steps, and crops, whose places are drawn on the CPU. On CPUs one process
a core, each with one thread, trains most runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from act_bench.functions.corrected import Corrected
from regenerate.activations import Tables, TabulatedActivation, tabulate
from regenerate.activations.learnable import Activation, learns
from regenerate.images.batches import Pixels, Splits, batches, load_splits, to_network
from regenerate.networks import IMAGE_NETWORKS, build, build_learning
from regenerate.recipes.limits import check, check_batch
from regenerate.recipes.recipe import Recipe
from regenerate.runs import clock
from regenerate.runs.environment import device_name, environment
from regenerate.runs.run import Run
from regenerate.training.allocator import keep_freed_memory
from regenerate.training.dispatch import Progress
from regenerate.training.flat_weights import FlatWeights, make_optimizer
from regenerate.training.initialization import initialize
from regenerate.training.losses import evaluation_loss
from regenerate.training.schedule import learning_rate
from regenerate.training.step import make_step

EVALUATION_BATCH = {"cpu": 100, "cuda": 1000}  # small enough for a CPU's cache
INITIALIZATION_IMAGES = 256
TRAIN_METRIC_IMAGES = 2000
"""The training metrics after the last epoch are of the first so many training images."""
CHECK_EVERY = 50

FIXED = {
    "dtype": ("bfloat16",),
    "activation": ("tabulated",),
    "widths": ((),),
}
"""Field of a recipe -> what this trainer does."""


@dataclass(frozen=True)
class Metrics:
    """Mean loss in nats and accuracy over a split."""

    loss: float
    accuracy: float


def train(
    recipe: Recipe,
    expression: Activation,
    seeds: Sequence[int],
    *,
    device: str = "cpu",
    data_dir: Path | None = None,
    progress: Progress | None = None,
) -> list[Run]:
    """Train a network one seed after the other; see ``regenerate.training.dispatch.train``.

    A run diverges in the step, or in the evaluation, in which its loss is not finite. Training
    metrics are of the first 2,000 training images. A function that learns a parameter cannot be
    tabulated: it is composed in float32 and rounded once.

    Raises
    ------
    ValueError
        If the recipe asks for what this trainer does not do.
    """
    check(recipe, {"network": tuple(IMAGE_NETWORKS), **FIXED})  # users may have added networks
    if device == "cpu":
        keep_freed_memory()
    splits = load_splits(
        recipe.dataset,
        image_size=recipe.image_size,
        train_images=recipe.train_images,
        device=device,
        data_dir=data_dir,
        evaluation_crop=recipe.evaluation_crop,
    )
    check_batch(recipe, len(splits.train))
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

        training = _Training(recipe, expression, tables, splits, seed, device)
        runs.append(training.run(report, shared_s))
    return runs


class _Training:
    """One training run, from the drawing of weights to the record."""

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
        self.network = _network(recipe, expression, tables, splits).to(self.device)
        self.weights = FlatWeights(self.network)
        self.step = make_step(recipe, self.network, self.weights)
        self.optimizer = make_optimizer(recipe, self.weights)
        self.images_seen = 0
        self.train_losses: list[float] = []
        self.validations: list[Metrics] = []

    def run(self, report: Progress, shared_s: float) -> Run:
        """Train and evaluate; ``shared_s`` is this run's share of the time spent before."""
        first = to_network(self.splits.train.images[:INITIALIZATION_IMAGES])
        kind = self.recipe.initialization
        initialize(self.network, self.weights, self.expression, self.seed, kind, first)
        final = self._train(report)
        names = ("train", "validation", "test")
        name = device_name(str(self.device))
        runtime_s = clock.seconds(self.device.type) - self.start + shared_s
        scores = {
            f"{split}_{metric}": getattr(final[split], metric) if final else None
            for split in names
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
            validation = self._evaluate(self.splits.validation)
            if not math.isfinite(validation.loss):
                return None
            self.train_losses.append(train_loss)
            self.validations.append(validation)
            report(number / looks)
        train = self.splits.train
        final = {
            "train": self._evaluate(
                Pixels(train.images[:TRAIN_METRIC_IMAGES], train.labels[:TRAIN_METRIC_IMAGES])
            ),
            "validation": self.validations[-1],
            "test": self._evaluate(self.splits.test),
        }
        return final if all(math.isfinite(each.loss) for each in final.values()) else None

    def _train_losses(self) -> Iterator[float]:
        """Train up to the next checkpoint and yield the mean loss of its steps; ends with the last.

        The loss is NaN or infinite if it broke; then nothing more is trained.
        """
        recipe, batch_size = self.recipe, self.recipe.batch_size
        steps = len(self.splits.train) // batch_size
        ends = {images // batch_size for images in recipe.checkpoints(len(self.splits.train))}
        every = 1 if self.device.type == "cpu" else CHECK_EVERY
        losses: list[Tensor] = []
        self.network.train()
        for epoch in range(recipe.epochs):
            examples = batches(self.splits.train, batch_size, self.seed, epoch, recipe.augmentation)
            for step, (images, targets) in enumerate(examples):
                loss, gradient = self.step(images, targets)
                losses.append(loss)
                broken = len(losses) % every == 0 and not bool(loss.isfinite())
                if not broken:
                    self.optimizer.step(gradient, learning_rate(recipe, epoch + step / steps))
                if broken or epoch * steps + step + 1 in ends:
                    yield self._mean(losses)
                    losses = []
                    self.network.train()

    def _mean(self, losses: Sequence[Tensor]) -> float:
        """Return the mean loss of some steps, and count the images of those up to a broken one."""
        values = torch.stack(list(losses)).double().cpu()
        # A loss that is not finite is seen up to CHECK_EVERY steps late; count to its own step.
        broken = (~values.isfinite()).nonzero()
        counted = int(broken[0]) + 1 if len(broken) else len(losses)
        self.images_seen += counted * self.recipe.batch_size
        return float(values.mean())

    def _evaluate(self, pixels: Pixels) -> Metrics:
        return evaluate(self.recipe, self.network, pixels)


def _network(
    recipe: Recipe, function: Activation, tables: Tables | None, splits: Splits
) -> nn.Module:
    """Return the network: one table serves every layer; a learner is composed, one a layer."""
    if tables is not None:
        activation = TabulatedActivation(tables)
        return build(recipe.network, lambda: activation, width=recipe.width, classes=splits.classes)
    return build_learning(
        recipe.network,
        function,
        width=recipe.width,
        classes=splits.classes,
        side=splits.train.images.shape[1],
    )


@torch.no_grad()
def evaluate(recipe: Recipe, network: nn.Module, pixels: Pixels) -> Metrics:
    """Return the metrics over all of ``pixels``; the network is left in evaluation mode."""
    network.eval()
    size = EVALUATION_BATCH["cuda" if pixels.labels.is_cuda else "cpu"]
    losses, correct = [], []
    for images, labels in zip(
        torch.split(pixels.images, size), torch.split(pixels.labels, size), strict=True
    ):
        scores = network(to_network(images)).float()
        losses.append(evaluation_loss(recipe, scores, labels))
        correct.append((scores.argmax(1) == labels).sum())
    count = len(pixels)
    loss = torch.stack(losses).double().sum()
    return Metrics(float(loss) / count, int(torch.stack(correct).sum()) / count)
