"""What the Fisher spectra of a table say about training: validity, and distances.

``python -m builders.reports.fisher.report mlp`` reads the embedded spectra and entries of a table,
without a name those of every table that has both. Prints part of docs/explanation/fisher.md:

* how well ``fim_valid`` alone tells the entries that fail from those that train (precision is the
  share of failures among invalid spectra, recall the share of invalid spectra among failures);
* how far the spectra of f and -f are apart (poster, Figure 5), over all pairs of entries whose
  outputs are each other's negatives, and how far their metrics, against pairs at random;
* Spearman's correlation of the distance of two functions, by spectra with each weighting of layers
  and by outputs, with the difference of their metrics. 95 % intervals are from 200 bootstrap
  samples of the functions, not of the pairs, which are not independent of one another.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from act_bench import load_table
from act_bench.files.manifest import DataError
from act_bench.spaces.distances import output_vectors, to_one
from act_bench.spaces.limits import load_limits
from act_bench.spaces.paper import finite_outputs, load_space
from act_bench.tables.distances import Weighting, layer_weights
from act_bench.tables.files import table_files
from act_bench.tables.registry import TABLES, TableInfo
from act_bench.tables.spectra import Spectra, fisher_name, load_spectra
from builders.reports.agreement.between import stuck_in_words

PAIRS = 200_000
SAMPLES = 200

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def scores_of(entries: pl.DataFrame, info: TableInfo) -> Floats:
    """Return the scores of the entries, higher being better; NaN where one diverged."""
    return np.asarray(entries[info.metric].cast(float).to_numpy() * info.score(1.0), np.float64)


def validity(entries: pl.DataFrame, spectra: Spectra, info: TableInfo) -> None:
    """Print how many spectra are invalid, why, and what that says of training."""
    invalid = ~spectra.valid
    reasons = Counter(reason.split(" of layer")[0] for reason in spectra.reason if reason)
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    print(f"invalid: {invalid.sum()} of {len(invalid)} ({invalid.mean():.1%}): {listed}\n")
    print("| failure | failures | precision | recall |\n|---|---|---|---|")
    diverged = (entries["outcome"] == "diverged").to_numpy()
    weak = ~(scores_of(entries, info) > info.trained_score)
    known = (entries["outcome"] != "missing").to_numpy()
    # Without a number at 0 a spectrum is no more valid than a training is finite, for one reason.
    defined = np.ones(len(invalid), dtype=bool)
    defined[[entry for entry in load_limits() if entry < len(defined)]] = False
    stuck = stuck_in_words(info, info.default_fidelity)
    kinds = {
        "diverged": (diverged, known),
        f"diverged or {stuck}": (diverged | weak, known),
        "diverged, of entries defined at 0": (diverged, known & defined),
        f"diverged or {stuck}, of entries defined at 0": (diverged | weak, known & defined),
        "diverged, of entries with a limit at 0 alone": (diverged, known & ~defined),
    }
    for name, (failures, among) in kinds.items():
        failure, found = failures[among], invalid[among]
        both = (failure & found).sum()
        print(
            f"| {name} | {failure.sum()} | {both / max(1, found.sum()):.3f} "
            f"| {both / max(1, failure.sum()):.3f} |"
        )


def negated_pairs() -> NDArray[np.int64]:
    """Return the pairs of entries whose outputs are each other's negatives, (pairs, 2)."""
    outputs = load_space().outputs
    known: dict[bytes, int] = {}
    negatives = []
    for entry in np.flatnonzero(np.isfinite(outputs).all(1)):
        # Adding 0 makes the zeros of both signs one.
        other = known.get((-outputs[entry] + 0).tobytes())
        known[(outputs[entry] + 0).tobytes()] = int(entry)
        if other is not None:
            negatives.append((other, int(entry)))
    return np.array(negatives, dtype=np.int64)


def signs(entries: pl.DataFrame, spectra: Spectra, info: TableInfo) -> None:
    """Print how far f and -f are apart, in spectra and in the metric."""
    pairs = negated_pairs()
    both, one = spectra.valid[pairs].all(1), spectra.valid[pairs].any(1)
    functions = np.flatnonzero(spectra.valid)
    drawn = functions[np.random.default_rng(0).integers(len(functions), size=(5000, 2))]
    drawn = drawn[drawn[:, 0] != drawn[:, 1]]
    score = scores_of(entries, info)
    trained = score > info.trained_score
    print(
        f"\nf and -f: {len(pairs)} pairs of entries; both valid {both.sum()}, one only "
        f"{(one & ~both).sum()}; both train {trained[pairs].all(1).sum()}, one only "
        f"{(trained[pairs].any(1) & ~trained[pairs].all(1)).sum()}\n\n"
        f"| pairs | W1 per layer, median (90th percentile) | difference of "
        f"{info.metric.partition('_')[2]}, median |\n"
        "|---|---|---|"
    )
    for name, chosen in {"f and -f": pairs[both], "at random": drawn}.items():
        gap = spectra.quantiles[chosen[:, 0]] - spectra.quantiles[chosen[:, 1]]
        apart = np.abs(gap).mean((1, 2), dtype=np.float64)
        train = chosen[trained[chosen].all(1)]
        print(
            f"| {name} | {np.median(apart):.3f} ({np.quantile(apart, 0.9):.3f}) "
            f"| {np.median(np.abs(score[train[:, 0]] - score[train[:, 1]])):.3f} |"
        )


def distances(entries: pl.DataFrame, spectra: Spectra, info: TableInfo) -> None:
    """Print the rank correlations of distances with differences of the metric."""
    score = scores_of(entries, info)
    usable = (score > info.trained_score) & spectra.valid
    better = usable & (score > np.median(score[usable]))
    # float32 as stored: a mean over thousands of values does not miss the rest.
    quantiles = spectra.quantiles
    sizes = [layer.weights for layer in spectra.layers]
    outputs = output_vectors(finite_outputs(load_space().outputs))
    weightings: tuple[Weighting, ...] = get_args(Weighting)
    print(f"\n| pairs among | outputs | {' | '.join(weightings)} |")
    print("|---|---|" + "---|" * len(weightings))
    for name, chosen in {"entries that train": usable, "their better half": better}.items():
        functions = np.flatnonzero(chosen)
        pairs = np.random.default_rng(0).integers(len(functions), size=(PAIRS, 2))
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        one, other = functions[pairs].T
        gap = np.abs(score[one] - score[other])
        by_layer = np.stack(
            [
                np.abs(quantiles[one, layer] - quantiles[other, layer]).mean(1, dtype=np.float64)
                for layer in range(len(sizes))
            ],
            axis=1,
        )
        columns = [to_one(outputs[one], outputs[other])]
        columns += [by_layer @ layer_weights(sizes, weighting) for weighting in weightings]
        cells = [correlation(column, gap, pairs, len(functions)) for column in columns]
        print(f"| {len(functions)} {name} | " + " | ".join(cells) + " |")


def correlation(distance: Floats, gap: Floats, pairs: NDArray[np.int64], functions: int) -> str:
    """Return Spearman's correlation with its interval, as text."""
    ranks = rankdata(distance), rankdata(gap)
    rng = np.random.default_rng(1)
    found = []
    for sample in range(SAMPLES + 1):
        # A function drawn k times has weight k; a pair that of both. The first sample is all.
        if sample:
            times = rng.multinomial(functions, np.full(functions, 1 / functions))
            weight = (times[pairs[:, 0]] * times[pairs[:, 1]]).astype(float)
        else:
            weight = np.ones(len(pairs))
        found.append(weighted_correlation(*ranks, weight))
    low, high = np.quantile(found[1:], [0.025, 0.975])
    return f"{found[0]:.2f} [{low:.2f}, {high:.2f}]"


def weighted_correlation(a: Floats, b: Floats, weight: Floats) -> float:
    """Return Pearson's correlation of weighted pairs."""
    total = weight.sum()
    a, b = a - a @ weight / total, b - b @ weight / total
    return float((a * b) @ weight / np.sqrt((a * a) @ weight * ((b * b) @ weight)))


def main() -> None:
    """Print the report of one table or of all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", nargs="?", choices=list(TABLES))
    table: str | None = parser.parse_args().table
    embedded = [name for name in TABLES if fisher_name(name) in table_files(name)]
    for name in [table] if table else embedded:
        try:
            entries = load_table(name, columns=["outcome", TABLES[name].metric], rate="own")
        except DataError as error:
            print(f"\n## {name}\n\n{error}")
            continue
        print(f"\n## {name}\n")
        info, spectra = TABLES[name], load_spectra(name)
        validity(entries, spectra, info)
        signs(entries, spectra, info)
        distances(entries, spectra, info)


if __name__ == "__main__":
    main()
