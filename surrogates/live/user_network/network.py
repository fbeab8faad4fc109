"""Search for a user's own network: a model factory, data, and everything else is there.

The model factory takes an activation factory and returns a network, as those in
``regenerate.networks`` do:

.. code-block:: python

    def make_model(activation):
        return nn.Sequential(nn.Linear(64, 32), activation(), nn.Linear(32, 10))

    def load_data():
        return (train_inputs, train_labels), (validation_inputs, validation_labels)

    problem = network_problem(make_model, load_data)
    found = search(problem, Path("my-search"), method="gp-ei")
    found.best.expression
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from act_bench.arguments import finite_number, whole_seeds
from act_bench.functions.catalogue import read
from act_bench.functions.expression import Expression
from act_bench.spaces.paper import load_space
from act_bench.tables.registry import TABLES
from regenerate.recipes import Recipe
from regenerate.recipes.limits import check
from regenerate.runs import clock
from regenerate.runs.environment import device_name, environment
from regenerate.runs.run import Run
from regenerate.training.dispatch import OBSERVED, Observer
from regenerate.training.trainers import Progress
from surrogates.live.problem import Problem, relu
from surrogates.live.spectra import compute_spectra, network_spectrum
from surrogates.live.user_network.code import code_behind
from surrogates.live.user_network.examples import (
    NetworkError,
    Splits,
    TrainModel,
    checked_scores,
    checked_splits,
    fingerprint,
    name_of,
    users_own,
    with_classes,
)
from surrogates.live.user_network.fit import FIXED, Fit, fit

MakeModel: TypeAlias = Callable[[Callable[[], nn.Module]], nn.Module]
"""Takes a factory of activation modules, one call a place, and returns a network."""
LoadData: TypeAlias = Callable[[], Splits]

OWN: Final = Recipe(
    table="own",
    fidelity="own",
    network="own",
    dataset="own",
    epochs=10,
    batch_size=64,
    optimizer="adamw",
    learning_rate=1e-3,
    momentum=0.9,
    second_moment_decay=0.999,
    weight_decay=1e-2,
    schedule="cosine",
    warmup_epochs=0.5,
    clip_norm=1.0,
)
"""How own networks are trained unless told otherwise; change it with ``dataclasses.replace``."""

_FISHER_BATCH: Final = 64


@dataclass(frozen=True)
class NetworkTrainer:
    """Trains a user's own network; picklable where its functions are importable.

    Parameters
    ----------
    make_model, load_data
        The network and its data. Both may draw from torch's global generator: it is seeded for
        each run, and left as it was.
    recipe
        How to train.
    train_model
        The user's own training, in place of the recipe.
    device
        Where to train; ``auto`` takes a GPU if there is one.
    floor
        Of the user's own training: a score that no trained function is below.
    """

    make_model: MakeModel
    load_data: LoadData
    recipe: Recipe = OWN
    train_model: TrainModel | None = None
    device: str = "auto"
    floor: float | None = None

    @property
    def identity(self) -> Mapping[str, object]:
        """The names and code of the functions, the recipe, and the fingerprint of the data."""
        own = self.train_model
        return {
            "code": code_behind(self.make_model, *(() if own is None else (own,))),
            "model": name_of(self.make_model),
            "recipe": json.loads(self.recipe.canonical_json()) if own is None else name_of(own),
            "data": _fingerprint(self.load_data),
        }

    @property
    def stacked(self) -> bool:
        """Never: each seed is stored as it ends."""
        return False

    def network(self, expression: str, seed: int) -> nn.Module:
        """Return the network with an activation function and its first weights."""
        function = read(expression)
        with _seeded(seed), users_own(self.make_model):
            made = self.make_model(function.to_torch)
            if not isinstance(made, nn.Module):
                raise NetworkError(
                    f"{name_of(self.make_model)} returned a {type(made).__name__}, expected a "
                    "torch.nn.Module"
                )
            return made.to(_device(self.device))

    def __call__(
        self, expression: str, seeds: Sequence[int], progress: Progress | None = None
    ) -> list[Run]:
        """Return a run for each seed, in order."""
        return [self.run(expression, seed, progress) for seed in seeds]

    def run(
        self,
        expression: str,
        seed: int,
        progress: Progress | None = None,
        observe: Observer | None = None,
    ) -> Run:
        """Train once; ``observe`` is shown the network as ``dispatch.train`` says."""
        device = _device(self.device)
        splits = _splits(self.load_data, device)
        start = clock.seconds(device)
        network = self.network(expression, seed)
        shown = splits[1][0][:OBSERVED]
        if observe is not None:
            observe("initialization", network, shown)
        if self.train_model is None:
            with _seeded(seed):  # for dropout
                record = fit(network, with_classes(splits), self.recipe, seed, progress)
            metrics = _metrics(record)
        else:
            record = Fit()
            with _seeded(seed), users_own(self.train_model):
                score = self.train_model(network, splits, seed)
            metrics = checked_scores(score, self.train_model, self.floor)
        runtime_s = clock.seconds(device) - start
        if observe is not None and metrics:
            observe("trained", network, shown)
        return Run(
            expression=expression,
            fidelity=self.recipe.fidelity,
            seed=seed,
            outcome="ok" if metrics else "diverged",
            train_accuracy=metrics.get("train_accuracy"),
            validation_accuracy=metrics.get("validation_accuracy"),
            test_accuracy=metrics.get("test_accuracy"),
            train_loss=metrics.get("train_loss"),
            validation_loss=metrics.get("validation_loss"),
            test_loss=metrics.get("test_loss"),
            train_loss_curve=tuple(record.train_losses),
            validation_loss_curve=tuple(each.loss for each in record.validations),
            validation_accuracy_curve=tuple(each.accuracy for each in record.validations),
            runtime_s=runtime_s,
            images_seen=record.images_seen,
            device=device_name(device),
            recipe_sha=self.recipe.sha if self.train_model is None else "own",
            learning_rate=self.recipe.learning_rate if self.train_model is None else None,
            versions=environment(_fingerprint(self.load_data), device_name(device)),
        )


def network_problem(
    make_model: MakeModel,
    load_data: LoadData,
    *,
    train_model: TrainModel | None = None,
    recipe: Recipe = OWN,
    name: str | None = None,
    seeds: Sequence[int] = (0,),
    space: str = "paper",
    chance: float | None = None,
    floor: float | None = None,
    fisher: bool = False,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Problem:
    """Return the search for the best activation function of a user's own network.

    Parameters
    ----------
    make_model
        Takes a factory of activation modules and returns a network.
    load_data
        Returns train, validation and maybe test, each as inputs and labels (tensors). Without test
        there is nothing to reveal.
    train_model
        Takes a fresh network, the data and a seed, trains it, and returns a score to maximize, or
        two: validation and test. It needs ``floor``, or ``chance`` where the score is an accuracy.
        Default: the loop of :mod:`surrogates.live.user_network.fit` by ``recipe``.
    recipe
        How to train; what the loop does not follow, such as ``dtype``, keeps its default. With
        ``train_model`` only its ``fidelity`` counts.
    name
        Of the problem, for traces. Default: that of ``make_model``.
    seeds
        What each function is trained with; its value is the median.
    space
        ``paper``, ``large`` or ``swish``.
    chance
        The accuracy of guessing, which is the score of what diverged; a trained function may be
        below it. Default: the share of the most frequent validation label.
    floor
        For a score of one's own, such as minus a loss: a score that no trained function is below,
        which is that of what diverged. A training that falls below it ends the search.
    fisher
        Whether to compute the Fisher spectra of all functions in this network first, for methods
        and features that need them; linear layers and convolutions have them.
    device
        Where to train.
    progress
        Told of the Fisher spectra how many are done, and of how many.

    Raises
    ------
    NetworkError
        The data are not as described, the name is that of a table, or a training of one's own has
        no stated floor, or has a recipe, which it does not follow.
    act_bench.errors.ArgumentError
        The recipe asks for what the loop does not do.

    Examples
    --------
    >>> def make_model(activation):
    ...     return nn.Sequential(nn.Linear(2, 8), activation(), nn.Linear(8, 2))
    >>> def load_data():
    ...     inputs = torch.linspace(-1, 1, 64)[:, None] * torch.tensor([1.0, -0.5])
    ...     labels = (inputs[:, 0] > 0).long()
    ...     return (inputs, labels), (inputs, labels)
    >>> problem = network_problem(make_model, load_data)
    >>> problem.chance, problem.reference.role
    (0.5, 'ReLU')
    """
    if "<lambda>" in name_of(make_model):
        raise NetworkError(
            "expected a make_model with a name of its own, by which its runs are stored; got a "
            "lambda, all of which bear one name"
        )
    name = name or name_of(make_model)
    if name in TABLES:
        raise NetworkError(f"{name} is the name of a table: give your network another name")
    if fisher and space != "paper":
        raise NetworkError(
            f"Fisher spectra are of the space paper, got the space {space!r}: leave fisher out"
        )
    if train_model is None:
        check(recipe, FIXED)
    elif dataclasses.replace(recipe, fidelity=OWN.fidelity) != OWN:
        raise NetworkError(
            f"{name_of(train_model)} trains in its own way, so of a recipe nothing but the "
            f"fidelity counts: leave out the recipe, or change {name_of(train_model)}"
        )
    seeds = whole_seeds(seeds)
    worst = _worst_score(train_model, chance, floor)
    splits = _splits(load_data, "cpu")
    if train_model is None:
        splits = with_classes(splits)
    trainer = NetworkTrainer(make_model, load_data, recipe, train_model, device, floor)
    return Problem(
        table=name,
        fidelity=recipe.fidelity,
        chance=_chance(splits) if worst is None else worst,
        trainer=trainer,
        seeds=seeds,
        space=space,
        reference=relu(),
        prepare=partial(_prepare, trainer, progress) if fisher else None,
    )


@lru_cache(maxsize=4)
def _fingerprint(load_data: LoadData) -> str:
    return fingerprint(_splits(load_data, "cpu"))


def _prepare(
    trainer: NetworkTrainer, progress: Callable[[int, int], None] | None, folder: Path
) -> None:
    device = _device(trainer.device)
    inputs, labels = _splits(trainer.load_data, device)[0]
    batch = inputs[:_FISHER_BATCH], labels[:_FISHER_BATCH]

    def spectrum(expression: Expression) -> tuple[NDArray[np.float32], list[int]] | None:
        network = trainer.network(str(expression), 0)
        return network_spectrum(network, *batch, name_of(trainer.make_model))

    compute_spectra(folder, load_space().representatives, spectrum, progress)


@lru_cache(maxsize=4)
def _splits(load_data: LoadData, device: str) -> Splits:
    """Load the data once per process and device, and refuse what is not as described."""
    with _seeded(0), users_own(load_data):
        loaded = load_data()
    return checked_splits(loaded, load_data, device)


def _chance(splits: Splits) -> float:
    labels = splits[1][1]
    if labels.is_floating_point():
        raise NetworkError(
            "the labels are no classes, so there is no chance level: give chance, the score of a "
            "network that failed"
        )
    return float(torch.unique(labels, return_counts=True)[1].max()) / len(labels)


def _metrics(record: Fit) -> dict[str, float]:
    return {
        f"{split}_{name}": getattr(metrics, name)
        for split, metrics in record.final.items()
        for name in ("accuracy", "loss")
    }


def _worst_score(
    train_model: TrainModel | None, chance: float | None, floor: float | None
) -> float | None:
    """Return the stated score of what diverged; None where the labels give it."""
    if chance is not None and floor is not None:
        raise NetworkError(
            "give chance, for a score that is an accuracy, or floor, for any other; got both"
        )
    if train_model is None and floor is not None:
        raise NetworkError(
            "floor is for a score of your own: give train_model with it; the recipe's score is the "
            "validation accuracy, and what diverged has that of guessing"
        )
    if train_model is not None and chance is None and floor is None:
        raise NetworkError(
            f"{name_of(train_model)} returns a score of your own, so what a failed training is "
            "worth must be stated: give floor, a score that no trained function is below (such as "
            "floor=-100.0 for minus a loss), or chance where the score is an accuracy"
        )
    stated = chance if floor is None else floor
    if stated is None:
        return None
    return finite_number(stated, "chance" if floor is None else "floor")


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's generators for a block, and put them back after it."""
    # Asked for GPUs that are not in use, fork_rng would start each of them in every worker.
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = [torch.cuda.current_device()] if in_use else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
