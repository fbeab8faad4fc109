"""Train image networks: bfloat16 convolutions, float32 master weights, tabulated activations.

What keeps a step short: images are on the device, normalized, once; batches are ``channels_last``;
an activation and its slope are one look-up; the optimizer is a handful of operations on one vector
(`regenerate.training.flat_weights`); and on a GPU nothing waits for the device but a look at the
losses every ``training_run.CHECK_EVERY`` steps, and crops, whose places are drawn on the CPU. On
CPUs one process per core, each with one thread, trains most runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from regenerate.activations import Tables, TabulatedActivation
from regenerate.activations.learnable import Activation
from regenerate.images.batches import Pixels, Splits, batches, load_splits, to_network
from regenerate.networks import IMAGE_NETWORKS, build, build_learning
from regenerate.recipes.limits import IMAGES_ONLY, check, check_batch
from regenerate.recipes.recipe import Recipe
from regenerate.runs.run import Run
from regenerate.training.allocator import keep_freed_memory
from regenerate.training.dispatch import OBSERVED, Observer, Progress
from regenerate.training.initialization import initialize
from regenerate.training.losses import evaluation_loss
from regenerate.training.training_run import Metrics, TrainingRun, train_seeds

EVALUATION_BATCH = {"cpu": 100, "cuda": 1000}
"""Images whose losses are summed at once; that order shows in the last digits of a mean."""
CPU_PIXELS = 500 * 16 * 16
"""As many whole batches pass a CPU at once as have so many pixels: of small images that saves a
quarter of the time of an evaluation, of larger ones they would leave the cache."""
INITIALIZATION_IMAGES = 256
TRAIN_METRIC_IMAGES = 2000
"""The training metrics after the last epoch are of the first so many training images."""

FIXED = {
    "dtype": ("bfloat16",),
    "activation": ("tabulated",),
    "widths": ((),),
    **IMAGES_ONLY,
}
"""Field of a recipe -> what this trainer does."""


def train(
    recipe: Recipe,
    expression: Activation,
    seeds: Sequence[int],
    *,
    device: str = "cpu",
    data_dir: Path | None = None,
    progress: Progress | None = None,
    observe: Observer | None = None,
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

    def make(tables: Tables | None, seed: int) -> TrainingRun[Splits]:
        return _ImageRun(recipe, expression, tables, splits, seed, device)

    return train_seeds(expression, seeds, make, device=device, progress=progress, observe=observe)


class _ImageRun(TrainingRun[Splits]):
    """A run of an image network."""

    def _build(self, tables: Tables | None) -> nn.Module:
        return _network(self.recipe, self.expression, tables, self.splits)

    def _initialize(self) -> None:
        first = to_network(self.splits.train.images[:INITIALIZATION_IMAGES])
        kind = self.recipe.initialization
        initialize(self.network, self.weights, self.expression, self.seed, kind, first)

    def _batches(self, epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        recipe = self.recipe
        return batches(self.splits.train, recipe.batch_size, self.seed, epoch, recipe.augmentation)

    def _observed(self) -> Tensor:
        return to_network(self.splits.validation.images[:OBSERVED])

    def _evaluate(self, split: str) -> Metrics:
        pixels: Pixels = getattr(self.splits, split)
        if split == "train":
            pixels = Pixels(
                pixels.images[:TRAIN_METRIC_IMAGES], pixels.labels[:TRAIN_METRIC_IMAGES]
            )
        return evaluate(self.recipe, self.network, pixels)


def _network(
    recipe: Recipe, function: Activation, tables: Tables | None, splits: Splits
) -> nn.Module:
    """Return the network: one table serves every layer; a learner is composed, one per layer."""
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
    _, height, width, _ = pixels.images.shape
    at_once = size * (1 if pixels.labels.is_cuda else max(1, CPU_PIXELS // (size * height * width)))
    losses, correct = [], []
    for images, labels in zip(
        torch.split(pixels.images, at_once), torch.split(pixels.labels, at_once), strict=True
    ):
        scores = network(to_network(images)).float()
        losses += [
            evaluation_loss(recipe, some, theirs)
            for some, theirs in zip(
                torch.split(scores, size), torch.split(labels, size), strict=True
            )
        ]
        correct.append((scores.argmax(1) == labels).sum())
    count = len(pixels)
    loss = torch.stack(losses).double().sum()
    return Metrics(float(loss) / count, int(torch.stack(correct).sum()) / count)
