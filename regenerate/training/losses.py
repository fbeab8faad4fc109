"""The loss functions that a recipe names."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from regenerate.recipes.recipe import Recipe


def training_loss(recipe: Recipe, scores: Tensor, targets: Tensor) -> Tensor:
    """Return the mean loss of a batch.

    Parameters
    ----------
    recipe
        Says which loss, its label smoothing and the threshold of its targets.
    scores
        ``(n, classes)`` float32; for sequences ``(n, length, classes)``, by ``cross_entropy`` only.
    targets
        ``(n,)`` int64 labels, or ``(n, classes)`` float32 shares of the classes, as mixed images
        have them; for sequences ``(n, length)`` int64.

    Examples
    --------
    >>> import torch
    >>> from regenerate.recipes import find
    >>> round(float(training_loss(find("cnn", "full"), torch.zeros(2, 4), torch.tensor([0, 1]))), 4)
    1.3863
    """
    if recipe.loss == "cross_entropy":
        if scores.dim() == 3:
            scores, targets = scores.flatten(0, 1), targets.flatten()
        return functional.cross_entropy(scores, targets, label_smoothing=recipe.label_smoothing)
    shares = _shares(targets, scores.shape[1], recipe.label_smoothing)
    if recipe.target_threshold is not None:
        shares = (shares > recipe.target_threshold).float()
    return functional.binary_cross_entropy_with_logits(scores, shares)


def evaluation_loss(recipe: Recipe, scores: Tensor, labels: Tensor) -> Tensor:
    """Return the sum over images of the loss on ``(n,)`` int64 labels, without smoothing.

    Binary cross-entropy is the mean over the classes of each image.
    """
    if recipe.loss == "cross_entropy":
        return functional.cross_entropy(scores, labels, reduction="sum")
    classes = scores.shape[1]
    total = functional.binary_cross_entropy_with_logits(
        scores, _shares(labels, classes, 0.0), reduction="sum"
    )
    return total / classes


def _shares(targets: Tensor, classes: int, smoothing: float) -> Tensor:
    shares = functional.one_hot(targets, classes).float() if targets.dim() == 1 else targets
    return shares * (1 - smoothing) + smoothing / classes if smoothing else shares
