"""Train small networks, all seeds of a function in one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from regenerate import data
from regenerate.activations.learnable import Activation, layer_module
from regenerate.draws import permutation
from regenerate.networks.mlp import StackedMLP
from regenerate.recipes import Recipe
from regenerate.recipes.limits import IMAGES_ONLY, check, check_batch
from regenerate.runs import clock
from regenerate.runs.environment import environment
from regenerate.runs.run import Run
from regenerate.training.dispatch import OBSERVED, Observer, Progress
from regenerate.training.optimizers import torch_optimizer
from regenerate.training.schedule import learning_rate
from regenerate.training.threads import torch_threads

DTYPES = {"float64": torch.float64, "float32": torch.float32}

FIXED = {
    "network": ("mlp",),
    "dtype": tuple(DTYPES),
    "activation": ("composed",),
    "augmentation": ("none",),
    "loss": ("cross_entropy",),
    "width": (1.0,),
    "image_size": (None,),
    "target_threshold": (None,),
    "evaluation_crop": (1.0,),
    "evaluations_per_epoch": (1,),
    **IMAGES_ONLY,
}
"""Field of a recipe -> what this trainer does."""


@dataclass(frozen=True)
class Pixels:
    """A split as tensors: images (n, pixels) scaled to [-1, 1], labels (n,) int64."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Metrics:
    """Mean loss in nats and accuracy of each replica, both (seeds,)."""

    loss: Tensor
    accuracy: Tensor


@dataclass(frozen=True)
class Images:
    """A data set as tensors."""

    classes: int
    fingerprint: str
    train: Pixels
    validation: Pixels
    test: Pixels


@lru_cache(maxsize=4)
def load_images(recipe: Recipe, data_dir: Path | None) -> Images:
    """Load the data set of a recipe for a stack of perceptrons."""
    source = data.load(recipe.dataset, data_dir)

    def pixels(split: data.Split, limit: int | None = None) -> Pixels:
        labels = torch.from_numpy(split.labels[:limit])
        flat = torch.from_numpy(split.images[:limit]).flatten(1)
        return Pixels(flat.to(DTYPES[recipe.dtype]) * (2.0 / source.largest_pixel) - 1.0, labels)

    return Images(
        classes=source.classes,
        fingerprint=source.fingerprint,
        train=pixels(source.train, recipe.train_images),
        validation=pixels(source.validation),
        test=pixels(source.test),
    )


def _losses(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy of each replica: logits (s, n, classes), labels (s, n)."""
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), reduction="none", label_smoothing=smoothing
    )
    return losses.view(labels.shape).mean(1)


def _clip(parameters: Sequence[Tensor], limit: float) -> None:
    """Scale the gradient of each replica down to a Euclidean norm of at most ``limit``."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    scale = (limit / norms).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, 1, 1))


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
    """Train a stack of perceptrons; see ``regenerate.training.dispatch.train`` for the contract.

    A replica diverges in the step, or in the evaluation after an epoch, in which its loss is not
    finite. It goes on computing, to no effect on the others; when all have diverged the training
    ends. ``runtime_s`` is the processor time of the stack divided by the number of seeds.

    Every device is taken for the CPU: ``regenerate.training.dispatch`` lets no other come here.

    Raises
    ------
    ValueError
        If the recipe asks for what this trainer does not do.
    """
    del device
    check(recipe, FIXED)
    with torch_threads(1):
        return _Stack(recipe, expression, seeds, data_dir).train(progress, observe)


class _Stack:
    """The training of one function with several seeds: replicas in one stack, and their record."""

    def __init__(
        self, recipe: Recipe, expression: Activation, seeds: Sequence[int], data_dir: Path | None
    ) -> None:
        self.recipe, self.expression, self.seeds = recipe, expression, seeds
        self.images = load_images(recipe, data_dir)
        check_batch(recipe, len(self.images.train.labels))
        self.start = clock.seconds("cpu")
        pixels = self.images.train.images.shape[1]
        one = (len(seeds), 1, 1)
        self.network = StackedMLP(
            (pixels, *recipe.widths, self.images.classes),
            [layer_module(expression, one=one, each=(*one[:2], units)) for units in recipe.widths],
            seeds,
            initialization=recipe.initialization,
            dtype=DTYPES[recipe.dtype],
        )
        self.parameters = list(self.network.parameters())
        self.optimizer = torch_optimizer(recipe, self.network)
        self.alive = torch.ones(len(seeds), dtype=torch.bool)
        self.steps_taken = torch.zeros(len(seeds), dtype=torch.int64)
        self.epochs_finished = torch.zeros(len(seeds), dtype=torch.int64)
        self.history: list[tuple[Tensor, Metrics]] = []  # mean training loss, validation

    def train(self, progress: Progress | None, observe: Observer | None = None) -> list[Run]:
        """Train until the recipe's end, or until no replica is alive."""
        shown = self.images.validation.images[:OBSERVED].expand(len(self.seeds), -1, -1)
        if observe is not None:
            observe("initialization", self.network, shown)
        for epoch in range(self.recipe.epochs):
            mean_losses = self._train_epoch(epoch)
            if not self.alive.any():
                break
            validation = self._evaluate(self.images.validation)
            self.alive &= validation.loss.isfinite()
            self.epochs_finished += self.alive
            self.history.append((mean_losses, validation))
            if progress is not None:
                progress((epoch + 1) / self.recipe.epochs)
        if observe is not None and self.alive.all():
            observe("trained", self.network, shown)
        return self._runs()

    def _train_epoch(self, epoch: int) -> Tensor:
        """Pass once over the training images; return the mean loss of each replica."""
        recipe, train = self.recipe, self.images.train
        orders = [permutation(len(train.labels), seed, f"epoch {epoch}") for seed in self.seeds]
        order = torch.stack([torch.from_numpy(indices) for indices in orders])
        steps = len(train.labels) // recipe.batch_size
        total = torch.zeros(len(self.seeds), dtype=torch.float64)
        for step in range(steps):
            batch = order[:, step * recipe.batch_size : (step + 1) * recipe.batch_size]
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(recipe, epoch + step / steps)
            logits = self.network(train.images[batch])
            losses = _losses(logits, train.labels[batch], recipe.label_smoothing)
            total += losses.detach()
            self.steps_taken += self.alive
            self.alive &= losses.detach().isfinite()
            if not self.alive.any():
                break
            self.optimizer.zero_grad()
            torch.autograd.backward(losses.sum())
            if recipe.clip_norm is not None:
                _clip(self.parameters, recipe.clip_norm)
            self.optimizer.step()
        return total / steps

    @torch.no_grad()
    def _evaluate(self, split: Pixels) -> Metrics:
        """Return the metrics of each replica over a whole split."""
        replicas = len(self.seeds)
        logits = self.network(split.images.expand(replicas, -1, -1))
        labels = split.labels.expand(replicas, -1)
        accuracy = (logits.argmax(2) == labels).to(torch.float64).mean(1)
        return Metrics(_losses(logits, labels).to(torch.float64), accuracy)

    def _runs(self) -> list[Run]:
        """Evaluate what is left to evaluate and return the record of each replica."""
        final: dict[str, Metrics] = {}
        if self.alive.any():
            final["train"] = self._evaluate(self.images.train)
            final["validation"] = self.history[-1][1]
            final["test"] = self._evaluate(self.images.test)
        for metrics in final.values():
            self.alive &= metrics.loss.isfinite()
        runtime_s = (clock.seconds("cpu") - self.start) / len(self.seeds)
        versions = environment(self.images.fingerprint)

        def run(replica: int) -> Run:
            ok = bool(self.alive[replica])
            history = self.history[: int(self.epochs_finished[replica])]

            def metric(split: str, name: str) -> float | None:
                return getattr(final[split], name)[replica].item() if ok else None

            return Run(
                expression=str(self.expression),
                fidelity=self.recipe.fidelity,
                learning_rate=self.recipe.learning_rate,
                seed=self.seeds[replica],
                outcome="ok" if ok else "diverged",
                train_accuracy=metric("train", "accuracy"),
                validation_accuracy=metric("validation", "accuracy"),
                test_accuracy=metric("test", "accuracy"),
                train_loss=metric("train", "loss"),
                validation_loss=metric("validation", "loss"),
                test_loss=metric("test", "loss"),
                train_loss_curve=tuple(losses[replica].item() for losses, _ in history),
                validation_loss_curve=tuple(each.loss[replica].item() for _, each in history),
                validation_accuracy_curve=tuple(
                    each.accuracy[replica].item() for _, each in history
                ),
                runtime_s=runtime_s,
                images_seen=int(self.steps_taken[replica]) * self.recipe.batch_size,
                device="cpu",
                recipe_sha=self.recipe.sha,
                versions=versions,
            )

        return [run(replica) for replica in range(len(self.seeds))]
