"""A step recorded and replayed gives what the step gives. Recording on a GPU is not tested here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from act_bench.functions.expression import parse
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.networks import build
from regenerate.recipes import find
from regenerate.training.flat_weights import FlatWeights
from regenerate.training.step import EagerStep, Outcome, ReplayedStep, make_step


def built() -> tuple[nn.Module, FlatWeights]:
    torch.manual_seed(0)
    activation = TabulatedActivation(tabulate(parse("tanh(x)")))
    network = build("resnet56", lambda: activation, width=1 / 8)
    return network, FlatWeights(network)


def replaying(job: Callable[[], Outcome]) -> tuple[Callable[[], object], Outcome]:
    """Stand in for a CUDA graph: runs the job twice first, and writes to fixed tensors."""
    job()
    outcome = job()

    def replay() -> None:
        for tensor, new in zip(outcome, job(), strict=True):
            tensor.copy_(new)

    return replay, outcome


def test_replaying_gives_losses_gradients_and_running_statistics_of_the_step() -> None:
    (plain, plain_weights), (recorded, recorded_weights) = built(), built()
    recipe = find("cnn", "proxy")
    eager = EagerStep(recipe, plain, plain_weights)
    replayed = ReplayedStep(EagerStep(recipe, recorded, recorded_weights), recorded, replaying)
    random = torch.Generator().manual_seed(1)
    losses = []
    for _ in range(3):
        images = torch.randn(4, 3, 8, 8, generator=random).bfloat16()
        labels = torch.randint(0, 10, (4,), generator=random)
        loss, gradient = eager(images, labels)
        again, same = replayed(images, labels)
        assert torch.equal(gradient, same)
        losses.append((loss, again))
        for weights in (plain_weights, recorded_weights):
            weights.master.sub_(gradient, alpha=0.01)
            weights.publish()
    for loss, again in losses:  # a loss must outlive the next replay
        assert torch.equal(loss, again)
    assert len({float(loss) for loss, _ in losses}) == 3
    for own, other in zip(plain.buffers(), recorded.buffers(), strict=True):
        assert torch.equal(own, other)
    with pytest.raises(ValueError, match=r"one shape, \(4, 3, 8, 8\); got \(2, 3, 8, 8\)"):
        replayed(images[:2], labels[:2])


def test_the_cpu_does_not_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACT_BENCH_CUDA_GRAPHS", "1")
    assert isinstance(make_step(find("cnn", "proxy"), *built()), EagerStep)
