"""How near to the machine's bfloat16 peak a training step comes, and where the rest of it goes.

The peak is a large bfloat16 matrix product, measured in the same run, in turns with the steps. The
step is the trainer's own: forward, backward, optimizer, with a tabulated activation. Floating-point
operations are those of the convolutions: two a multiply-add, three passes (one less for the input
gradient of the first layer). For a network with batch normalization the step is also taken with
torch's own, as it was before normalization, addition and activation were one loop. ``--compiled``
measures, too, what `torch.compile` makes of the whole network, whose graph is the same for every
function: with the tables as gathers, which it may fuse with what stands beside them, and with ReLU.

    python -m benchmarks.steps.training [--network resnet56] [--width 0.5] [--image-size 16]
        [--batch-size 64] [--threads 1] [--device cpu] [--compiled]
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from act_bench.functions.expression import parse
from benchmarks.budget import Figure, report
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.activations.tabulation import Tables
from regenerate.networks import IMAGE_NETWORKS, build, normalized
from regenerate.recipes import Recipe
from regenerate.training.allocator import keep_freed_memory
from regenerate.training.flat_weights import FlatWeights, make_optimizer

# Names in torch's profile -> what they are, the first match counts.
PARTS = {
    "convolution_backward": "convolutions, backward",
    "convolution": "convolutions, forward",
    "_NormalizedLookUpBackward": "normalization and activation, backward",
    "_NormalizedLookUp": "normalization and activation, forward",
    "batch_norm_backward": "normalization and activation, backward",
    "batch_norm": "normalization and activation, forward",
    "_LookUpBackward": "activation, backward",
    "_LookUp": "activation, forward",
    "aten::mul": "activation, backward",
    "aten::index": "gathering the batch",
}


def flops(options: argparse.Namespace) -> float:
    """Return the floating-point operations of a step, counted on the network itself."""
    network = build(options.network, nn.Identity, width=options.width)
    total = 0.0

    def count(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        passes = 2 if inputs[0].shape[1] == 3 else 3
        weights = next(layer.parameters()).numel()
        total += 2 * passes * output[0, 0].numel() * weights * options.batch_size

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    network.eval()(torch.zeros(1, 3, options.image_size, options.image_size))
    return total


@contextlib.contextmanager
def unfused() -> Iterator[None]:
    """Let torch normalize, and add, and then look up."""
    with patch("regenerate.networks.normalized.can_fuse", lambda *_: False):
        yield


class GatheredTables(nn.Module):
    """A tabulated activation in torch's own operations, which a compiler can see through.

    Examples
    --------
    >>> square = GatheredTables(tabulate(parse("square(x)")))
    >>> x = torch.tensor([3.0, -2.0], dtype=torch.bfloat16, requires_grad=True)
    >>> square(x).sum().backward()
    >>> square(x).tolist(), x.grad.tolist()
    ([9.0, 4.0], [6.0, -4.0])
    """

    value: torch.Tensor
    slope: torch.Tensor

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        for name, bits in (("value", tables.value), ("slope", tables.slope)):
            numbers = torch.from_numpy(bits.view(np.int16).copy()).view(torch.bfloat16)
            self.register_buffer(name, numbers, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return f(x)."""
        result: torch.Tensor = _Gathered.apply(x, self.value, self.slope)  # type: ignore[no-untyped-call]
        return result


class _Gathered(torch.autograd.Function):
    """f with f' as its derivative."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, value: torch.Tensor, slope: torch.Tensor
    ) -> torch.Tensor:
        index = x.view(torch.int16).int() & 0xFFFF
        ctx.save_for_backward(slope[index])
        return value[index]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return gradient * ctx.saved_tensors[0], None, None


def step_of(
    options: argparse.Namespace, module: nn.Module, compiled: bool = False
) -> Callable[[], None]:
    """Return a training step on random images."""
    recipe = Recipe(
        table="cnn",
        fidelity="benchmark",
        network=options.network,
        dataset="cifar10",
        epochs=1,
        batch_size=options.batch_size,
        optimizer="sgd",
        learning_rate=1e-4,
        momentum=0.9,
        nesterov=True,
        weight_decay=5e-4,
        clip_norm=1.0,
    )
    device = options.device
    network = build(options.network, lambda: module, width=options.width).to(device)
    weights = FlatWeights(network)
    if compiled:
        network.compile(dynamic=False)
    optimizer = make_optimizer(recipe, weights)
    pool = torch.randn(2048, options.image_size, options.image_size, 3).to(device, torch.bfloat16)
    labels = torch.randint(0, 10, (2048,), device=device)
    index = torch.randperm(2048, device=device)[: options.batch_size]

    def step() -> None:
        scores = network(pool[index].permute(0, 3, 1, 2)).float()
        loss = nn.functional.cross_entropy(scores, labels[index])
        optimizer.step(weights.gradient(loss), recipe.learning_rate)

    return step


def seconds(job: Callable[[], object], device: str, repeats: int) -> float:
    """Return seconds a call, over several calls without a wait between them."""
    job()
    if device != "cpu":
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        job()
    if device != "cpu":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats


def profile(step: Callable[[], None], device: str) -> dict[str, float]:
    """Return the share of each part in the time of a step, by torch's profiler."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device != "cpu":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as found:
        for _ in range(10):
            step()
    parts: dict[str, float] = {}
    for event in found.key_averages():
        spent = event.self_cpu_time_total if device == "cpu" else event.self_device_time_total
        part = next((p for key, p in PARTS.items() if key in event.key), "optimizer and the rest")
        parts[part] = parts.get(part, 0.0) + spent
    total = sum(parts.values())
    return {part: spent / total for part, spent in sorted(parts.items(), key=lambda p: -p[1])}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", default="all_cnn_c", choices=list(IMAGE_NETWORKS))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--width", type=float, default=1 / 3)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--matrix", type=int, default=2048)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--expression", default="mul(erf(x),softplus(x))")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compiled", action="store_true", help="torch.compile too: minutes")
    options = parser.parse_args()
    device = options.device
    if options.threads:
        torch.set_num_threads(options.threads)
    if device == "cpu":
        keep_freed_memory()
    tables = tabulate(parse(options.expression))
    step = step_of(options, TabulatedActivation(tables))
    jobs = {"step": step, "relu": step_of(options, nn.ReLU())}
    others = {"unfused": step}  # with torch's batch normalization
    prepared_s: dict[str, float] = {}
    if options.compiled:
        for name, module in (("compiled", GatheredTables(tables)), ("compiled relu", nn.ReLU())):
            others[name] = step_of(options, module, compiled=True)
            with unfused():
                start = time.perf_counter()
                others[name]()
                prepared_s[name] = time.perf_counter() - start
    side = options.matrix
    a, b = (torch.randn(side, side, device=device).to(torch.bfloat16) for _ in "ab")
    taken: dict[str, list[float]] = {name: [] for name in ("product", *jobs, *others)}
    for _ in range(options.turns):
        taken["product"].append(seconds(lambda: a @ b, device, 3))
        for name, job in jobs.items():
            taken[name].append(seconds(job, device, 5))
        with unfused():
            for name, job in others.items():
                taken[name].append(seconds(job, device, 5))
    median = {name: statistics.median(each) for name, each in taken.items()}
    peak = 2 * side**3 / median["product"]
    reached = flops(options) / median["step"]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, device {device}")
    print(f"peak: bfloat16 product of side {side}: {peak / 1e12:.2f} TFLOP/s")
    print(
        f"step of {options.network}: width {options.width:.3f}, {options.image_size} px, "
        f"batch {options.batch_size}: {median['step'] * 1e3:.1f} ms, "
        f"{options.batch_size / median['step']:.0f} images/s, "
        f"{reached / 1e12:.2f} TFLOP/s = {reached / peak:.0%} of the peak"
    )
    fused = build(options.network, nn.Identity, width=options.width).modules()
    if any(isinstance(module, normalized.NormalizedActivation) for module in fused):
        print(
            f"with torch's batch norm: {options.batch_size / median['unfused']:.0f} images/s, "
            f"{median['unfused'] / median['step']:.2f} times as long"
        )
    for name, preparing in prepared_s.items():
        print(
            f"{name}, torch's batch norm: {options.batch_size / median[name]:.0f} images/s, "
            f"{median[name] / median['step']:.2f} times as long; compiled in {preparing:.0f} s"
        )
    times = median["step"] / median["relu"]
    print(f"{options.expression} against ReLU: {times:.2f} x")
    report(
        [Figure(f"a step of {options.network}, {options.expression}, of ReLU's", times, "x", 1.25)]
    )
    for part, share in profile(step, device).items():
        print(f"  {share:6.1%}  {part}")


if __name__ == "__main__":
    main()
