"""Make docs/studies/named.md: what the functions that everybody asks for reach, tuned.

    python -m builders.reports.named [--write]

Every table with named functions has a section: each function at the recipe's own rate and at the
rate at which seed 0 is best, there by seeds that had no part in the choice. Functions outside the
space that train are compared with the best baseline, by fresh seeds: Welch's t-test where both have
:data:`~act_bench.tables.rates.FEW_SEEDS` or more, and else Student's, with the deviation of a fresh
run pooled over the functions of the space that train. Tests are two-sided and corrected by Holm
over the functions that are compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import polars as pl
from scipy import stats

from act_bench.files.atomic import replacing
from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from act_bench.tables.catalogued.named import load_named, named_name
from act_bench.tables.files import table_files
from act_bench.tables.loaders import load_table
from act_bench.tables.rates import (
    FEW_SEEDS,
    LEARNING_RATE,
    Spread,
    fresh_spread,
    fresh_spread_of,
    tuned_name,
)
from act_bench.tables.registry import TABLES, TableInfo
from regenerate.recipes import find
from surrogates.significance import holm

PAGE: Final = Path(__file__).parents[2] / "docs" / "studies" / "named.md"
LEVEL: Final = 0.05
TERMS: Final = "Terms: [glossary](../reference/glossary.md).\n"

Row = dict[str, Any]


class Compared(NamedTuple):
    """Functions outside the space against the best baseline.

    Attributes
    ----------
    baseline
        Its row.
    difference, p
        Name to the difference of fresh scores, and to its p-value after Holm's correction.
    """

    baseline: Row
    difference: dict[str, float]
    p: dict[str, float]


def trained(tuned: pl.DataFrame, info: TableInfo) -> pl.DataFrame:
    """Return the rows of functions that train with fresh seeds."""
    return tuned.filter(pl.col(f"fresh_{info.metric}") * info.score(1.0) > info.trained_score)


def p_value(first: Row, second: Row, info: TableInfo, of_all: Spread) -> float:
    """Return how probable a difference of fresh means as large is where there is none."""
    name = f"fresh_{info.metric}"
    few = min(first["fresh_runs"], second["fresh_runs"]) < FEW_SEEDS
    spreads = [of_all if few else fresh_spread_of(row, info, of_all) for row in (first, second)]
    parts = [
        each.deviation**2 / row["fresh_runs"]
        for each, row in zip(spreads, (first, second), strict=True)
    ]
    freedom = float(of_all.freedom)
    if not few:  # Welch and Satterthwaite
        terms = (part**2 / each.freedom for part, each in zip(parts, spreads, strict=True))
        freedom = sum(parts) ** 2 / sum(terms)
    return float(2 * stats.t.sf(abs(first[name] - second[name]) / sum(parts) ** 0.5, freedom))


def compared(tuned: pl.DataFrame, info: TableInfo, of_all: Spread) -> Compared:
    """Compare the functions outside the space with the best baseline, by fresh seeds.

    Parameters
    ----------
    tuned
        Named functions at the rate that suits each.
    info
        The table.
    of_all
        How much a fresh run varies, over the functions of the space that train.
    """
    space, name = load_space(), f"fresh_{info.metric}"
    entries = [space.resolve(text).entry for text in BASELINES]
    fresh = trained(tuned, info)
    score = pl.col(name) * info.score(1.0)
    baseline = fresh.filter(pl.col("entry").is_in(entries)).sort(score).row(-1, named=True)
    outside = fresh.filter(pl.col("entry").is_null()).to_dicts()
    difference = {
        row["name"]: info.score(row[name]) - info.score(baseline[name]) for row in outside
    }
    p = holm([p_value(row, baseline, info, of_all) for row in outside])
    return Compared(baseline, difference, dict(zip(difference, p.tolist(), strict=True)))


def section(table: str) -> str:
    """Return the section of a table."""
    info = TABLES[table]
    rows = load_named(table, info.default_fidelity)
    own_rate = find(table, info.default_fidelity).learning_rate
    first, fresh = f"first_{info.metric}", f"fresh_{info.metric}"
    own = rows.filter(pl.col(LEARNING_RATE.name) == own_rate).select("name", own=first)
    tuned = rows.filter("tuned").join(own, on="name", how="left", maintain_order="left")
    of_all = fresh_spread(load_table(table, rate="tuned"), info)
    found = compared(tuned, info, of_all)
    order = pl.coalesce(pl.col(fresh), pl.col(first)) * info.score(1.0)
    heads = ("function", "entry", f"at {own_rate:g}", "tuned rate", "seed 0", "fresh mean", "seeds")
    against = f"against {found.baseline['title']}"
    lines = [
        f"## {table}\n",
        _verdict(found, info, of_all),
        f"\n| {' | '.join([*heads, against])} |",
        "|---" + "|--:" * (len(heads)) + "|",
        *(
            _row(row, found, info, of_all)
            for row in tuned.sort(order, descending=True, nulls_last=True).to_dicts()
        ),
    ]
    if diverged := sorted(set(rows["title"]) - set(tuned["title"])):
        lines.append(f"\nDiverged at every rate: {', '.join(diverged)}.")
    return "\n".join(lines)


def _row(row: Row, found: Compared, info: TableInfo, of_all: Spread) -> str:
    name, fresh, against, mean = row["name"], row[f"fresh_{info.metric}"], "", ""
    if fresh is not None:
        error = fresh_spread_of(row, info, of_all).deviation / row["fresh_runs"] ** 0.5
        mean = f"{fresh:.4f} ± {error:.4f}"
    if name in found.difference:
        sure = " *" if found.p[name] < LEVEL else ""
        against = f"{found.difference[name]:+.4f}{sure}"
    cells = [
        f"{row['title']} (`{name}`)",
        "" if row["entry"] is None else f"{row['entry']}",
        "diverged" if row["own"] is None else f"{row['own']:.4f}",
        f"{row[LEARNING_RATE.name]:g}",
        f"{row[f'first_{info.metric}']:.4f}",
        mean,
        f"{row['fresh_runs']}",
        against,
    ]
    return f"| {' | '.join(cells)} |"


def _verdict(found: Compared, info: TableInfo, of_all: Spread) -> str:
    better, worse = (
        [n for n, gain in found.difference.items() if sign * gain > 0 and found.p[n] < LEVEL]
        for sign in (1, -1)
    )
    said = f" ({', '.join(f'`{name}`' for name in better)})" if better else ""
    value = found.baseline[f"fresh_{info.metric}"]
    return (
        f"The best baseline by fresh seeds is {found.baseline['title']}, {value:.4f}. Of "
        f"{len(found.difference)} functions outside the space that train, {len(better)} are "
        f"significantly better{said} and {len(worse)} significantly worse. A fresh run varies by "
        f"{of_all.deviation:.4f} (pooled, {of_all.freedom} degrees of freedom)."
    )


HEAD: Final = """\
# Named functions

What the functions of the [catalogue](../reference/catalogue.md) reach, those of the space and those
beside it, made by `python -m builders.reports.named --write` from `load_named`. *Tuned* is the rate
at which seed 0 is best. The fresh mean is over other seeds at that rate, which had no part in the
choice, ± its standard error. The last column is the difference to the best baseline, positive where
the function is better; * where it is significant (5 %, after Holm's correction over the functions
of the table). The trainings are short ([mlp](mlp.md), [cnn](cnn.md)): a longer one may order the
functions otherwise.
"""


@click.command()
@click.option("--write", is_flag=True, help=f"Into docs/studies/{PAGE.name}.")
def main(write: bool) -> None:
    """Print the page, or write it."""
    tables = [
        name for name in TABLES if {named_name(name), tuned_name(name)} <= {*table_files(name)}
    ]
    text = "\n".join([HEAD, *(section(name) + "\n" for name in tables), TERMS])
    if not write:
        click.echo(text)
        return
    with replacing(PAGE) as draft:
        draft.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
