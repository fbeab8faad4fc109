"""Claims of the papers that the tables have measured already; see ``overview``."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binomtest

from act_bench.spaces.entropies import load_entropies
from act_bench.spaces.paper import load_space
from act_bench.tables.files import table_files, tables_with_data
from act_bench.tables.loaders import load_table
from act_bench.tables.rates import fresh_spread, fresh_spread_of, tuned_name
from act_bench.tables.registry import TableInfo, table_info
from act_bench.tables.spectra import fisher_name, load_spectra
from builders.reports.fisher.report import negated_pairs
from surrogates.significance import LEVEL, spearman_interval

AQUASURF: Final = "Bingham and Miikkulainen 2023"
SUN: Final = "Sun et al. 2024"
SWISH: Final = "Ramachandran et al. 2017"
WITHIN_TENS: Final = 100
SAME_NETWORK: Final = 0.6745 * np.sqrt(2)
"""Median absolute difference of two runs of one network, in standard deviations of a run."""
ALLOWED: Final = 1.5
"""Times that median which pairs of functions may differ by and still count as alike."""


class Row(NamedTuple):
    """One claim.

    Attributes
    ----------
    claim, source
        Of which paper.
    verdict
        ``confirmed``, ``refuted``, ``open`` or ``not yet measured``.
    evidence
        Figures, or the command that would make them.
    """

    claim: str
    source: str
    verdict: str
    evidence: str


def rows(folder: Path) -> list[Row]:
    """Return the claims, judged from the embedded tables and the CSV files of the result pages."""
    return [_unique(), _negated(), _invalid(), *_of_results(folder), _entropy(), _swish()]


def _unique() -> Row:
    space = load_space()
    return Row(
        "Of 5,103 expressions binary(unary(x),unary(x)), 2,913 are different functions",
        f"{AQUASURF}, Section 3",
        "confirmed",
        f"[space](../explanation/space.md): {len(space.representatives):,} by the paper's rule, "
        f"float32 outputs; {len(set(space.canonical_class)):,} in exact arithmetic",
    )


def _negated() -> Row:
    said, alike = [], []
    for table in tables_with_data():
        found = negation(table)
        alike.append(found.median <= ALLOWED * SAME_NETWORK * found.noise)
        said.append(
            f"`{table}` {found.median:.4f} over {found.pairs} pairs (a run's deviation: "
            f"{found.noise:.4f}; in {found.one} further pairs only one of the two trains)"
        )
    return Row(
        "Negating a function changes its shape, but hardly its performance",
        f"{AQUASURF}, poster, Figure 5",
        judged(alike),
        "median difference in the metric of the table where both train: " + "; ".join(said),
    )


class Negation(NamedTuple):
    """Pairs f, -f of a table.

    Attributes
    ----------
    pairs
        In which both train.
    one
        In which one of the two trains.
    median
        Median difference where both train.
    noise
        A run's deviation, median over the entries that train.
    """

    pairs: int
    one: int
    median: float
    noise: float


def negation(table: str) -> Negation:
    """Compare every function of a table with its negative, where both are entries.

    Examples
    --------
    >>> negation("mlp").pairs > 100
    True
    """
    info = table_info(table)
    spread = f"{info.metric}_std"
    entries = load_table(table, columns=[info.metric, spread], rate="own")
    reached = _scores(entries[info.metric], info)
    trains = reached > info.trained_score
    pairs = negated_pairs()
    both = trains[pairs].all(axis=1)
    apart = np.abs(np.diff(reached[pairs[both]], axis=1))
    noise = entries[spread].filter(trains).drop_nulls().to_numpy()
    one = int((trains[pairs].any(axis=1) & ~both).sum())
    return Negation(int(both.sum()), one, float(np.median(apart)), float(np.median(noise)))


def _scores(values: pl.Series, info: TableInfo) -> NDArray[np.float64]:
    """Return a column of the metric as scores, higher being better; null is NaN."""
    return np.asarray(values.cast(float).to_numpy() * info.score(1.0), np.float64)


def _invalid() -> Row:
    said, holds = [], []
    for table in tables_with_data():
        if fisher_name(table) not in table_files(table):
            continue
        outcome = load_table(table, columns=["outcome"], rate="own")["outcome"].to_numpy()
        diverged, invalid = outcome == "diverged", ~load_spectra(table).valid
        recall, precision = invalid[diverged].mean(), diverged[invalid].mean()
        holds.append(bool(precision > 0.9 and recall > 0.5))
        said.append(f"`{table}` {recall:.0%} at a precision of {precision:.1%}")
    return Row(
        (
            "Most functions whose training fails have invalid Fisher eigenvalues and can be "
            "filtered out"
        ),
        f"{AQUASURF}, poster, Figure 1",
        judged(holds),
        "[Fisher features](../explanation/fisher.md#what-the-tables-show): recall of what "
        f"diverges {'; '.join(said)}",
    )


def _entropy() -> Row:
    entropies, said, holds = load_entropies(), [], []
    for table in tables_with_data():
        info = table_info(table)
        scores = load_table(table, columns=["entry", info.metric], rate="own")
        both = scores.join(entropies.cast({"entry": pl.Int32}), on="entry").drop_nulls()
        found = spearman_interval(
            both["entropy_nats"].to_numpy(),
            _scores(both[info.metric], info),
            np.random.default_rng(0),
        )
        holds.append(found.high < 0)
        said.append(f"`{table}` {found.spearman:+.2f} [{found.low:+.2f}, {found.high:+.2f}]")
    return Row(
        "The lower the entropy of what a function passes on, the better the function",
        f"{SUN}, Section 4.3",
        judged(holds),
        "Spearman of entropy at Gaussian inputs and the score on validation: " + "; ".join(said),
    )


def _swish() -> Row:
    own: list[str] = []
    tuned: list[str] = []
    holds = []
    for table in tables_with_data():
        gains = [at_own_rate(table), at_tuned_rate(table)]
        for gain, said in zip(gains, (own, tuned), strict=True):
            if gain is not None:
                said.append(f"`{table}` {gain.mean:+.4f} ± {2 * gain.error:.4f}")
        best = gains[1] or gains[0]
        holds.append(best is not None and best.mean > 2 * best.error)
    return Row(
        "Swish tends to work better than ReLU",
        SWISH,
        judged(holds),
        "what x sigmoid(x) gains over ReLU, with two standard errors, both "
        f"[tuned](rates.md), by fresh seeds, which count where there are any: {'; '.join(tuned)}; "
        f"at the rate of each recipe: {'; '.join(own)}",
    )


class Gain(NamedTuple):
    """How much better Swish is than ReLU.

    Attributes
    ----------
    mean
        In the metric of the table, positive where Swish is better.
    error
        Its standard error over seeds.
    """

    mean: float
    error: float


def at_own_rate(table: str) -> Gain | None:
    """Return what Swish gains over ReLU at the recipe's own rate; None if one has no such run.

    Examples
    --------
    >>> round(at_own_rate("cnn").mean, 4)
    0.0346
    """
    info = table_info(table)
    std = f"{info.metric}_std"
    swish, relu = _swish_and_relu(load_table(table, columns=[info.metric, std, "runs"], rate="own"))
    # A deviation is null where there is one run: then nothing is known of the error.
    squares = [(row[std] or np.inf) ** 2 / max(row["runs"], 1) for row in (swish, relu)]
    return _gain(swish[info.metric], relu[info.metric], squares, info)


def at_tuned_rate(table: str) -> Gain | None:
    """Return the same with both tuned, by fresh seeds; None if one has none.

    Examples
    --------
    >>> round(at_tuned_rate("cnn").mean, 4)
    0.0758
    """
    if tuned_name(table) not in table_files(table):
        return None
    info = table_info(table)
    rows, mean = load_table(table, rate="tuned"), f"fresh_{info.metric}"
    of_all, (swish, relu) = fresh_spread(rows, info), _swish_and_relu(rows)
    squares = [
        fresh_spread_of(row, info, of_all).deviation ** 2 / max(row["fresh_runs"], 1)
        for row in (swish, relu)
    ]
    return _gain(swish[mean], relu[mean], squares, info)


def _swish_and_relu(rows: pl.DataFrame) -> tuple[dict[str, Any], dict[str, Any]]:
    swish, relu = (load_space().resolve(name).entry for name in ("swish(x)", "relu(x)"))
    return rows.row(swish, named=True), rows.row(relu, named=True)


def _gain(
    swish: float | None, relu: float | None, squares: list[float], info: TableInfo
) -> Gain | None:
    if swish is None or relu is None:
        return None
    return Gain(info.score(swish - relu), float(np.sqrt(sum(squares))))


def _of_results(folder: Path) -> list[Row]:
    with (folder / "claims.csv").open(newline="", encoding="utf-8") as file:
        claims = [row for row in csv.DictReader(file) if row["spectra"]]  # others test none of it

    def each(shown: Callable[[dict[str, str]], str]) -> str:
        return "; ".join(f"`{row['table']}` {shown(row)}" for row in claims)

    link = "[results](results.md)"
    within = [row["aquasurf"] != "inf" and float(row["aquasurf"]) <= WITHIN_TENS for row in claims]
    ahead = [_more(int(row["union_ahead"]), int(row["union_behind"])) for row in claims]
    outputs = [float(row["than_outputs"]) > 0.5 and row["than_outputs_sure"] == "true"
               for row in claims]  # fmt: skip
    return [
        Row(
            "Spectra and outputs together are better features for a model than either alone",
            f"{AQUASURF}, poster, Figure 4",
            judged(ahead),
            (
                f"{link}: ahead of both, and behind one, in "
                + each(lambda row: "{union_ahead} and {union_behind} of {union_of}".format(**row))
                + " comparisons"
            ),
        ),
        Row(
            "A search with both features is better than one with outputs alone",
            f"{AQUASURF}, poster, Figures 4 and 6",
            judged(outputs),
            (
                f"{link}: probability that it ends better "
                + each(lambda row: f"{float(row['than_outputs']):.2f}"
                       + (" (significant)" if row["than_outputs_sure"] == "true" else ""))
            ),
        ),
        Row(
            (
                "A search of tens of evaluations finds a function better than every baseline by "
                "more than seed noise, at the recipe's rate"
            ),
            f"{AQUASURF}, poster, Figure 6",
            judged(within),
            (
                f"{link}: median evaluations "
                + each(lambda row: "(no such function)" if row["classes"] == "0"
                       else "never" if row["aquasurf"] == "inf"
                       else f"{float(row['aquasurf']):.0f}")
                + "; other goals, and by the clock: [goals](results/goals.md)"
            ),
        ),
    ]  # fmt: skip


def _more(wins: int, losses: int) -> bool:
    """Return whether there are significantly more wins, by a sign test at 0.05."""
    return wins > losses and float(binomtest(wins, wins + losses).pvalue) < LEVEL


def judged(holds: list[bool]) -> str:
    """Return the verdict of a claim that is to hold on every table.

    Examples
    --------
    >>> judged([True, True]), judged([True, False]), judged([False, False])
    ('confirmed', 'open', 'refuted')
    """
    if all(holds):
        return "confirmed"
    return "refuted" if not any(holds) else "open"
