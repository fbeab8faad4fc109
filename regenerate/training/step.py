"""One training step without the optimizer: a batch in, its loss and the gradient out.

On a GPU a deep network of small layers waits for the launch of its kernels and not for their
arithmetic. There the step can be recorded once and replayed as one CUDA graph (`ReplayedStep`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import torch
from torch import Tensor, nn

from act_bench.errors import ArgumentError
from regenerate.recipes.recipe import Recipe
from regenerate.training.flat_weights import FlatWeights
from regenerate.training.losses import training_loss

GRAPHS_VARIABLE: Final = "ACT_BENCH_CUDA_GRAPHS"
"""Environment variable: ``1`` replays steps as CUDA graphs. Off by default: no GPU has run it."""
WARM_UP_STEPS: Final = 3

Outcome = tuple[Tensor, Tensor]


class Step(Protocol):
    """Takes images and targets; gives the loss, detached, and the gradient of all weights."""

    def __call__(self, images: Tensor, targets: Tensor) -> Outcome:
        """Return the loss of the batch and the gradient, which the next step may overwrite."""


def make_step(recipe: Recipe, network: nn.Module, weights: FlatWeights) -> Step:
    """Return the step for the device of the weights."""
    step = EagerStep(recipe, network, weights)
    if weights.master.is_cuda and os.environ.get(GRAPHS_VARIABLE) == "1":
        return ReplayedStep(step, network, partial(record_on_gpu, weights.master.device))
    return step


class EagerStep:
    """Calls one operation after the other."""

    def __init__(self, recipe: Recipe, network: nn.Module, weights: FlatWeights) -> None:
        self._recipe, self._network, self._weights = recipe, network, weights

    def __call__(self, images: Tensor, targets: Tensor) -> Outcome:
        """See `Step`."""
        loss = training_loss(self._recipe, self._network(images).float(), targets)
        return loss.detach(), self._weights.gradient(loss)


Recorder = Callable[[Callable[[], Outcome]], tuple[Callable[[], object], Outcome]]
"""Takes a job, and gives a function that does it again and the tensors that this writes to."""


class ReplayedStep:
    """Records a step with its first batch; afterwards copies batches in and replays.

    Parameters
    ----------
    step
        What to record. It must read its arguments and write its outcome at the same places in
        memory each time, as everything does that runs on a GPU without looking at values.
    network
        Its buffers (running statistics) are put back after the recording, which may run the step.
    record
        `record_on_gpu` of a device, or a stand-in.
    """

    def __init__(self, step: Step, network: nn.Module, record: Recorder) -> None:
        self._step, self._network, self._record = step, network, record
        self._replay: Callable[[], object] | None = None

    def __call__(self, images: Tensor, targets: Tensor) -> Outcome:
        """See `Step`.

        Raises
        ------
        ValueError
            If the batch has another shape than the first.
        """
        if self._replay is None:
            self._images, self._targets = images.clone(), targets.clone()
            before = [buffer.clone() for buffer in self._network.buffers()]
            self._replay, self._outcome = self._record(
                lambda: self._step(self._images, self._targets)
            )
            for buffer, old in zip(self._network.buffers(), before, strict=True):
                buffer.copy_(old)
        if images.shape != self._images.shape or targets.shape != self._targets.shape:
            raise ArgumentError(
                f"a recorded step takes batches of one shape, {tuple(self._images.shape)}; got "
                f"{tuple(images.shape)}"
            )
        self._images.copy_(images)
        self._targets.copy_(targets)
        self._replay()
        loss, gradient = self._outcome
        return loss.clone(), gradient


def record_on_gpu(
    device: torch.device, job: Callable[[], Outcome]
) -> tuple[Callable[[], object], Outcome]:
    """Record a job as a CUDA graph of a device.

    Before a recording every kernel must have run once, on a stream of its own (torch's notes on
    CUDA graphs). Streams belong to the current device, which need not be that of the job: without
    the guard a job on another GPU would run beside the recording, which would stay empty.
    """
    with torch.cuda.device(device):
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                job()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outcome = job()

    def replay() -> None:
        with torch.cuda.device(device):
            graph.replay()

    return replay, outcome
