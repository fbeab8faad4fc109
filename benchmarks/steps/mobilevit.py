"""What a training step of MobileViTv2-0.5 costs on one core, before and after, and where it goes.

The step is the trainer's own: a batch gathered, forward, backward, AdamW, with a tabulated
activation. Its variants are measured in turns in one run, in processor time:

- ``torch``: every operation as torch has it;
- ``stride 1``: depthwise convolutions of stride 2 as every second pixel of stride 1;
- ``fused``: that, and batch normalization and look-up in one (``regenerate.activations``);
- ``depthwise``: that, but stride 2 in the loops of ``regenerate.kernels.depthwise_cpu``;
- ``attention``: that, and attention in those of ``regenerate.kernels.attention_cpu``;
- ``products``: that, 1x1 convolutions of tokens as products, normalization without activation and
  the optimizer in one loop each, and the small maps' gradient of taps;
- ``own``: as the trainer does it: that, and each transformer layer as one operation of autograd.

    python -m benchmarks.steps.mobilevit [--image-size 64] [--width 1] [--batch-size 64] [--turns 5]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional

from act_bench.functions.expression import parse
from benchmarks.budget import Figure, report
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.kernels import depthwise
from regenerate.kernels.depthwise import DepthwiseConv2d
from regenerate.networks import build
from regenerate.networks.normalized import Normalized
from regenerate.networks.pointwise import PointwiseConv2d
from regenerate.recipes.vit import SHORT
from regenerate.training.allocator import keep_freed_memory
from regenerate.training.flat_weights import AdamW, FlatWeights, make_optimizer
from regenerate.training.step import make_step

PARTS = {
    "_StridedBackward": "depthwise of stride 2, backward",
    "_Strided": "depthwise of stride 2, forward",
    "_NormalizedLookUpBackward": "normalization and activation, backward",
    "_NormalizedLookUp": "normalization and activation, forward",
    "native_batch_norm": "normalization without activation",
    "group_norm": "token norms",
    "convolution_backward": "other convolutions, backward",
    "convolution": "other convolutions, forward",
    "_LookUp": "activation between token layers",
    "_AttendBackward": "attention without its projections, backward",
    "_Attend": "attention without its projections, forward",
    "_LayerBackward": "transformer layers but their products, backward",
    "_Layer": "transformer layers but their products, forward",
    "aten::addmm": "products of tokens",
    "aten::mm": "products of tokens",
    "aten::add": "additions of shortcuts and gradients",
    "aten::cat": "gradients into one vector",
    "aten::copy_": "copies",
    "aten::index": "gathering the batch",
}
"""Names in torch's profile -> what they are; the first match counts."""


def every_second_pixel(layer: DepthwiseConv2d, features: Tensor) -> Tensor:
    """Return the convolution, at stride 2 from that at stride 1."""
    whole = functional.conv2d(features, layer.weight, None, 1, 1, 1, layer.groups)
    return whole if layer.stride == (1, 1) else whole[:, :, ::2, ::2]


def attention_by_torch(projected: Tensor) -> Tensor:
    """Return what `regenerate.kernels.attention.attend` does, in operations of torch."""
    channels = projected.shape[1] // 2
    scores, keys, values = projected.split_with_sizes((1, channels, channels), 1)
    return values.relu() * (keys * scores.softmax(3)).sum(3, keepdim=True)


def normalized_by_torch(
    layer: Normalized, features: Tensor, shortcut: Tensor | None = None
) -> Tensor:
    """Return what `Normalized` does, in operations of torch."""
    normalized = nn.BatchNorm2d.forward(layer, features)
    return normalized if shortcut is None else normalized + shortcut


@contextmanager
def variant(name: str) -> Iterator[None]:
    """Put back what the trainer replaces."""
    with ExitStack() as replaced:
        if name != "own":
            place = "regenerate.networks.mobilevit_v2.can_fuse"
            replaced.enter_context(patch(place, lambda *_: False))
        if name not in ("own", "products"):
            replaced.enter_context(patch.object(PointwiseConv2d, "forward", nn.Conv2d.forward))
            replaced.enter_context(patch.object(Normalized, "forward", normalized_by_torch))
            replaced.enter_context(patch.object(depthwise, "SMALL", 0))
            replaced.enter_context(patch.object(AdamW, "loop", False))
        if name not in ("own", "products", "attention"):
            place = "regenerate.networks.mobilevit_v2.attend"
            replaced.enter_context(patch(place, attention_by_torch))
        if name not in ("depthwise", "attention", "products", "own"):
            forward = nn.Conv2d.forward if name == "torch" else every_second_pixel
            replaced.enter_context(patch.object(DepthwiseConv2d, "forward", forward))
        if name in ("torch", "stride 1"):
            never = patch("regenerate.networks.normalized.can_fuse", lambda *_: False)
            replaced.enter_context(never)
        yield


def step_of(options: argparse.Namespace) -> Callable[[], None]:
    """Return a training step on random images."""
    activation = TabulatedActivation(tabulate(parse(options.expression)))
    network = build("mobilevit_v2", lambda: activation, width=options.width)
    weights = FlatWeights(network)
    optimizer = make_optimizer(SHORT, weights)
    make = make_step(SHORT, network, weights)
    side = options.image_size
    pool = torch.randn(1024, side, side, 3).to(torch.bfloat16)
    labels = torch.randint(0, 10, (1024,))
    index = torch.randperm(1024)[: options.batch_size]

    def step() -> None:
        _, gradient = make(pool[index].permute(0, 3, 1, 2), labels[index])
        optimizer.step(gradient, 1e-5)

    return step


def seconds(job: Callable[[], None], repeats: int) -> float:
    """Return processor seconds a call."""
    start = time.process_time()
    for _ in range(repeats):
        job()
    return (time.process_time() - start) / repeats


def profile(step: Callable[[], None]) -> dict[str, float]:
    """Return the share of each part in the time of a step, by torch's profiler."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        for _ in range(5):
            step()
    parts: dict[str, float] = {}
    for event in found.key_averages():
        part = next((p for key, p in PARTS.items() if key in event.key), "optimizer and the rest")
        parts[part] = parts.get(part, 0.0) + event.self_cpu_time_total
    total = sum(parts.values())
    return {part: spent / total for part, spent in sorted(parts.items(), key=lambda p: -p[1])}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--expression", default="mul(erf(x),softplus(x))")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    step = step_of(options)
    names = ("torch", "stride 1", "fused", "depthwise", "attention", "products", "own")
    taken: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(options.turns + 1):
        for name in names:
            with variant(name):
                spent = seconds(step, options.repeats if turn else 1)
            if turn:  # the first is to compile and to fill caches
                taken[name].append(spent)
    print(
        f"torch {torch.__version__}, one thread, {options.image_size} px, width {options.width:g}, "
        f"batch {options.batch_size}, {options.expression}"
    )
    print("| variant | ms per step | images/s | to torch's |\n|---|---|---|---|")
    median = {name: statistics.median(each) for name, each in taken.items()}
    for name in names:
        rate = options.batch_size / median[name]
        ratio = median["torch"] / median[name]
        print(f"| {name} | {median[name] * 1e3:.1f} | {rate:.0f} | {ratio:.2f} |")
    what = f"a step of MobileViTv2, {options.image_size} px, one core, of torch's own"
    report([Figure(what, median["own"] / median["torch"], "x")])
    for part, share in profile(step).items():
        print(f"  {share:6.1%}  {part}")


if __name__ == "__main__":
    main()
