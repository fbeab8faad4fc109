"""Do image tables say anything about language models? What the table of the GPT says beside them.

``python -m builders.reports.agreement.gpt`` reads the embedded tables at their default fidelities
and prints the functions that practice argues about, with intervals, and rank correlations between
the GPT and each image table and between these. ``--figure FILE`` draws the first of them. Nothing
is trained; before the table has data the command says how to make them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from act_bench.errors import ActBenchError
from act_bench.figures.style import GRID, OKABE_ITO, bare, panels, save
from act_bench.functions.catalogue import find
from act_bench.functions.named import NamedFunction
from act_bench.spaces.paper import load_space
from act_bench.tables.catalogued.named import load_named_runs, named_name
from act_bench.tables.files import table_files, tables_with_data
from act_bench.tables.registry import TABLES
from act_bench.tables.runs import load_runs
from builders.reports.agreement.between import Measured, measured
from surrogates.live.confirm import Estimate
from surrogates.significance import spearman_interval

NAMES: Final = {
    "mul(relu(x),relu(x))": "ReLU^2",
    "relu(x)": "ReLU",
    "gelu": "GELU",
    "swish(x)": "Swish",
    "tanh(x)": "tanh",
    "sigmoid(x)": "sigmoid",
    "identity(x)": "identity: feed-forward parts are linear",
    "zero(x)": "no feed-forward part",
}
"""Functions that are shown by name: a spelling, or a name of the catalogue."""

SEED: Final = 0
RESAMPLES = 1000
"""Of the bootstrap intervals, over functions."""
LEAST: Final = 10
"""Functions below which no correlation is given."""


def runs_of(table: str, fidelity: str, function: str) -> pl.DataFrame:
    """Return the runs of a function at the recipe's own rate, in the space or beside it."""
    space = load_space()
    columns = ["entry", "expression", "seed", "outcome", "validation_accuracy", "validation_loss"]
    if "(" in function:
        entry = space.resolve(function).entry
        return load_runs(table, fidelity, columns).filter(pl.col("entry") == entry)
    spelled = find(function)
    assert isinstance(spelled, NamedFunction)  # noqa: S101  (so are all of the catalogue)
    empty = load_runs(table, fidelity, columns).clear()
    if named_name(table) not in table_files(table):
        return empty
    own = load_runs(table, fidelity, ["learning_rate"])["learning_rate"][0]
    runs = load_named_runs(table, fidelity).filter(pl.col("learning_rate") == own)
    return runs.filter(pl.col("expression").is_in([str(spelled), spelled.name])).select(columns)


def print_named(ours: Measured) -> None:
    """Print the functions of `NAMES`: mean over the seeds with its 95 % interval, and rank."""
    info = ours.info
    rank = rankdata(-ours.score, method="min", nan_policy="omit")
    print(f"| function | {info.metric_in_words}, 95 % | bits per byte | accuracy | seeds | rank |")
    print("|---|---|---|---|---|---|")
    for function, title in NAMES.items():
        runs = runs_of(info.name, ours.fidelity, function)
        ok = runs.filter(pl.col("outcome") == "ok")
        name = f"`{function}`, {title}" if title != function else f"`{function}`"
        if ok.is_empty():
            kind = "diverged" if runs.height else "not trained"
            print(f"| {name} | {kind} | | | {runs.height} | |")
            continue
        value = Estimate.of(ok[info.metric].to_list())
        half = "" if value.half_width is None else f" ± {value.half_width:.4f}"
        means = ok.select(pl.col("validation_loss", "validation_accuracy").mean()).row(0)
        loss, accuracy = (float(mean) for mean in means)
        bits = info.in_bits_per_byte(loss)
        place = "" if runs["entry"][0] is None else f"{rank[runs['entry'][0]]:,.0f}"
        print(
            f"| {name} | {value.mean:.4f}{half} | {'' if bits is None else f'{bits:.4f}'} "
            f"| {accuracy:.4f} | {runs.height} | {place} |"
        )


def agreement(a: Measured, b: Measured, chosen: NDArray[np.bool_]) -> str:
    """Return Spearman's correlation over some functions with its 95 % interval, as cells."""
    count = int(chosen.sum())
    if count < LEAST:
        return f" | {count:,}"
    rng = np.random.default_rng(SEED)
    scores = a.score[chosen], b.score[chosen]
    found, low, high = spearman_interval(*scores, rng, samples=RESAMPLES)
    return f"{found:+.2f} [{low:+.2f}, {high:+.2f}] | {count:,}"


def print_correlations(ours: Measured, others: Sequence[Measured]) -> None:
    """Print the correlations of all pairs: over what trains in both, and the better half of it."""
    heads = "train in both | of | better half here | of | train here, fail there"
    print(f"\n| tables | Spearman, {heads} |\n|---|---|---|---|---|---|")
    everything = [ours, *others]
    for place, one in enumerate(everything):
        for other in everything[place + 1 :]:
            both = one.trains & other.trains
            better = both & (one.score >= np.median(one.score[both])) if both.any() else both
            lost = int((one.trains & other.present & ~other.trains).sum())
            print(
                f"| `{one.name}`, `{other.name}` | {agreement(one, other, both)} "
                f"| {agreement(one, other, better)} | {lost:,} |"
            )


def figure(ours: Measured, others: Sequence[Measured], target: Path) -> None:
    """Draw the ranks in each other table against those in this one, of what trains in both."""
    drawing, (row,) = panels(1, len(others), width=3.2, height=3.4)
    space = load_space()
    for axes, other in zip(row, others, strict=True):
        both = ours.trains & other.trains
        x, y = (rankdata(each.score[both]) / both.sum() for each in (ours, other))
        axes.scatter(x, y, s=4, alpha=0.5, color=OKABE_ITO[0], linewidths=0)
        places = np.flatnonzero(both).tolist()
        for function in NAMES:
            entry = space.resolve(function).entry if "(" in function else None
            if entry in places:
                at = places.index(entry)
                axes.plot(x[at], y[at], marker="^", markersize=5, color=OKABE_ITO[1])
                axes.annotate(NAMES[function].partition(":")[0], (x[at], y[at]), fontsize=7)
        cells = agreement(ours, other, both).partition(" |")[0]
        axes.set_title(f"{cells}, {both.sum():,} functions", loc="left", fontsize=8)
        axes.set(xlabel=f"rank in {ours.name}, 1 is best", ylabel=f"rank in {other.name}")
        axes.grid(color=GRID, linewidth=0.5)
        bare(axes)
    save(drawing, target)


def main() -> None:
    """Print what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--table", default="gpt", choices=list(TABLES))
    parser.add_argument("--figure", type=Path, help="where to draw the correlations")
    options = parser.parse_args()
    try:
        ours = measured(options.table, TABLES[options.table].default_fidelity)
    except ActBenchError as error:
        print(error)
        return
    others = [
        measured(name, TABLES[name].default_fidelity)
        for name in tables_with_data()
        if name != options.table
    ]
    print_named(ours)
    print_correlations(ours, others)
    if options.figure is not None:
        figure(ours, others, options.figure)


if __name__ == "__main__":
    main()
