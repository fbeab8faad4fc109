"""How good the estimate of the tuned view is, against fresh seeds that it has not seen."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from act_bench import load_runs, load_table
from act_bench.tables.estimates import TUNED_OWN_FROM, score_matrix, shrink
from act_bench.tables.rates import fresh_spread
from act_bench.tables.registry import TABLES
from builders.rates import RATE

FOLDS: Final = 5
BEST: Final = 50

Values = NDArray[np.float64]


def estimated(table: str) -> str:
    """Return Markdown on the estimates of a table's tuned view.

    The entries with fresh seeds are parted into `FOLDS` at random. Those of one part hide theirs,
    so that each has its estimate from the seed that chose its rate alone, as all entries without
    fresh seeds have it.
    """
    info = TABLES[table]
    tuned = load_table(table, rate="tuned")
    runs = load_runs(table, columns=["entry", RATE, "seed", info.metric], rate="all")
    own = runs.join(tuned.select("entry", RATE), on=["entry", RATE], how="semi")
    scores = score_matrix(own, info, tuned.height)
    number = np.isfinite(scores[:, 1:]).sum(axis=1)
    entries = np.flatnonzero((number > 1) & np.isfinite(scores[:, 0]))
    if not len(entries):
        return "No estimates yet: they need fresh seeds."
    usual = round(float(np.median(number[entries])))
    if usual >= TUNED_OWN_FROM:
        return (
            f"The column `estimate` is the mean of the fresh seeds, of which most functions have "
            f"{usual}, without a prior, and `estimate_std` its standard error."
        )
    first, estimate, spread, truth = errors(scores, entries, info.trained_score)
    noise = fresh_spread(tuned, info).deviation / np.sqrt(usual)
    order = np.argsort(-first)
    about = (
        "The column `estimate` shrinks what a function has towards what functions have. From the "
        "seed that chose the rate alone, against fresh seeds that were hidden from it:"
    )
    if not info.higher_is_better:
        about = f"{about[:-1]} (errors of the score, minus the loss: above 0 is too good):"
    heads = (
        "| functions | n | mean error, measured | estimated | root mean square error, measured "
        "| estimated | expected |"
    )
    lines = [about, "", heads, "|---|---|---|---|---|---|---|"]
    for name, some in {"all that train": order, f"best {BEST} by that seed": order[:BEST]}.items():
        raw, better = (first - truth)[some], (estimate - truth)[some]
        expected = np.sqrt(np.mean(np.square(spread[some])) + noise**2)
        lines.append(
            f"| {name} | {len(some):,} | {raw.mean():+.4f} | {better.mean():+.4f} "
            f"| {np.sqrt(np.mean(raw**2)):.4f} | {np.sqrt(np.mean(better**2)):.4f} "
            f"| {expected:.4f} |"
        )
    return "\n".join(lines)


def errors(
    scores: Values, entries: NDArray[np.intp], trained_score: float
) -> tuple[Values, Values, Values, Values]:
    """Return first seeds, estimates from them, their deviations and the means of hidden seeds.

    Parameters
    ----------
    scores
        (entries, seeds), as ``shrink`` takes them.
    entries
        Those whose further seeds are hidden, a part at a time.
    trained_score
        As ``shrink`` takes it.
    """
    shuffled = np.random.default_rng(0).permutation(entries)
    found = []
    for part in range(FOLDS):
        hidden = shuffled[part::FOLDS]
        shown = scores.copy()
        shown[hidden, 1:] = np.nan
        made = shrink(shown, trained_score, TUNED_OWN_FROM)
        columns = (
            scores[hidden, 0],
            made.mean[hidden],
            made.std[hidden],
            np.nanmean(scores[hidden, 1:], axis=1),
        )
        found.append(np.stack(columns, axis=1))
    rows = np.concatenate(found)
    first, estimate, spread, truth = rows[np.isfinite(rows[:, 1])].T
    return first, estimate, spread, truth
