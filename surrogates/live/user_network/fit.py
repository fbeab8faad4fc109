"""The training loop for a user's own network: nothing that a network must know of.

Float32, composed activation functions, cross-entropy; weights and the order of the examples come
from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from regenerate.draws import permutation
from regenerate.recipes import Recipe
from regenerate.recipes.limits import IMAGES_ONLY
from regenerate.training.optimizers import torch_optimizer
from regenerate.training.schedule import learning_rate
from regenerate.training.trainers import Progress
from surrogates.live.user_network.examples import Examples, NetworkError, check_scores

_EVALUATION_BATCH = 1000

FIXED: Final = {
    "dtype": ("float32",),
    "activation": ("composed",),
    "loss": ("cross_entropy",),
    "widths": ((),),
    "width": (1.0,),
    "initialization": ("he",),
    "augmentation": ("none",),
    "image_size": (None,),
    "train_images": (None,),
    "target_threshold": (None,),
    "evaluation_crop": (1.0,),
    "evaluations_per_epoch": (1,),
    "undefined": ("as_written",),
    **IMAGES_ONLY,
}
"""Field of a recipe -> what this loop does; network and data are the user's."""


@dataclass(frozen=True)
class Metrics:
    """Mean loss in nats and accuracy over a split."""

    loss: float
    accuracy: float


@dataclass
class Fit:
    """The record of one training; it diverged when ``final`` is empty.

    Attributes
    ----------
    final
        Split -> metrics after the last epoch, for ``train``, ``validation`` and maybe ``test``.
    train_losses, validations
        By finished epoch.
    images_seen
        Examples that went through the network, repeated ones counted again.
    """

    final: dict[str, Metrics] = field(default_factory=dict)
    train_losses: list[float] = field(default_factory=list)
    validations: list[Metrics] = field(default_factory=list)
    images_seen: int = 0


def fit(
    network: nn.Module,
    splits: Sequence[Examples],
    recipe: Recipe,
    seed: int,
    progress: Progress | None = None,
) -> Fit:
    """Train a network in place.

    Parameters
    ----------
    network
        Inputs to class scores (n, classes), on the device of the examples.
    splits
        Train, validation and maybe test.
    recipe
        Its epochs, batch size, optimizer, learning rate and schedule, weight decay, clip and label
        smoothing are followed.
    seed
        Of the order of the examples.
    progress
        Told the share done after each epoch.

    Examples
    --------
    >>> from surrogates.live.user_network.network import OWN
    >>> inputs = torch.tensor([[-1.0], [1.0]]).repeat(64, 1)
    >>> labels = (inputs[:, 0] > 0).long()
    >>> network = nn.Linear(1, 2)
    >>> _ = nn.init.zeros_(network.weight), nn.init.zeros_(network.bias)
    >>> record = fit(network, [(inputs, labels), (inputs, labels)], OWN, seed=0)
    >>> record.final["validation"].accuracy, len(record.validations) == OWN.epochs
    (1.0, True)
    """
    record = Fit()
    optimizer = torch_optimizer(recipe, network)
    for epoch in range(recipe.epochs):
        train_loss = _epoch(network, splits[0], recipe, optimizer, seed, epoch, record)
        if not math.isfinite(train_loss):
            return record
        validation = evaluate(network, splits[1])
        if not math.isfinite(validation.loss):
            return record
        record.train_losses.append(train_loss)
        record.validations.append(validation)
        if progress is not None:
            progress((epoch + 1) / recipe.epochs)
    final = {"train": evaluate(network, splits[0]), "validation": record.validations[-1]}
    if len(splits) > 2:
        final["test"] = evaluate(network, splits[2])
    if all(math.isfinite(metrics.loss) for metrics in final.values()):
        record.final = final
    return record


def _epoch(
    network: nn.Module,
    train: Examples,
    recipe: Recipe,
    optimizer: torch.optim.Optimizer,
    seed: int,
    epoch: int,
    record: Fit,
) -> float:
    """Pass once over the examples; return the mean loss, or the one that was not finite."""
    inputs, labels = train
    order = torch.from_numpy(permutation(len(labels), seed, f"epoch {epoch}")).to(labels.device)
    size = min(recipe.batch_size, len(labels))
    steps = len(labels) // size
    total = 0.0
    network.train()
    for step in range(steps):
        batch = order[step * size : (step + 1) * size]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, epoch + step / steps)
        scores = _first(network, train, batch) if epoch == step == 0 else network(inputs[batch])
        loss = functional.cross_entropy(
            scores.float(), labels[batch], label_smoothing=recipe.label_smoothing
        )
        value = float(loss.detach())
        record.images_seen += size
        if not math.isfinite(value):
            return value
        total += value
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
        optimizer.step()
    return total / steps


def _first(network: nn.Module, train: Examples, batch: Tensor) -> Tensor:
    """Return the scores of the first batch, or say what network and data disagree about."""
    inputs, labels = train
    try:
        scores = network(inputs[batch])
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        dtype = str(inputs.dtype).removeprefix("torch.")
        raise NetworkError(
            f"the network cannot read its inputs, {dtype} of shape {tuple(inputs.shape)}: {error}"
        ) from error
    return check_scores(scores, labels[batch], int(labels.max()))


@torch.no_grad()
def evaluate(network: nn.Module, split: Examples) -> Metrics:
    """Return the metrics of a network over a split, in evaluation mode."""
    network.eval()
    loss, correct = 0.0, 0
    pairs = (torch.split(part, _EVALUATION_BATCH) for part in split)
    for inputs, labels in zip(*pairs, strict=True):
        scores = network(inputs).float()
        loss += float(functional.cross_entropy(scores, labels, reduction="sum"))
        correct += int((scores.argmax(1) == labels).sum())
    return Metrics(loss / len(split[1]), correct / len(split[1]))
