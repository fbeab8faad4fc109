"""What a Fisher spectrum of a full-width network costs, by part, against plain K-FAC.

    python benchmarks/fisher.py --data-dir FOLDER           All-CNN-C: seconds a function, one and
                                                            two threads
    python benchmarks/fisher.py --data-dir FOLDER --table vit   another table, without plain K-FAC
    python benchmarks/fisher.py --data-dir FOLDER --study   what arithmetic and drawn labels change

Plain K-FAC makes the patches (``unfold``), multiplies them in float64, and forms all products of
eigenvalues; it takes the same passes, so that the ratio is that of factors and eigenvalues. Both
run in turn in one process, with the same batch and function; figures are medians over the turns.
Parts are measured one after the other on one thread.
"""

from __future__ import annotations

import argparse
import dataclasses
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_info
from torch import Tensor, nn

from act_bench.functions.expression import parse
from act_bench.tables.distances import fim_distances, quantile_function
from regenerate.fisher import Labels, fisher_spectrum
from regenerate.fisher.capture import backward, forward, score_gradients
from regenerate.fisher.factors import input_factor
from regenerate.fisher.networks import Setting, setting
from regenerate.fisher.spectrum import LayerSpectrum, gradient_factors, pairwise_sums

FUNCTIONS = ("relu(x)", "elu(x)", "tanh(x)", "mul(erf(x),softplus(x))")
STUDIED = ("relu(x)", "elu(x)", "tanh(x)", "abs(x)", "sigmoid(x)", "swish(x)", "softplus(x)")


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


def speed(table: str, data_dir: Path | None, turns: int) -> None:
    """Print seconds a function, whole and by part, and for All-CNN-C the ratio to plain K-FAC."""
    found = setting(table, data_dir=data_dir)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        print(f"\n{threads} thread{'s' * (threads > 1)}: seconds a function (median of {turns})")
        for function in FUNCTIONS:
            ours, plain = [], []
            for _ in range(turns + 1):  # the first one is not counted
                clock = Clock()
                whole(found, function)
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
    torch.set_num_threads(1)
    turns_by_part = [by_part(found, "elu(x)") for _ in range(turns)]
    parts = {
        part: statistics.median(each[part] for each in turns_by_part) for part in turns_by_part[0]
    }
    total = sum(parts.values())
    print(f"\nparts of elu(x) on one thread, {total:.2f} s")
    for part, seconds in parts.items():
        print(f"  {part:34} {seconds:6.3f} s  {seconds / total:5.1%}")


def whole(found: Setting, function: str) -> NDArray[np.float32]:
    """Return the quantile functions of a function, from the expression on."""
    network = found.network(parse(function))
    return kept(fisher_spectrum(network, found.images, found.convention, found.labels))


def kept(spectrum: tuple[LayerSpectrum, ...]) -> NDArray[np.float32]:
    """Return what is kept of a spectrum."""
    return np.stack([quantile_function(layer.log_eigenvalues) for layer in spectrum])


def study(data_dir: Path | None) -> None:
    """Print what arithmetic, label source and sign change, against distances between functions."""
    found = setting("cnn", data_dir=data_dir)
    names = [*STUDIED, *(f"negative({name})" for name in STUDIED)]
    base = np.stack([whole(found, name) for name in names])
    layers = base.shape[1]
    count = len(STUDIED)
    between = fim_distances(base[:count])[np.triu_indices(count, 1)] / layers
    print(f"W1 a layer between {count} functions: median {np.median(between):.3f}")
    signs = [
        fim_distances(base[i : i + 1], base[i + count : i + count + 1])[0, 0] / layers
        for i in range(count)
    ]
    print(f"f against -f: {_list(signs)}")
    for label, changed in {
        "drawn labels against exact expectation": {"labels": Labels.PREDICTED},
        "another draw of labels": {"label_seed": 1},
        "true labels": {"labels": Labels.TRUE},
        "passes in float64": {"dtype": "float64"},
    }.items():
        other = dataclasses.replace(found.convention, **changed)  # type: ignore[arg-type]
        apart = []
        for i, name in enumerate(STUDIED):
            network, images = found.network(parse(name)), found.images
            if other.dtype == "float64":
                network, images = network.double(), images.double()
            again = kept(fisher_spectrum(network, images, other, found.labels))
            apart.append(fim_distances(base[i : i + 1], again[None])[0, 0] / layers)
        print(f"{label}: {_list(apart)}", flush=True)


def _list(values: list[float]) -> str:
    pairs = zip(STUDIED, values, strict=True)
    return ", ".join(f"{name} {value:.3f}" for name, value in pairs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--table", choices=("cnn", "resnet", "vit"), default="cnn")
    parser.add_argument("--study", action="store_true")
    arguments = parser.parse_args()
    blas = [each.get("architecture") for each in threadpool_info() if each["user_api"] == "blas"]
    print(f"torch {torch.__version__}, {platform.processor()}, BLAS for {blas[0]}, batch 64")
    if arguments.study:
        study(arguments.data_dir)
    else:
        speed(arguments.table, arguments.data_dir, arguments.turns)


if __name__ == "__main__":
    main()
