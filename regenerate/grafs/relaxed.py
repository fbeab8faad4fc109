"""The relaxed search: weights and architecture by turns, operators dropped on the way."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files import sealed
from act_bench.functions.expression import Expression, parse
from regenerate.grafs.cell import Architecture, Mixture
from regenerate.grafs.problem import Problem, make_problem
from regenerate.grafs.settings import Settings
from regenerate.grafs.shrinking import drop_stages
from regenerate.recipes import Recipe
from regenerate.runs import clock
from regenerate.runs.store import SearchFolderError
from regenerate.training.dispatch import trainer_of
from regenerate.training.optimizers import torch_optimizer
from regenerate.training.schedule import learning_rate
from regenerate.training.threads import torch_threads

CHECKPOINT_EVERY_S = 2.0
_LONGEST = 200


class SearchFailedError(ActBenchError, RuntimeError):
    """A relaxed search whose losses stopped being finite."""

    exit_code = ExitCode.DATA


class Stage(NamedTuple):
    """What happened in one stage.

    Attributes
    ----------
    stage
        From 0.
    dropped
        What was dropped before it, as ``slot:operator``.
    left
        Operators left in it.
    training_loss, held_out_loss, held_out_accuracy
        Means over its steps, of the *mixture* with its sampled weights: to watch the search by,
        and no validation of any function.
    skipped
        Steps without an update, because a loss or a gradient was not finite.
    best
        The function of the highest alphas after it.
    """

    stage: int
    dropped: tuple[str, ...]
    left: int
    training_loss: float
    held_out_loss: float
    held_out_accuracy: float
    skipped: int
    best: str


class Relaxed(NamedTuple):
    """What a relaxed search ends with: the discretized function, the seconds, the stages."""

    expression: Expression
    cost_s: float
    history: tuple[Stage, ...]


def search_relaxed(
    recipe: Recipe,
    settings: Settings,
    seed: int,
    checkpoint: Path,
    *,
    device: str,
    data_dir: Path | None,
    progress: Callable[[float], None],
) -> Relaxed:
    """Search, from the checkpoint if it is there, and return what was found.

    The result depends on recipe, settings and seed alone, whether or not the search was
    interrupted; on one platform it repeats to the last bit.

    Raises
    ------
    SearchFailedError
        If no step of a whole stage could be taken.
    regenerate.runs.store.SearchFolderError
        If the checkpoint is damaged.
    """
    with torch_threads(1 if trainer_of(recipe.network).cpu_only else torch.get_num_threads()):
        run = _Search(recipe, settings, seed, checkpoint, device, data_dir)
        return run.finish(progress)


class _Search:
    def __init__(
        self,
        recipe: Recipe,
        settings: Settings,
        seed: int,
        checkpoint: Path,
        device: str,
        data_dir: Path | None,
    ) -> None:
        self.device = device
        self.recipe, self.settings, self.seed = recipe, settings, seed
        self.checkpoint = checkpoint
        self.architecture = Architecture(seed)
        self.mixture = Mixture(self.architecture, parse("relu(x)").to_torch())
        self.problem: Problem = make_problem(
            recipe, self.mixture, seed, device=device, data_dir=data_dir
        )
        self.started = clock.seconds(device)  # now that the images are there
        self.drops = drop_stages(settings.stages, settings.first_drop, self.architecture.left() - 6)
        self.weights = list(self.problem.network.parameters())
        self.weight_optimizer = torch_optimizer(recipe, self.problem.network)
        groups: list[dict[str, Any]] = [
            {
                "params": list(self.architecture.alphas.values()),
                "weight_decay": settings.architecture_decay,
            },
            {"params": list(self.architecture.gammas.values())},
        ]
        self.architecture_optimizer = torch.optim.Adam(
            groups, lr=settings.architecture_rate, betas=settings.betas
        )
        self.stage = -1  # the warm start
        self.history: list[Stage] = []
        self.spent_s = 0.0
        self.saved_at = time.monotonic()
        if checkpoint.exists():
            self._restore()

    def finish(self, progress: Callable[[float], None]) -> Relaxed:
        """Do the stages that are left."""
        while self.stage < self.settings.stages:
            if self.stage < 0:
                self._warm_start()
            else:
                self.history.append(self._search_stage())
            self.stage += 1
            over = self.stage == self.settings.stages
            if over or time.monotonic() - self.saved_at >= CHECKPOINT_EVERY_S:
                self._save()
            progress(
                (self.settings.warm_start + self.stage * self.settings.steps) / self.settings.total
            )
        return Relaxed(self.architecture.discretized(), self._cost(), tuple(self.history))

    def _warm_start(self) -> None:
        self.mixture.weights = None
        for step in range(self.settings.warm_start):
            self._learn(step)

    def _search_stage(self) -> Stage:
        """Drop what is due, then train architecture and weights by turns."""
        architecture, steps = self.architecture, self.settings.steps
        dropped = tuple(architecture.drop() for _ in range(self.drops[self.stage]))
        training, held_out, hits, skipped = [], [], [], 0
        for step in range(self.stage * steps, (self.stage + 1) * steps):
            self.mixture.weights = architecture.sample(
                self.mixture.places, f"grafs architecture {step}"
            )
            judged = self._judge(step)
            # The weights learn with weights of the mixture that carry no gradient.
            with torch.no_grad():
                self.mixture.weights = architecture.sample(
                    self.mixture.places, f"grafs weights {step}"
                )
            learned = self._learn(self.settings.warm_start + step)
            if judged is None or learned is None:
                skipped += 1
            if judged is not None:
                held_out.append(judged[0])
                hits.append(judged[1])
            if learned is not None:
                training.append(learned)
        if not training or not held_out:
            raise SearchFailedError(
                f"no step of stage {self.stage} had a finite loss: the learning rate of the recipe "
                f"{self.recipe.table}-{self.recipe.fidelity} is too high for the mixture"
            )
        return Stage(
            self.stage,
            dropped,
            architecture.left(),
            _mean(training),
            _mean(held_out),
            _mean(hits),
            skipped,
            str(architecture.discretized()),
        )

    def _judge(self, step: int) -> tuple[float, float] | None:
        """Step the architecture on held-out images; return loss and accuracy if they are finite."""
        images, labels = self.problem.held_out.batch(
            step, self.recipe.batch_size, self.seed, "grafs held out"
        )
        scores = self.problem.scores(images)
        loss = functional.cross_entropy(scores, labels)
        learned = [
            *self.architecture.alphas.values(),
            *self.architecture.gammas.values(),
        ]
        gradients = torch.autograd.grad(loss, learned, allow_unused=True)
        if not _finite(loss, gradients):
            return None
        for each, gradient in zip(learned, gradients, strict=True):
            each.grad = gradient
        self.architecture_optimizer.step()
        self.architecture.bound_gammas()
        accuracy = (scores.detach().argmax(1) == labels).double().mean()
        return float(loss.detach()), float(accuracy)

    def _learn(self, step: int) -> float | None:
        """Step the weights on training images; return the loss, None if it is not finite."""
        images, labels = self.problem.training.batch(
            step, self.recipe.batch_size, self.seed, "grafs training"
        )
        loss = functional.cross_entropy(
            self.problem.scores(images), labels, label_smoothing=self.recipe.label_smoothing
        )
        gradients = torch.autograd.grad(loss, self.weights, allow_unused=True)
        if not _finite(loss, gradients):
            return None
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.weights, self.recipe.clip_norm)
        epoch = self.recipe.epochs * step / self.settings.total
        for group in self.weight_optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, epoch)
        self.weight_optimizer.step()
        return float(loss.detach())

    def _cost(self) -> float:
        return self.spent_s + clock.seconds(self.device) - self.started

    def _save(self) -> None:
        state: dict[str, Any] = {
            "stage": self.stage,
            "history": [tuple(stage) for stage in self.history],
            "spent_s": self._cost(),
            "network": self.problem.network.state_dict(),
            "weight_optimizer": self.weight_optimizer.state_dict(),
            "architecture": self.architecture.state(),
            "architecture_optimizer": self.architecture_optimizer.state_dict(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        sealed.write_bytes(self.checkpoint, buffer.getvalue())
        self.saved_at = time.monotonic()

    def _restore(self) -> None:
        try:
            content = io.BytesIO(sealed.read_bytes(self.checkpoint))
            state = torch.load(content, weights_only=True, map_location=self.device)
            self.stage = state["stage"]
            self.history = [Stage(*stage) for stage in state["history"]]
            self.spent_s = state["spent_s"]
            self.problem.network.load_state_dict(state["network"])
            self.weight_optimizer.load_state_dict(state["weight_optimizer"])
            self.architecture.restore(state["architecture"])
            self.architecture_optimizer.load_state_dict(state["architecture_optimizer"])
        except Exception as error:  # torch has no common base class for what it cannot read
            raise SearchFolderError(
                f"{self.checkpoint} is damaged ({str(error)[:_LONGEST]}); delete it and run the "
                "same command again: the relaxed search begins anew"
            ) from error


def _finite(loss: Tensor, gradients: tuple[Tensor | None, ...]) -> bool:
    parts = [loss, *(each for each in gradients if each is not None)]
    return all(bool(each.isfinite().all()) for each in parts)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
