"""Train a function once by a recipe, and record what enters it before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from act_bench.tables.inputs.histograms import Histogram
from regenerate.activations.learnable import Activation
from regenerate.inputs.recorder import record
from regenerate.recipes import Recipe
from regenerate.runs.run import Run
from regenerate.training.dispatch import Observer, train
from regenerate.training.threads import torch_threads


class Measured(NamedTuple):
    """One training, and the inputs of its activation functions.

    Attributes
    ----------
    run
        The training.
    moments
        ``initialization``, and ``trained`` unless it diverged, to a histogram for each place.
    """

    run: Run
    moments: dict[str, list[Histogram]]


def measure(
    recipe: Recipe,
    function: Activation,
    seed: int = 0,
    *,
    device: str = "auto",
    data_dir: Path | None = None,
) -> Measured:
    """Train a function with one seed, on one thread, and record its inputs.

    Parameters
    ----------
    recipe
        By which to train; any network that ``regenerate.training.dispatch`` trains.
    function, seed, device, data_dir
        As for ``regenerate.training.dispatch.train``.

    Examples
    --------
    >>> import dataclasses
    >>> from act_bench import parse
    >>> from regenerate.recipes import find
    >>> short = dataclasses.replace(find("mlp", "full"), epochs=1)
    >>> found = measure(short, parse("relu(x)"))
    >>> {moment: [each.count for each in places] for moment, places in found.moments.items()}
    {'initialization': [32768, 32768], 'trained': [32768, 32768]}
    """

    def run(observe: Observer) -> Run:
        with torch_threads(1):  # as the runs of tables, so that it is one of these
            (trained,) = train(
                recipe, function, [seed], device=device, data_dir=data_dir, observe=observe
            )
        return trained

    return observed(run)


def observed(run: Callable[[Observer], Run]) -> Measured:
    """Return what a training gives, given an observer, and what that saw."""
    moments: dict[str, list[Histogram]] = {}

    def observe(moment: str, network: nn.Module, batch: Tensor) -> None:
        moments[moment] = record(network, batch)

    return Measured(run(observe), moments)
