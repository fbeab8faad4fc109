"""Train an expression by a recipe: finds the trainer of the recipe's network."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from act_bench.arguments import whole_seeds
from act_bench.errors import (
    ActBenchError,
    ArgumentError,
    ArgumentTypeError,
    ExitCode,
    excerpt,
)
from act_bench.functions.expression import Expression
from regenerate.activations.filled import fill
from regenerate.activations.learnable import Activation
from regenerate.networks import IMAGE_NETWORKS
from regenerate.recipes import Recipe
from regenerate.runs.run import Run

Progress = Callable[[float], None]
"""Told the share of the training that is done, from 0 to 1."""

Observer = Callable[[str, nn.Module, Tensor], None]
"""Shown the network of each run at the moments of ``act_bench.tables.inputs``, ``initialization``
and ``trained``, and a batch of validation as it takes it. It must leave the network as it is."""

OBSERVED: Final = 512
"""Examples in that batch, or as many as there are."""


class DeviceError(ActBenchError, ValueError):
    """A device that is not there, or that a network does not train on."""

    exit_code = ExitCode.USAGE


class NetworkTrainer(NamedTuple):
    """What trains a network.

    Attributes
    ----------
    train
        A function with the parameters of :func:`train` below, or the module that has one of this
        name, which is imported when it is needed.
    cpu_only
        Whether the network is too small to gain from another device than one core of a CPU.
    stacked
        Whether all seeds of a function train in one stack, for little more than the time of one.
    """

    train: str | Callable[..., list[Run]]
    cpu_only: bool = False
    stacked: bool = False


TRAINERS: Final = {
    "mlp": NetworkTrainer("regenerate.training.stacked_trainer", cpu_only=True, stacked=True),
    "gpt": NetworkTrainer("regenerate.training.text.trainer"),
}
"""Network -> what trains it, image networks excepted."""

IMAGE_TRAINER: Final = NetworkTrainer("regenerate.training.image_trainer")
"""What trains the networks of ``regenerate.networks``."""


def register(network: str, trainer: NetworkTrainer) -> None:
    """Say what trains a network, for all recipes that name it.

    Networks that train on images, and are registered in ``regenerate.networks``, need no word here.

    Raises
    ------
    ValueError
        If the network has a trainer.
    """
    if network in TRAINERS or network in IMAGE_NETWORKS:
        raise ArgumentError(f"the network {network!r} has a trainer")
    TRAINERS[network] = trainer


def trainer_of(network: str) -> NetworkTrainer:
    """Return what trains a network.

    Raises
    ------
    ValueError
        If there is no such network.

    Examples
    --------
    >>> trainer_of("mlp").stacked, trainer_of("all_cnn_c").stacked
    (True, False)
    """
    if network in IMAGE_NETWORKS:
        return IMAGE_TRAINER
    if network not in TRAINERS:
        known = ", ".join([*TRAINERS, *IMAGE_NETWORKS])
        raise ArgumentError(f"recipe names network {network!r}; the networks are {known}")
    return TRAINERS[network]


def choose_device(network: str, device: str) -> str:
    """Return the device to train on: ``auto`` becomes ``cuda`` where that is of use, else ``cpu``.

    Raises
    ------
    DeviceError
        If the network does not train on the device, or there is no such device.

    Examples
    --------
    >>> choose_device("mlp", "auto")
    'cpu'
    """
    if trainer_of(network).cpu_only:
        if device not in ("auto", "cpu"):
            raise DeviceError(f"the {network} trains on the cpu only, got device {device!r}")
        return "cpu"
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        return device
    kind, _, index = device.partition(":")
    if kind != "cuda" or (device != kind and not index.isdecimal()):
        raise DeviceError(f"expected a device auto, cpu, cuda or cuda:N, got {device!r}")
    found = torch.cuda.device_count()
    if not found:
        raise DeviceError(f"device {device!r}: torch finds no CUDA GPU here; use --device cpu")
    if int(index or 0) >= found:
        raise DeviceError(f"device {device!r}: torch finds GPUs cuda:0 to cuda:{found - 1}")
    return device


def train(
    recipe: Recipe,
    expression: Activation,
    seeds: Sequence[int],
    *,
    device: str = "auto",
    data_dir: Path | None = None,
    progress: Progress | None = None,
    observe: Observer | None = None,
) -> list[Run]:
    """Train one function with several seeds and return a run for each seed, in order.

    Parameters
    ----------
    recipe
        What to train, on which images, and how.
    expression
        The activation function: an expression in or outside the space, or a named function of
        ``act_bench.functions.catalogue``, whose parameter is then learned with the weights.
    seeds
        Different seeds, each at least 0.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``; see ``choose_device``.
    data_dir
        Folder of the data set, see ``regenerate.data.load``.
    progress
        Called now and then with the share done.
    observe
        Shown the network before and after training. The trainer of a network of your own needs
        such a parameter only for this.

    Raises
    ------
    DeviceError
        If the device is not there or of no use to the network.
    ValueError
        If the recipe names an unknown network, or the seeds repeat or are negative.
    act_bench.errors.ArgumentTypeError
        If there is no recipe, or the function is a text; a TypeError.
    """
    if not isinstance(recipe, Recipe):
        raise ArgumentTypeError(
            f"expected a recipe, as regenerate.recipes.find gives it, got {excerpt(recipe)}"
        )
    if not hasattr(expression, "to_torch"):
        raise ArgumentTypeError(
            "expected an expression or a function of the catalogue, as "
            f"act_bench.functions.catalogue.read gives it, got {excerpt(expression)}"
        )
    trainer = trainer_of(recipe.network)
    seeds = tuple(seeds)
    if not seeds:
        return []
    seeds = whole_seeds(seeds)
    if recipe.undefined == "limit" and isinstance(expression, Expression):
        expression = fill(expression)
    function = trainer.train
    if isinstance(function, str):
        function = importlib.import_module(function).train
    runs: list[Run] = function(
        recipe,
        expression,
        seeds,
        device=choose_device(recipe.network, device),
        data_dir=data_dir,
        progress=progress,
        **({} if observe is None else {"observe": observe}),
    )
    return runs
