"""How far the W1 of two functions by 128 quantiles a layer is from that of all eigenvalues.

    python -m builders.reports.fisher.storage cnn --data-dir FOLDER [--functions 25] [--pairs 200]

Functions are drawn among the entries with a valid spectrum, pairs among the functions; exact W1 is
SciPy's, of all log eigenvalues. Errors are relative to it, in percent: of the sum over layers, and
of single layers; as computed and, rounded, as embedded.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from act_bench.tables.distances import quantile_function
from act_bench.tables.registry import TABLES
from act_bench.tables.spectra import RESOLUTION, load_spectra
from regenerate.fisher import fisher_spectrum
from regenerate.fisher.networks import setting

Floats = NDArray[np.float64]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", nargs="?", choices=list(TABLES), default="mlp")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--functions", type=int, default=25)
    parser.add_argument("--pairs", type=int, default=200)
    chosen = parser.parse_args()
    rng = np.random.default_rng(0)
    valid = np.flatnonzero(load_spectra(chosen.table).valid)
    entries = rng.choice(valid, chosen.functions, replace=False)
    every = [(i, j) for i in range(len(entries)) for j in range(i)]
    pairs = [every[k] for k in rng.choice(len(every), chosen.pairs, replace=False)]

    found, names = setting(chosen.table, data_dir=chosen.data_dir), load_space().representatives
    logs = []
    for entry in entries:
        network = found.network(parse(names[entry]))
        spectrum = fisher_spectrum(network, found.images, found.convention, found.labels)
        logs.append([layer.log_eigenvalues for layer in spectrum])
    exact = np.array(
        [
            [wasserstein_distance(a, b) for a, b in zip(logs[i], logs[j], strict=True)]
            for i, j in pairs
        ]
    )
    kept = np.array([[quantile_function(layer) for layer in each] for each in logs])
    rounded = np.rint(kept / RESOLUTION) * RESOLUTION
    print(f"{chosen.table}: {chosen.pairs} pairs of {chosen.functions} functions")
    for name, quantiles in {"as computed": kept, "as embedded": rounded}.items():
        first, second = np.array(pairs).T
        gap = quantiles[first] - quantiles[second]
        by_layer = np.abs(gap).mean(axis=2, dtype=np.float64)
        total = _off(by_layer.sum(axis=1), exact.sum(axis=1))
        layers = _off(by_layer, exact)
        print(
            f"  {name}: sum over layers at most {total.max():.2f} % off, {(total > 1).sum()} above "
            f"1 %, median {np.median(total):.3f}; single layers {np.quantile(layers, 0.99):.2f} % "
            f"in 99 of 100, at most {layers.max():.2f} %"
        )


def _off(found: Floats, exact: Floats) -> Floats:
    # Two functions may agree in a layer, such as the first one's inputs.
    return 100 * np.abs(found - exact) / np.maximum(exact, np.finfo(np.float32).tiny)


if __name__ == "__main__":
    main()
