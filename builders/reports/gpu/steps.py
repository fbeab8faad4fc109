"""A recipe's training step on made-up images, without its data: what is checked and timed."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from act_bench.functions.expression import parse
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.networks import build
from regenerate.recipes import Recipe
from regenerate.training.flat_weights import FlatWeights, make_optimizer
from regenerate.training.step import EagerStep, Recorder, ReplayedStep, Step

BATCHES: Final = 4
"""Different batches, taken in turns."""
SIDE: Final = {"cifar10": 32, "imagenette": 160}
"""Side of the images of a data set in pixels, where the recipe leaves them as they are."""
CLASSES: Final = 10
FUNCTION: Final = "swish(x)"


class TrainingStep:
    """Forward, backward and optimizer of a recipe, on images drawn at random.

    Parameters
    ----------
    recipe
        Of an image network.
    device
        A torch device; ``meta`` computes nothing, and finds what could not be recorded.
    record
        Records the step, see ``regenerate.training.step.ReplayedStep``; None leaves it as it is.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> step = TrainingStep(find("cnn", "proxy"), "meta")
    >>> step.take(0).shape
    torch.Size([])
    """

    def __init__(self, recipe: Recipe, device: str, *, record: Recorder | None = None) -> None:
        self.recipe = recipe
        # Weights and images are drawn on the CPU, the same for every device.
        random = torch.Generator().manual_seed(0)
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            activation = TabulatedActivation(tabulate(parse(FUNCTION)))
            network = build(recipe.network, lambda: activation, width=recipe.width, classes=CLASSES)
        self.network = network.to(device)
        self.weights = FlatWeights(self.network)
        self._optimizer = make_optimizer(recipe, self.weights)
        side = recipe.image_size or SIDE.get(recipe.dataset, 32)
        shape = (recipe.batch_size, side, side, 3)
        self._batches = []
        for _ in range(BATCHES):
            images = torch.randn(shape, generator=random).bfloat16().permute(0, 3, 1, 2)
            labels = torch.randint(0, CLASSES, shape[:1], generator=random)
            self._batches.append((images.to(device), labels.to(device)))
        step: Step = EagerStep(recipe, self.network, self.weights)
        self._step = step if record is None else ReplayedStep(step, self.network, record)

    def gradient(self, number: int) -> tuple[Tensor, Tensor]:
        """Return loss and gradient of a batch; the next call may overwrite the gradient."""
        return self._step(*self._batches[number % BATCHES])

    def update(self, gradient: Tensor) -> None:
        """Move the weights, by little enough that any number of steps stays finite."""
        self._optimizer.step(gradient, 1e-4)

    def take(self, number: int) -> Tensor:
        """Take a whole step and return its loss."""
        loss, gradient = self.gradient(number)
        self.update(gradient)
        return loss


def step_flops(recipe: Recipe) -> int:
    """Return the floating-point operations of a step's products and convolutions, both ways.

    Counted by torch as the step passes over tensors without content, on the path of GPUs.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> step_flops(find("cnn", "proxy")) // 10**8
    28
    """
    step = TrainingStep(recipe, "meta")
    with FlopCounterMode(display=False) as counter:
        step.take(0)
    return int(counter.get_total_flops())
