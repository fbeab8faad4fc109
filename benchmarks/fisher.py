"""What a Fisher spectrum of a full-width network costs, by part, against plain K-FAC.

    python -m benchmarks.fisher --data-dir FOLDER           All-CNN-C: seconds per function, one and
                                                            two threads
    python -m benchmarks.fisher --data-dir FOLDER --table vit   another table, without plain K-FAC

Plain K-FAC makes the patches (``unfold``), multiplies them in float64, and forms all products of
eigenvalues; it takes the same passes, so that the ratio is that of factors and eigenvalues. Both
run in turn in one process, with the same batch and function; figures are medians over the turns.
Parts are measured one after the other on one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits
from torch import Tensor, nn

from act_bench.functions.expression import Expression, parse
from act_bench.functions.named import NamedFunction
from act_bench.tables.distances import quantile_function
from act_bench.tables.registry import table_info
from benchmarks.budget import Figure, report
from builders.reports.fisher.study import quantiles_of
from regenerate.fisher import FisherConvention, Labels
from regenerate.fisher.capture import backward, forward, score_gradients
from regenerate.fisher.factors import input_factor
from regenerate.fisher.moments.products import mkl_is_faster
from regenerate.fisher.networks import Setting, initialized, setting
from regenerate.fisher.spectrum import gradient_factors, pairwise_sums
from regenerate.recipes import find
from regenerate.runs.environment import processor

FUNCTIONS = ("relu(x)", "elu(x)", "tanh(x)", "mul(erf(x),softplus(x))")
BATCH = 64
BUDGET_S = 0.99
"""A tenth of what the reference code takes."""


class Clock:
    """Seconds by part: each call of :meth:`lap` gives a part the time since the last."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, part: str) -> None:
        """Give the time since the last call to a part."""
        now = time.perf_counter()
        self.parts[part] = self.parts.get(part, 0.0) + now - self.last
        self.last = now


def by_part(found: Setting, function: str) -> dict[str, float]:
    """Return the seconds of each part of one spectrum, one after the other."""
    clock, convention = Clock(), found.convention
    network = found.network(parse(function))
    clock.lap("network")
    scores, passes = forward(network, found.images)
    clock.lap("forward pass with initial weights")
    gradients = gradient_factors(scores, passes, convention, found.labels)
    clock.lap("backward pass, gradient factors")
    for each, factor in zip(passes, gradients, strict=True):
        a = input_factor(each.layer, each.inputs)
        clock.lap("input factors")
        logs = a.log_eigenvalues(convention.zero), factor.log_eigenvalues(convention.zero)
        clock.lap("eigenvalues")
        quantile_function(pairwise_sums(*logs, convention.floor))
        clock.lap("pairwise sums and quantiles")
    return clock.parts


def plain_kfac(network: nn.Module, images: Tensor, labels: Tensor) -> list[NDArray[np.float64]]:
    """Return the eigenvalues of each block in the plainest way: all patches, all products."""
    scores, passes = forward(network, images)
    # One backward pass, as the drawn labels have.
    gradient = score_gradients(scores, Labels.TRUE, true=labels)
    (gradients,) = backward(scores, passes, gradient)
    spectra = []
    for each, g in zip(passes, gradients, strict=True):
        layer = each.layer
        if not isinstance(layer, nn.Conv2d) or isinstance(layer.padding, str):
            raise TypeError(f"expected a convolution with a number as padding, got {layer}")
        patches = nn.functional.unfold(
            each.inputs, layer.kernel_size, padding=layer.padding, stride=layer.stride
        )
        rows = patches.transpose(1, 2).reshape(-1, patches.shape[1]).double()
        rows = torch.cat([rows, rows.new_ones(len(rows), 1)], 1)
        a = rows.T @ rows / len(images)
        columns = g.permute(0, 2, 3, 1).reshape(-1, g.shape[1]).double()
        positions = len(columns) / len(images)
        s = columns.T @ columns / (len(images) * positions)
        products = torch.outer(torch.linalg.eigvalsh(a), torch.linalg.eigvalsh(s))
        spectra.append(np.sort(products.flatten().numpy().astype(np.float64)))
    return spectra


def noise_setting(table: str) -> Setting:
    """Return a setting with noise for images, for machines without the data; it takes as long."""
    recipe = find(table, table_info(table).fidelities[-1])
    convention = FisherConvention(
        table=table,
        labels=Labels.PREDICTED_SAMPLE,
        batch=(0, BATCH),
        initialization=recipe.initialization,
        dtype="float32",
    )
    random = torch.Generator().manual_seed(0)
    size = recipe.image_size or 32
    images = torch.randn((BATCH, 3, size, size), generator=random)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(BATCH) % 10

    def network(expression: Expression | NamedFunction) -> nn.Module:
        return initialized(recipe, expression, convention.seed)

    return Setting(convention, network, images, labels)


def speed(found: Setting, table: str, turns: int) -> None:
    """Print seconds per function, whole and by part, and for All-CNN-C the ratio to plain K-FAC."""
    for threads in (1, 2):
        torch.set_num_threads(threads)
        print(f"\n{threads} thread{'s' * (threads > 1)}: seconds per function (median of {turns})")
        for function in FUNCTIONS:
            ours, plain = [], []
            for _ in range(turns + 1):  # the first one is not counted
                clock = Clock()
                quantiles_of(found, function)
                clock.lap("ours")
                if table == "cnn":
                    network = found.network(parse(function))
                    plain_kfac(network, found.images, found.labels)
                clock.lap("plain")
                ours.append(clock.parts["ours"])
                plain.append(clock.parts["plain"])
            line = f"  {function:28} ours {statistics.median(ours[1:]):6.2f}"
            if table == "cnn":
                ratio = statistics.median(p / o for p, o in zip(plain[1:], ours[1:], strict=True))
                line += f"   plain {statistics.median(plain[1:]):6.2f}   {ratio:5.1f} x"
            print(line)
            if threads == 2 and table == "cnn" and function == "elu(x)":
                seconds = statistics.median(ours[1:])
                what = f"a spectrum of All-CNN-C, batch {BATCH}, two cores"
                report([Figure(what, seconds, "s", BUDGET_S)])
                report([Figure(f"{what}, of plain K-FAC", 1 / ratio, "x")])
    torch.set_num_threads(1)
    with threadpool_limits(1, "blas"):
        turns_by_part = [by_part(found, "elu(x)") for _ in range(turns)]
    parts = {
        part: statistics.median(each[part] for each in turns_by_part) for part in turns_by_part[0]
    }
    total = sum(parts.values())
    print(f"\nparts of elu(x) on one thread, {total:.2f} s")
    for part, seconds in parts.items():
        print(f"  {part:34} {seconds:6.3f} s  {seconds / total:5.1%}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    images = parser.add_mutually_exclusive_group()
    images.add_argument("--data-dir", type=Path)
    images.add_argument("--noise", action="store_true", help="Noise for images: needs no data.")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--table", choices=("cnn", "resnet", "vit"), default="cnn")
    arguments = parser.parse_args()
    blas = [each.get("architecture") for each in threadpool_info() if each["user_api"] == "blas"]
    faster = "MKL" if mkl_is_faster() else f"OpenBLAS for {blas[0]}"
    print(f"torch {torch.__version__}, {processor()}, {faster}, batch 64")
    table = arguments.table
    found = noise_setting(table) if arguments.noise else setting(table, data_dir=arguments.data_dir)
    speed(found, table, arguments.turns)


if __name__ == "__main__":
    main()
