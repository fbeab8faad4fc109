"""What a GRAFS search trains: the network of a recipe, and two parts of its training images.

Weights learn on three quarters of the training images and the architecture on the other quarter
(Strack et al. 2024). Neither the validation nor the test images of the benchmark are loaded onto
the search's side: they are for what is found, after it was trained again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from act_bench.functions.expression import parse
from regenerate import draws
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.grafs.cell import Mixture
from regenerate.images.batches import load_splits, to_network
from regenerate.networks import IMAGE_NETWORKS, build
from regenerate.networks.all_cnn_c import AllCNNC
from regenerate.networks.mlp import StackedMLP
from regenerate.recipes import Recipe
from regenerate.training.flat_weights import FlatWeights
from regenerate.training.image_trainer import INITIALIZATION_IMAGES
from regenerate.training.initialization import initialize
from regenerate.training.stacked_trainer import load_images

HELD_OUT: Final = 0.25
"""Share of the training images on which the architecture is judged."""


@dataclass(frozen=True)
class Part:
    """Images ready for the network, in float32, with labels (n,) int64."""

    images: Tensor
    labels: Tensor

    def batch(self, step: int, size: int, seed: int, purpose: str) -> tuple[Tensor, Tensor]:
        """Return batch number ``step`` of passes in random orders; incomplete ones are dropped.

        A part that is smaller than a batch is one batch. The batch depends on the arguments alone,
        so that a search can go on at any step.

        Examples
        --------
        >>> part = Part(torch.arange(5.0), torch.arange(5))
        >>> first, second = (part.batch(step, 2, 0, "example")[1] for step in (0, 1))
        >>> len(set(first.tolist()) | set(second.tolist()))
        4
        """
        count = len(self.labels)
        steps = max(1, count // size)
        order = draws.permutation(count, seed, f"{purpose} {step // steps}")
        start = step % steps * size
        chosen = torch.from_numpy(order[start : start + size]).to(self.labels.device)
        return self.images[chosen], self.labels[chosen]


@dataclass(frozen=True)
class Problem:
    """A network whose activation function is a mixture, and the images to train it on.

    Attributes
    ----------
    network
        Float32, with one place of ``mixture`` wherever the recipe has an activation function.
    scores
        From a batch of images to class scores (n, classes).
    training, held_out
        The two parts of the training images.
    """

    network: nn.Module
    scores: Callable[[Tensor], Tensor]
    training: Part
    held_out: Part


def make_problem(
    recipe: Recipe, mixture: Mixture, seed: int, *, device: str, data_dir: Path | None
) -> Problem:
    """Build the network of a recipe around a mixture and split its training images.

    The first weights are those that the recipe gives to a network with ReLU and this seed.
    Augmentation is left out. Where the recipe fits the first weights to function and images
    (``data_dependent``), what a place of the mixture reads has mean 0 and variance 1 in every
    batch: the mixture is another function in each forward pass, and no weights fit them all.

    Raises
    ------
    ValueError
        If the network is neither the mlp nor an image network, or the loss no cross-entropy.
    """
    if recipe.loss != "cross_entropy":
        raise ValueError(f"GRAFS searches with cross-entropy, the recipe has {recipe.loss!r}")
    if recipe.network == "mlp":
        return _stacked(recipe, mixture, seed, data_dir)
    if recipe.network in IMAGE_NETWORKS:
        return _images(recipe, mixture, seed, device, data_dir)
    raise ValueError(f"GRAFS does not know the network {recipe.network!r}")


def _stacked(recipe: Recipe, mixture: Mixture, seed: int, data_dir: Path | None) -> Problem:
    images = load_images(recipe, data_dir)
    pixels, labels = images.train.images.float(), images.train.labels
    network = StackedMLP(
        (pixels.shape[1], *recipe.widths, images.classes),
        [mixture.place() for _ in recipe.widths],
        (seed,),
        initialization=recipe.initialization,
        dtype=torch.float32,
    )

    def scores(batch: Tensor) -> Tensor:
        stacked: Tensor = network(batch[None])
        return stacked[0]

    return Problem(network, scores, *_parts(pixels, labels, seed))


def _images(
    recipe: Recipe, mixture: Mixture, seed: int, device: str, data_dir: Path | None
) -> Problem:
    splits = load_splits(
        recipe.dataset,
        image_size=recipe.image_size,
        train_images=recipe.train_images,
        device=device,
        data_dir=data_dir,
    )
    relu = parse("relu(x)")
    table = TabulatedActivation(tabulate(relu))
    started = build(recipe.network, lambda: table, width=recipe.width, classes=splits.classes).to(
        device
    )
    weights = FlatWeights(started)
    first = to_network(splits.train.images[:INITIALIZATION_IMAGES])
    initialize(started, weights, relu, seed, recipe.initialization, first)
    network = build(recipe.network, mixture.place, width=recipe.width, classes=splits.classes).to(
        device
    )
    with torch.no_grad():
        for parameter, master in zip(network.parameters(), weights.master_views, strict=True):
            parameter.copy_(master)
    if isinstance(network, AllCNNC) and recipe.initialization == "data_dependent":
        for convolution in network.convolutions[:-1]:  # the last one gives the class scores
            convolution.register_forward_hook(_standardized)
    images = to_network(splits.train.images).float().contiguous()
    return Problem(network, network, *_parts(images, splits.train.labels, seed))


def _standardized(module: nn.Module, inputs: tuple[Tensor, ...], response: Tensor) -> Tensor:
    """Return maps with mean 0 and variance 1 in every channel over the batch."""
    del module, inputs
    return functional.batch_norm(response, None, None, training=True)


def _parts(images: Tensor, labels: Tensor, seed: int) -> tuple[Part, Part]:
    order = torch.from_numpy(draws.permutation(len(labels), seed, "grafs split")).to(labels.device)
    held_out, training = order.tensor_split([round(HELD_OUT * len(labels))])
    return Part(images[training], labels[training]), Part(images[held_out], labels[held_out])
