"""Tabulated activations against ReLU, composed operators and torch.compile, in one run.

For every expression: forward; forward and backward; and a whole training step of All-CNN-C with the
trainer's own optimizer. All variants take turns and the figures are medians over the turns, so that
a busy machine slows all alike; read the ratios. Expressions are drawn from the space by a seed.

    python -m benchmarks.steps.activations [--expressions 20] [--compiled 3] [--device cpu] [--json]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from typing import TypedDict

import numpy as np
import torch
from torch import nn

from act_bench.functions.expression import parse
from act_bench.functions.operators import BINARY, SPACE_UNARY
from benchmarks.budget import Figure, report
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.networks.all_cnn_c import AllCNNC
from regenerate.recipes import Recipe
from regenerate.training.flat_weights import FlatWeights, make_optimizer

RECIPE = Recipe(
    table="cnn",
    fidelity="benchmark",
    network="all_cnn_c",
    dataset="cifar10",
    epochs=1,
    batch_size=64,
    optimizer="sgd",
    learning_rate=1e-4,
    momentum=0.9,
    nesterov=True,
    clip_norm=1.0,
    width=1 / 3,
)
Job = Callable[[], object]


class Measurement(TypedDict):
    """One expression: seconds of every job, the same over ReLU's, seconds to get ready."""

    expression: str
    seconds: dict[str, float]
    ratios: dict[str, float]
    prepared_s: dict[str, float]


class Report(TypedDict):
    """All measurements of a run and where they were made."""

    elements: int
    torch: str
    processor: str
    threads: int
    results: list[Measurement]


def drawn(count: int, seed: int) -> list[str]:
    """Return random expressions of the space; constants, which need no backward pass, left out."""
    random = np.random.default_rng(seed)
    found: list[str] = []
    while len(found) < count:
        u, v = random.choice(SPACE_UNARY, 2)
        text = f"{random.choice(BINARY)}({u}(x),{v}(x))"
        if np.any(parse(text).derivative()(np.linspace(-3, 3, 7)) != 0):
            found.append(text)
    return found


class Composed(nn.Module):
    """An expression from torch's operators; in float32 where torch has no bfloat16 for one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.function = parse(text).to_torch()
        self.wide = "bessel" in text

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return f(x), bfloat16."""
        value: torch.Tensor = self.function(x.float() if self.wide else x)
        return value.to(x.dtype)


def medians(jobs: dict[str, Job], turns: int, device: str) -> dict[str, float]:
    """Run all jobs in turn and return the median seconds of each; the first turn warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(turns + 1):
        for name, job in jobs.items():
            wait(device)
            start = time.perf_counter()
            job()
            wait(device)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in seconds.items()}


def wait(device: str) -> None:
    """Wait for all that a GPU has been given to do."""
    if device != "cpu":
        torch.cuda.synchronize()


def forward_job(module: nn.Module, x: torch.Tensor) -> Job:
    """Return the forward pass alone."""

    def job() -> None:
        with torch.no_grad():
            module(x)

    return job


def both_job(module: nn.Module, x: torch.Tensor, gradient: torch.Tensor) -> Job:
    """Return forward and backward pass."""
    leaf = x.clone().requires_grad_()
    return lambda: torch.autograd.grad(module(leaf), leaf, gradient)


def step_job(module: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Job:
    """Return a training step of All-CNN-C, optimizer included."""
    network = AllCNNC(lambda: module, width=RECIPE.width).to(images.device)
    weights = FlatWeights(network)
    optimizer = make_optimizer(RECIPE, weights)

    def job() -> None:
        loss = nn.functional.cross_entropy(network(images).float(), labels)
        optimizer.step(weights.gradient(loss), RECIPE.learning_rate)

    return job


def measure(options: argparse.Namespace) -> Report:
    """Run the benchmark; seconds and ratios by expression."""
    device, size = options.device, options.image_size
    random = torch.Generator().manual_seed(0)
    shape = (RECIPE.batch_size, 32, size, size)
    x, gradient = (torch.randn(shape, generator=random).to(device, torch.bfloat16) for _ in "ab")
    images = torch.randn((RECIPE.batch_size, 3, size, size), generator=random)
    images = images.to(device, torch.bfloat16).contiguous(memory_format=torch.channels_last)
    labels = (torch.arange(RECIPE.batch_size) % 10).to(device)
    relu = nn.ReLU().to(device)
    results: list[Measurement] = []
    for number, text in enumerate(drawn(options.expressions, options.seed)):
        expression = parse(text)
        start = time.perf_counter()
        table = TabulatedActivation(tabulate(expression)).to(device)
        variants: dict[str, nn.Module] = {
            "relu": relu,
            "tabulated": table,
            "composed": Composed(text).to(device),
        }
        prepared_s = {"tabulated": time.perf_counter() - start}
        if number < options.compiled:
            torch.compiler.reset()
            variants["compiled"] = Composed(text).to(device)
            variants["compiled"].compile(dynamic=False)
            start = time.perf_counter()
            both_job(variants["compiled"], x, gradient)()
            wait(device)
            prepared_s["compiled"] = time.perf_counter() - start
        jobs: dict[str, Job] = {}
        for name, module in variants.items():
            jobs[f"forward {name}"] = forward_job(module, x)
            jobs[f"both {name}"] = both_job(module, x, gradient)
            jobs[f"step {name}"] = step_job(module, images, labels)
        seconds = medians(jobs, options.turns, device)
        ratios = {
            name: seconds[name] / seconds[f"{name.split()[0]} relu"]
            for name in seconds
            if not name.endswith("relu")
        }
        results.append(
            {"expression": text, "seconds": seconds, "ratios": ratios, "prepared_s": prepared_s}
        )
    return {
        "elements": x.numel(),
        "torch": torch.__version__,
        "processor": platform.processor(),
        "threads": torch.get_num_threads(),
        "results": results,
    }


def show(found: Report) -> None:
    """Print medians and ranges of the ratios to ReLU, and the throughput of the look-up."""
    results, elements = found["results"], found["elements"]
    print(f"torch {found['torch']}, {found['threads']} threads, {elements} bfloat16 elements")
    print(f"{'':22}{'times ReLU: median':>20}{'least':>8}{'most':>8}{'G elements/s':>14}{'n':>4}")
    for part in ("forward", "both", "step"):
        for variant in ("relu", "tabulated", "composed", "compiled"):
            name = f"{part} {variant}"
            chosen = [each for each in results if name in each["seconds"]]
            if not chosen:
                continue
            ratios = sorted(each["ratios"].get(name, 1.0) for each in chosen)
            rate = elements / statistics.median(each["seconds"][name] for each in chosen) / 1e9
            shown = f"{rate:14.2f}" if part != "step" else " " * 14
            print(
                f"{name:22}{statistics.median(ratios):20.2f}{ratios[0]:8.2f}{ratios[-1]:8.2f}"
                f"{shown}{len(chosen):4}"
            )
    for name in ("tabulated", "compiled"):
        seconds = [each["prepared_s"][name] for each in results if name in each["prepared_s"]]
        if seconds:
            print(f"getting ready, {name}: {statistics.median(seconds):.3f} s an expression")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--expressions", type=int, default=20)
    parser.add_argument("--compiled", type=int, default=3, help="how many to compile as well")
    parser.add_argument("--image-size", type=int, default=16)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options)
    if options.json:
        print(json.dumps(found))
    else:
        show(found)
    steps = [each["ratios"]["step tabulated"] for each in found["results"]]
    report(
        [Figure("a training step of any expression, of ReLU's (largest)", max(steps), "x", 1.25)]
    )


if __name__ == "__main__":
    main()
