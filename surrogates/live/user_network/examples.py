"""What a user's functions give: a network, data and a score; else an error that names them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn

from act_bench.errors import ActBenchError, ExitCode

Examples: TypeAlias = tuple[Tensor, Tensor]
"""Inputs (n, ...) as the network takes them, and labels (n,)."""
Splits: TypeAlias = Sequence[Examples]
"""Train, validation and maybe test; each inputs (n, ...) and labels (n,)."""
Score: TypeAlias = float | tuple[float, float]
"""Validation, or validation and test; higher is better, not finite is diverged."""
TrainModel: TypeAlias = Callable[[nn.Module, Splits, int], Score]
"""Trains a fresh network on the splits with a seed, and returns its score."""


class NetworkError(ActBenchError, ValueError):
    """A user's network or data that are not as described."""

    exit_code = ExitCode.USAGE


def name_of(function: Callable[..., object]) -> str:
    """Return ``module:name`` of a function; of a partial one with its arguments.

    Examples
    --------
    >>> import json
    >>> name_of(json.dumps), name_of(partial(json.dumps, indent=1))
    ('json:dumps', 'json:dumps(indent=1)')
    """
    if isinstance(function, partial):
        named = (f"{name}={value!r}" for name, value in sorted(function.keywords.items()))
        given = ", ".join([*map(repr, function.args), *named])
        return f"{name_of(function.func)}({given})"
    owner = function if hasattr(function, "__qualname__") else type(function)
    return f"{owner.__module__}:{owner.__qualname__}"


@contextmanager
def users_own(function: Callable[..., object]) -> Iterator[None]:
    """Name a user's function in the error that it ends with; the cause stays chained.

    Examples
    --------
    >>> import json
    >>> with users_own(json.loads):
    ...     json.loads("[1,")
    Traceback (most recent call last):
        ...
    surrogates.live.user_network.examples.NetworkError: json:loads ended in JSONDecodeError: ...
    """
    try:
        yield
    except (ActBenchError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        reason = str(error).strip() or "no message"
        raise NetworkError(
            f"{name_of(function)} ended in {type(error).__name__}: {reason}"
        ) from error


def checked_splits(loaded: object, load_data: Callable[..., object], device: str) -> Splits:
    """Return the splits on a device, or refuse what is not as described.

    Raises
    ------
    NetworkError
        They are not two or three pairs of tensors of one length each.
    """
    try:
        splits = [tuple(split) for split in loaded]  # type: ignore[attr-defined]
    except TypeError:
        raise NetworkError(
            "expected train, validation and maybe test, each a pair of tensors; "
            f"{name_of(load_data)} returned a {type(loaded).__name__}"
        ) from None
    shapes = [[_described(part) for part in split] for split in splits]
    good = len(splits) in (2, 3) and all(
        len(split) == 2
        and all(isinstance(part, Tensor) and part.ndim for part in split)
        and len(split[0]) == len(split[1]) > 0
        for split in splits
    )
    if not good:
        raise NetworkError(
            "expected train, validation and maybe test, each a pair of tensors, inputs (n, ...) "
            f"and labels (n,); {name_of(load_data)} returned {len(splits)} splits of shapes "
            f"{shapes}"
        )
    return [(inputs.to(device), labels.to(device)) for inputs, labels in splits]


def with_classes(splits: Splits) -> Splits:
    """Return the splits with labels as classes, (n,) int64, as the recipe's loss takes them.

    Integers of other types, booleans, columns (n, 1) and one-hot rows (n, classes) are converted.

    Raises
    ------
    NetworkError
        The labels are no classes: fractions, several classes at once, or below 0.

    Examples
    --------
    >>> inputs = torch.zeros(2, 3)
    >>> with_classes([(inputs, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))])[0][1]
    tensor([1, 0])
    >>> with_classes([(inputs, torch.tensor([True, False]))])[0][1]
    tensor([1, 0])
    """
    return [(inputs, _classes(labels)) for inputs, labels in splits]


def _classes(labels: Tensor) -> Tensor:
    given = labels
    if labels.ndim == 2 and labels.shape[1] > 1:
        ones = labels == 1
        if not bool((ones | (labels == 0)).all() and (ones.sum(1) == 1).all()):
            raise NetworkError(
                f"expected labels (n,), the number of each example's class, or one-hot rows; got "
                f"{_described(labels)} with rows such as {labels[0].tolist()}. Give train_model "
                "for another loss"
            )
        return ones.long().argmax(1)
    if labels.ndim == 2:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex():
        raise NetworkError(
            f"expected labels (n,), the number of each example's class, got {_described(given)}, "
            "which have no chance level: convert them with .long(), or give train_model for "
            "another loss"
        )
    labels = labels.long()
    if int(labels.min()) < 0:
        raise NetworkError(
            f"expected labels from 0 on, got {int(labels.min())}: number the classes from 0"
        )
    return labels


def check_scores(scores: object, labels: Tensor, largest: int) -> Tensor:
    """Return the class scores of a batch, or say what a network gives instead.

    Parameters
    ----------
    scores
        What the network gave.
    labels
        Of the batch, (n,).
    largest
        The largest label of the split.

    Raises
    ------
    NetworkError
        They are no tensor (n, classes), or a label is none of the classes.
    """
    if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != len(labels):
        got = _described(scores) if isinstance(scores, Tensor) else type(scores).__name__
        raise NetworkError(
            f"expected a network that gives class scores ({len(labels)}, classes) for a batch of "
            f"{len(labels)}, got {got}"
        )
    if largest >= scores.shape[1]:
        raise NetworkError(
            f"the labels go up to {largest}, and the network has scores for {scores.shape[1]} "
            f"classes, 0 to {scores.shape[1] - 1}: give it more outputs, or number the classes "
            "from 0"
        )
    return scores


def fingerprint(splits: Splits) -> str:
    """Return the first 16 hex digits of the SHA-256 over shapes, dtypes and values of all splits.

    Examples
    --------
    >>> len(fingerprint([(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))]))
    16
    """
    digest = hashlib.sha256()
    for tensor in (part for split in splits for part in split):
        digest.update(repr((tuple(tensor.shape), tensor.dtype)).encode())
        # As bytes: NumPy has no bfloat16.
        flat = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(flat.numpy().tobytes())
    return digest.hexdigest()[:16]


def _described(part: object) -> object:
    shape = tuple(getattr(part, "shape", ()))
    dtype = str(getattr(part, "dtype", type(part).__name__)).removeprefix("torch.")
    return f"{dtype}{list(shape)}"


def checked_scores(score: Score, own: TrainModel, floor: float | None) -> dict[str, float]:
    """Return the metrics that a user's own training gave; none if one is not finite."""
    given = score if isinstance(score, tuple) else (score,)
    try:
        values = [float(value) for value in given]
    except (TypeError, ValueError):
        values = []
    if len(values) not in (1, 2):
        raise NetworkError(
            f"{name_of(own)} returned {score!r}, expected a score, or a pair of validation and test"
        )
    if not all(map(math.isfinite, values)):
        return {}
    if floor is not None and values[0] < floor:
        raise NetworkError(
            f"{name_of(own)} returned the score {values[0]:g}, below the stated floor {floor:g}: "
            "state a floor that no trained function is below, and another --out"
        )
    return dict(zip(("validation_accuracy", "test_accuracy"), values, strict=False))
