"""How a table's short training speaks for long training, over the sample that was trained long.

    python -m builders.reports.rungs cnn

Without a table it reports on every one that has such a sample. Reads the embedded tables alone:
seed 0 at the recipe's own rate (``own``) and at its best rate (``tuned``), both short, and seed
0 at that rate in long training. Prints Markdown:

- whether the rate that short training chooses is the one that long training would choose, over the
  functions that were trained long at every rate;
- Spearman's correlation of short with long training. The sample was drawn with known probabilities
  (``builders.ladder.sample``), so each function has the weight 1 / probability, and the correlation
  is one over the distinct functions of the table. Intervals are of a bootstrap within strata;
- what trusting the table costs: the best k of the sample by short training are trained long, the
  best of them by seed 0 is taken, and the regret is how far the best of the sample is above it. By
  other seeds, which had no part in either choice, where both have some.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import click
import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.tables.files import embedded_fidelities
from act_bench.tables.loaders import load_table
from act_bench.tables.registry import TABLES, TableInfo, import_own_tables, table_info
from act_bench.tables.runs import load_runs
from builders.ladder.sample import LONG
from builders.rates import FIRST_SEED, RATE
from builders.reports.fisher.report import weighted_correlation
from builders.reports.ladder import weighted_ranks
from regenerate.recipes import find

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SAMPLES: Final = 2000
FEWEST: Final = 4
TRUSTED: Final = (1, 5, 10)
SHORT: Final = ("own", "tuned")


@dataclass(frozen=True, eq=False)
class Rungs:
    """The sample of a table, on all rungs; one item per function, scores higher being better.

    Parameters
    ----------
    info
        The table.
    expression, stratum
        As in the table.
    weight
        1 / probability.
    scores
        ``own``, ``tuned`` and ``long``: seed 0, what diverged as if it guessed.
    fresh
        Mean long score of other seeds; NaN where there are none.
    median
        Tuned score that half of the table's functions that train are above.
    """

    info: TableInfo
    expression: list[str]
    stratum: NDArray[np.str_]
    weight: Floats
    scores: dict[str, Floats]
    fresh: Floats
    median: float

    @property
    def trains(self) -> Mask:
        """Whether it trains when tuned; those that do not tell little of an order."""
        return np.asarray(self.scores["tuned"] > self.info.trained_score)

    def groups(self) -> Iterator[tuple[str, Mask]]:
        """Yield groups of functions with their names."""
        best = self.stratum == "best"
        top = self.scores["tuned"] >= self.scores["tuned"][best].min(initial=np.inf)
        yield "that train", self.trains
        yield "better half, tuned", self.trains & (self.scores["tuned"] >= self.median)
        yield "as good as the best that were chosen", self.trains & top
        yield "baselines", self.stratum == "baseline"


def rungs(table: str) -> Rungs:
    """Return the sample of a table that was trained long.

    Raises
    ------
    act_bench.files.manifest.DataError
        If the table has none.
    """
    info = table_info(table)
    long = load_table(table, fidelity=LONG).filter(pl.col("outcome") != "missing")
    tuned = load_table(table, rate="tuned")
    runs = load_runs(table, info.default_fidelity, ["entry", "seed", info.metric])
    own = runs.filter(pl.col("seed") == FIRST_SEED).sort("entry")
    every = _scores(tuned, info.metric, info)
    chosen = long["entry"].to_numpy()
    return Rungs(
        info,
        long["expression"].to_list(),
        long["stratum"].to_numpy().astype(str),
        1 / long["probability"].to_numpy(),
        {
            "own": _scores(own, info.metric, info)[np.searchsorted(own["entry"], chosen)],
            "tuned": every[chosen],
            "long": _scores(long, info.metric, info),
        },
        long[f"fresh_{info.metric}"].cast(float).to_numpy() * info.score(1.0),
        float(np.median(every[every > info.trained_score])),
    )


def _scores(rows: pl.DataFrame, column: str, info: TableInfo) -> Floats:
    values = rows[column].cast(float).fill_null(info.worst_value).to_numpy()
    return np.asarray(values * info.score(1.0), np.float64)


def spearman(short: Floats, long: Floats, weight: Floats) -> float:
    """Return Spearman's correlation of functions that each stand for so many.

    Examples
    --------
    >>> short, long = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.7, 0.6])
    >>> round(spearman(short, long, np.array([1.0, 1.0, 1.0])), 3)
    0.5
    """
    ranks = [weighted_ranks(each, weight) for each in (short, long)]
    return float(weighted_correlation(ranks[0], ranks[1], weight))


def interval(short: Floats, long: Floats, weight: Floats, stratum: NDArray[np.str_]) -> str:
    """Return Spearman's correlation with its 90 % interval, by resampling within strata."""
    if len(short) < FEWEST:
        return "-"
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(stratum == each) for each in np.unique(stratum)]
    found = []
    for _ in range(SAMPLES):
        rows = np.concatenate([rng.choice(each, len(each)) for each in members])
        if len(np.unique(rows)) >= FEWEST - 1:
            found.append(spearman(short[rows], long[rows], weight[rows]))
    low, high = np.nanquantile(found, [0.05, 0.95])
    return f"{spearman(short, long, weight):.2f} [{low:.2f}, {high:.2f}]"


def correlations(found: Rungs) -> Iterator[str]:
    """Yield the table of correlations of short with long training."""
    yield "| functions | number | own rate and long | tuned and long |"
    yield "|---|--:|--:|--:|"
    for name, there in found.groups():
        long, weight = found.scores["long"][there], found.weight[there]
        stratum = found.stratum[there]
        cells = [interval(found.scores[view][there], long, weight, stratum) for view in SHORT]
        yield f"| {name} | {there.sum()} | {' | '.join(cells)} |"


def regrets(found: Rungs) -> Iterator[str]:
    """Yield the table of what trusting short training costs."""
    long = found.scores["long"]
    best = int(np.argmax(long))
    yield "| trained long | by | the one that is taken | regret | by other seeds |"
    yield "|---|---|---|--:|--:|"
    for view in SHORT:
        order = np.argsort(-found.scores[view], kind="stable")
        for count in TRUSTED:
            trusted = order[:count]
            taken = int(trusted[np.argmax(long[trusted])])
            fresh = found.fresh[best] - found.fresh[taken]
            yield (
                f"| best {count} | {view} | `{found.expression[taken]}` | "
                f"{long[best] - long[taken]:.4f} | {'-' if np.isnan(fresh) else f'{fresh:.4f}'} |"
            )
    yield f"\nThe best of the sample by seed 0 is `{found.expression[best]}`."


def carried(table: str) -> Iterator[str]:
    """Yield what becomes of the rate that short training chose, where all rates were tried."""
    info, name = table_info(table), ["entry", RATE]
    runs = load_runs(table, LONG, rate="all").filter(pl.col("seed") == FIRST_SEED)
    rates = sorted(runs[RATE].unique())
    every = runs.group_by("entry").len().filter(pl.col("len") == len(rates))
    chosen = load_table(table, fidelity=LONG).select(*name, "expression").rename({RATE: "short"})
    own = {each: find(table, each).learning_rate for each in (info.default_fidelity, LONG)}
    yield "| function | rate by short training | by long training | what the first costs in long |"
    yield "|---|--:|--:|--:|"
    steps, lost = [], []
    studied = runs.join(every, on="entry", how="semi").join(chosen, on="entry")
    for _, of_one in studied.group_by("entry", maintain_order=True):
        rows = of_one.sort(RATE)
        worth = _scores(rows, info.metric, info)
        short, best = rates.index(rows["short"][0]), int(np.argmax(worth))
        steps.append(best - short)
        lost.append(float(worth[best] - worth[short]))
        yield (
            f"| `{rows['expression'][0]}` | {rates[short]:g} | {rates[best]:g} | {lost[-1]:.4f} |"
        )
    same, up = steps.count(0), sum(step > 0 for step in steps)
    error = np.std(lost, ddof=1) / np.sqrt(len(lost)) if len(lost) > 1 else np.nan
    yield (
        f"\nThe same rate for {same} of {len(steps)} functions, a higher one for {up}, a lower one "
        f"for {len(steps) - same - up}. Training long at the rate of short training costs "
        f"{np.mean(lost):.4f} ± {error:.4f} in the mean (standard error over functions), "
        f"{max(lost):.4f} at most."
    )
    if len(set(own.values())) > 1:
        ratio = own[LONG] / own[info.default_fidelity]
        yield (
            f"\nThe recipe's own rate is {ratio:g} times as high in long training. As a multiple "
            "of it the rate is the same where the columns differ by this factor."
        )


def sections(table: str) -> Iterator[str]:
    """Yield the Markdown lines of a table's report."""
    found = rungs(table)
    yield f"## {TABLES[table].title}: short and long training\n"
    yield f"{len(found.expression)} functions were trained long.\n"
    yield "### Does the rate carry over?\n"
    yield from carried(table)
    yield "\n### Does the order?\n"
    yield from correlations(found)
    yield "\n### What trusting the table costs\n"
    yield from regrets(found)


@click.command()
@click.argument("table", required=False)
def main(table: str | None) -> None:
    """Print how the short training of TABLE, or of every table, speaks for long training."""
    import_own_tables()
    tables = [name for name in TABLES if LONG in embedded_fidelities(name)]
    if not tables and table is None:
        click.echo("No table has a sample that was trained long yet.")
    for name in tables if table is None else [table]:
        for line in sections(name):
            click.echo(line)


if __name__ == "__main__":
    main()
