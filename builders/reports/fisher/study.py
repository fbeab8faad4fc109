"""What arithmetic, drawn labels and signs change in Fisher spectra of All-CNN-C.

    python -m builders.reports.fisher.study [--data-dir FOLDER]

Prints distances (W1 per layer) against those between functions; they stand in
docs/explanation/fisher.md.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.expression import parse
from act_bench.tables.distances import fim_distances, quantile_function
from regenerate.fisher import Labels, fisher_spectrum
from regenerate.fisher.networks import Setting, setting
from regenerate.fisher.spectrum import LayerSpectrum

STUDIED = ("relu(x)", "elu(x)", "tanh(x)", "abs(x)", "sigmoid(x)", "swish(x)", "softplus(x)")


def quantiles_of(found: Setting, function: str) -> NDArray[np.float32]:
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
    base = np.stack([quantiles_of(found, name) for name in names])
    layers = base.shape[1]
    count = len(STUDIED)
    between = fim_distances(base[:count])[np.triu_indices(count, 1)] / layers
    print(f"W1 per layer between {count} functions: median {np.median(between):.3f}")
    signs = [
        fim_distances(base[i : i + 1], base[i + count : i + count + 1])[0, 0] / layers
        for i in range(count)
    ]
    print(f"f against -f: {_listed(signs)}")
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
        print(f"{label}: {_listed(apart)}", flush=True)


def _listed(values: list[float]) -> str:
    pairs = zip(STUDIED, values, strict=True)
    return ", ".join(f"{name} {value:.3f}" for name, value in pairs)


def main() -> None:
    """Compute and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    study(parser.parse_args().data_dir)


if __name__ == "__main__":
    main()
