"""A step recorded and replayed gives what the step gives.

What a GPU can record is tested without one: on tensors without content (``meta``), where nothing
can look at a value, as nothing may while a GPU records, and where the code of GPUs runs and not
that of CPUs. Recording itself needs a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from act_bench.functions.expression import parse
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.networks import build
from regenerate.networks.gpt import GPT
from regenerate.recipes import find, gpt
from regenerate.recipes.recipe import Recipe
from regenerate.training.flat_weights import FlatWeights, make_optimizer
from regenerate.training.muon import Muon
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


def once(job: Callable[[], Outcome]) -> tuple[Callable[[], object], Outcome]:
    """Stand in for a CUDA graph: runs the job once, which is what is recorded."""
    return lambda: None, job()


class OneDevice(TorchDispatchMode):
    """Refuses operations that touch another device: a GPU would wait for them, or not record."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        devices = {
            t.device.type for t in tree_iter((args, kwargs, result)) if isinstance(t, Tensor)
        }
        assert devices <= {"meta"}, f"{func} has tensors of {devices}"
        return result


def without_content(recipe: Recipe) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a recipe's network and a batch, of the right shapes and without content."""
    activation = TabulatedActivation(tabulate(parse("tanh(x)")))
    n, meta = recipe.batch_size, torch.device("meta")
    if recipe.network == "gpt":
        length = recipe.sequence_length
        network: nn.Module = GPT(
            lambda: activation, vocabulary=90, length=length, layers=2, channels=96, previous=3
        )
        tokens = torch.zeros(n, length, dtype=torch.int64, device=meta)
        return network.to(meta), tokens, tokens
    network = build(recipe.network, lambda: activation, width=recipe.width)
    side = recipe.image_size or 32
    images = torch.zeros(n, 3, side, side, dtype=torch.bfloat16, device=meta)
    images = images.contiguous(memory_format=torch.channels_last)
    if recipe.target_threshold is not None:  # mixed images
        return network.to(meta), images, torch.zeros(n, 10, device=meta)
    return network.to(meta), images, torch.zeros(n, dtype=torch.int64, device=meta)


RECIPES = [
    find("cnn", "full"),
    find("resnet", "full"),
    find("vit", "proxy"),
    find("vit", "full"),
    gpt.PROXY,
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.table}-{recipe.fidelity}")
def test_a_step_can_be_recorded(recipe: Recipe) -> None:
    network, inputs, targets = without_content(recipe)
    weights = FlatWeights(network)
    optimizer = (Muon if recipe.optimizer == "muon" else make_optimizer)(recipe, weights)
    with OneDevice():
        step = ReplayedStep(EagerStep(recipe, network, weights), network, once)
        for _ in range(2):
            loss, gradient = step(inputs, targets)
            optimizer.step(gradient, 0.1)
        with torch.no_grad():
            assert network.eval()(inputs).device.type == "meta"
    assert (loss.shape, gradient.shape) == ((), weights.master.shape)


@pytest.mark.gpu
@pytest.mark.parametrize("table", ["cnn", "resnet", "vit"])
def test_a_gpu_records_what_it_computes(table: str) -> None:
    from builders.reports.gpu.checks import check_recording

    check_recording(find(table, "proxy"), "cuda")
