"""Make docs/studies/results/aquasurf.md: AQuaSurF as published and as it is here, choice by choice.

    python -m builders.reports.variants [--table cnn] [--variants 8] [--docs docs]

Each variant is searched on 20 draws of its map with 10 trials each (``searches.py``) and kept under
``output/variants``; what was made is not made again, so a run that was stopped goes on, and each
run writes the page on what is there. Variants with true labels need ``python -m builders.fisher
TABLE --labels true`` first. A variant takes about half a minute of one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.errors import ArgumentTypeError
from act_bench.files.atomic import replacing
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.loading import load_data
from builders.reports.results.goals import Goal, count, goals_of
from builders.reports.variants.searches import (
    DRAWS,
    EVALUATIONS,
    TRIALS,
    VARIANTS,
    WEIGHTINGS,
    Made,
    possible,
    searches,
)
from surrogates.search_space import SearchSpace

TABLES: Final = ("cnn", "vit", "resnet", "mlp")
FILE: Final = "aquasurf.csv"
RESAMPLES: Final = 2000

ENDS: Final = ("", "_low", "_high")
_UNIONS: Final = ("", *(f"weighting={name}" for name in WEIGHTINGS[1:]))
"""The variants that are the union, by the weighting of layers."""

Float = NDArray[np.float64]
Row = dict[str, object]

COLUMNS: Final = {
    "table": pl.String,
    "sha256": pl.String,
    "variant": pl.String,
    "draws": pl.Int64,
    "regret": pl.Float64,
    "regret_low": pl.Float64,
    "regret_high": pl.Float64,
    "near": pl.Float64,
    "near_low": pl.Float64,
    "near_high": pl.Float64,
    "near_reached": pl.Float64,
    "beyond": pl.Float64,
    "beyond_low": pl.Float64,
    "beyond_high": pl.Float64,
    "beyond_reached": pl.Float64,
    "gain": pl.Float64,
    "gain_low": pl.Float64,
    "gain_high": pl.Float64,
    "outputs": pl.Float64,
    "outputs_low": pl.Float64,
    "outputs_high": pl.Float64,
    "spectra": pl.Float64,
    "spectra_low": pl.Float64,
    "spectra_high": pl.Float64,
}
"""Of a variant on a table: the mean regret at the end; evaluations, median, until near the best and
until better than every baseline (infinite: never; null: there is no such function), and the share
of searches that get there; by how much its regret is below that of the default; and, of the union
with a weighting, by how much it is below that of the search by outputs alone, and by spectra alone
with the same weighting. Intervals are 95 % bootstrap intervals over draws, with all trials of a
draw together."""


def regrets(data: BenchmarkData, made: Made) -> Float:
    """Return the regret at the end of each trial: (draws, trials)."""
    scores = np.array(
        [data.worst_score if (s := data.score(e)) is None else s for e in range(len(data.outcome))]
    )
    best = max(scores[list(data.covered)])
    found: Float = best - scores[made.entries].max(axis=2)
    return found


def over_draws(
    values: Sequence[Float], statistic: Callable[..., Float]
) -> tuple[float, float, float]:
    """Return a statistic of values by draw and trial, with its bootstrap interval over draws.

    Parameters
    ----------
    values
        Each (draws, trials); of several arrays draws are drawn independently.
    statistic
        Of arrays (..., values); a value for each of the leading indices.
    """
    random = np.random.default_rng(0)
    again = []
    for each in values:
        chosen = random.integers(0, len(each), (RESAMPLES, len(each)))
        again.append(each[chosen].reshape(RESAMPLES, -1))
    low, high = np.quantile(statistic(*again), [0.025, 0.975], method="inverted_cdf")
    middle = statistic(*[each.reshape(1, -1) for each in values])[0]
    return float(middle), float(low), float(high)


def mean(values: Float) -> Float:
    """Return the mean over the last axis."""
    found: Float = values.mean(axis=-1)
    return found


def middle(values: Float) -> Float:
    """Return the lower median over the last axis, which may be infinite."""
    found: Float = np.quantile(values, 0.5, axis=-1, method="inverted_cdf")
    return found


def difference(first: Float, second: Float) -> Float:
    """Return by how much the first mean is above the second."""
    return mean(first) - mean(second)


def row(data: BenchmarkData, made: Made, others: Mapping[str, Made]) -> Row:
    """Return the row of a variant.

    Parameters
    ----------
    data
        The table.
    made
        Its searches.
    others
        Those of every variant, by its settings; the default among them.
    """
    near, beyond = goals_of(data)
    own = regrets(data, made)
    cells: Row = {
        "table": data.table,
        "sha256": data.sha256,
        "variant": made.variant,
        "draws": len(made.entries),
    }
    cells |= _three("regret", over_draws([own], mean), digits=6)
    for name, goal in (("near", near), ("beyond", beyond)):
        if goal.classes:
            firsts = _firsts(goal, made)
            cells |= _three(name, over_draws([firsts], middle))
            cells[f"{name}_reached"] = round(float(np.isfinite(firsts).mean()), 4)
    for name, variant in compared_with(made.variant).items():
        if variant in others:
            gain = over_draws([regrets(data, others[variant]), own], difference)
            cells |= _three(name, gain, digits=6)
    return dict.fromkeys(COLUMNS) | cells


def compared_with(variant: str) -> dict[str, str]:
    """Return the variants that one is compared with, by the column that tells the outcome.

    Examples
    --------
    >>> compared_with("points=1000")
    {'gain': ''}
    >>> compared_with("weighting=uniform")["spectra"]
    'features=umap-fim:weighting=uniform'
    """
    found = {"gain": ""} if variant else {}
    if variant in _UNIONS:
        spectra = ":".join(part for part in ("features=umap-fim", variant) if part)
        found |= {"outputs": "features=umap-outputs", "spectra": spectra}
    return found


def _firsts(goal: Goal, made: Made) -> Float:
    draws, trials, evaluations = made.entries.shape
    return goal.first(made.entries.reshape(-1, evaluations)).reshape(draws, trials)


def _three(name: str, found: tuple[float, float, float], digits: int = 1) -> Row:
    return {f"{name}{end}": round(value, digits) for end, value in zip(ENDS, found, strict=True)}


HEAD = """\
# AQuaSurF, choice by choice

Made by `python -m builders.reports.variants`. Each row is `aquasurf` with these settings ([what
they are](../../explanation/aquasurf.md)), {trials} searches of {evaluations} evaluations on each of
{draws} draws of its map; intervals are 95 % bootstrap intervals over draws. *Regret* is the mean at
the end, and *gain* how much lower it is than that of the default (in bold where its interval
excludes 0). Evaluations are medians until a [goal](goals.md) is reached, with the share of
searches that reach it. Terms: [glossary](../../reference/glossary.md).

The gain of each on every table; an empty cell is not measured:

{said}

"""


def page(found: pl.DataFrame) -> str:
    """Return the page, from its rows."""
    settings = {"trials": TRIALS, "evaluations": EVALUATIONS, "draws": DRAWS}
    lines = [HEAD.format(said="\n".join(_summary(found)), **settings)]
    for (table,), group in found.group_by("table", maintain_order=True):
        missing = [name for name in VARIANTS if name not in group["variant"].to_list()]
        lines += [f"## {table}\n"]
        lines.append(
            "| settings | regret | gain | until near the best | until better than every baseline |"
        )
        lines.append("|---|---|---|---|---|")
        rows = {each["variant"]: each for each in group.iter_rows(named=True)}
        lines += [_line(each) for each in rows.values()]
        lines += ["", *_union(rows)]
        if missing:
            names = ", ".join(f"`{name}`" for name in missing)
            lines.append(f"Not measured yet on `{table}`: {names}.\n")
    return "\n".join(lines)


def _summary(found: pl.DataFrame) -> list[str]:
    """Return a table of the gains of all variants on all tables, an empty cell where unmeasured."""
    tables = found["table"].unique(maintain_order=True).to_list()
    cells = {(each["table"], each["variant"]): _gain(each) for each in found.iter_rows(named=True)}
    measured = [name for name in VARIANTS if name and any((t, name) in cells for t in tables)]
    lines = [f"| gain | {' | '.join(f'`{table}`' for table in tables)} |"]
    lines.append("|---" * (len(tables) + 1) + "|")
    for name in measured:
        row = " | ".join(cells.get((table, name), "") for table in tables)
        lines.append(f"| `{name}` | {row} |")
    missing = [f"`{table}`" for table in TABLES if table not in tables]
    return [*lines, *([f"\nNot measured: {', '.join(missing)}."] if missing else [])]


def _gain(each: Row) -> str:
    """Return a gain, in bold where its interval excludes 0."""
    if each["gain"] is None:
        return ""
    sure = "**" * (_number(each, "gain_low") > 0 or _number(each, "gain_high") < 0)
    return f"{sure}{_number(each, 'gain'):+.4f}{sure}"


def _number(each: Row, name: str) -> float:
    value = each[name]
    if not isinstance(value, float):
        raise ArgumentTypeError(f"expected a number in the column {name}, got {value!r}")
    return value


def _line(each: Row) -> str:
    gain = _gain(each)
    if gain:
        low, high = _number(each, "gain_low"), _number(each, "gain_high")
        gain = f"{gain} [{low:+.4f}, {high:+.4f}]"
    regret, low, high = (_number(each, f"regret{end}") for end in ENDS)
    cells = [
        f"`{each['variant'] or 'default'}`",
        f"{regret:.4f} [{low:.4f}, {high:.4f}]",
        gain,
        _evaluations(each, "near"),
        _evaluations(each, "beyond"),
    ]
    return f"| {' | '.join(cells)} |"


def _evaluations(each: Row, name: str) -> str:
    if each[name] is None:
        return "none is"
    middle, low, high = (count(_number(each, f"{name}{end}")) for end in ENDS)
    return f"{middle} [{low}, {high}]; {_number(each, f'{name}_reached'):.0%}"


def _union(rows: dict[str, Row]) -> list[str]:
    """Say for each weighting whether the union searches better than either feature."""
    lines = []
    for weighting, variant in zip(WEIGHTINGS, _UNIONS, strict=True):
        union = rows.get(variant)
        if union is None or union["outputs"] is None or union["spectra"] is None:
            continue
        said = [_against(union, name) for name in ("outputs", "spectra")]
        lines.append(f"- Layers weighted `{weighting}`: the union ends {' and '.join(said)}.")
    return [*lines, ""] if lines else []


def _against(union: Row, name: str) -> str:
    """Say how the union ends against one feature, by the interval of their difference."""
    gain, low, high = (_number(union, f"{name}{end}") for end in ENDS)
    told = (
        "better than by"
        if low > 0
        else "worse than by"
        if high < 0
        else "not significantly differently than by"
    )
    return f"{told} {name} ({gain:+.4f} [{low:+.4f}, {high:+.4f}])"


def main() -> None:
    """Make what is missing, and write the page."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--table", action="append", choices=TABLES)
    arguments.add_argument("--variants", type=int, default=len(VARIANTS), help="The first so many.")
    arguments.add_argument("--kept", type=Path, default=Path("output/variants"))
    arguments.add_argument("--docs", type=Path, default=Path("docs"))
    arguments.add_argument("--no-searches", action="store_true", help="Only what is kept.")
    chosen = arguments.parse_args()
    folder = chosen.docs / "studies" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    for table in chosen.table or TABLES:
        data = load_data(table)
        space = SearchSpace.of(data)
        made: list[Made] = []
        for variant in VARIANTS[: chosen.variants]:
            if not possible(variant, table):
                print(f"{table}, {variant}: needs python -m builders.fisher {table} --labels true")
                continue
            kept = searches(data, space, variant, chosen.kept, chosen.no_searches)
            if kept is not None:
                made.append(kept)
        if made and not made[0].variant:
            others = {each.variant: each for each in made}
            rows = [row(data, each, others) for each in made]
            keep(pl.DataFrame(rows, COLUMNS, orient="row"), folder / FILE)
    found = pl.read_csv(folder / FILE, schema=COLUMNS)
    with replacing(folder / "aquasurf.md") as draft:
        draft.write_text(page(found), encoding="utf-8")
    print(folder / "aquasurf.md")


def keep(rows: pl.DataFrame, path: Path) -> None:
    """Put the rows of a table into the file, in place of what it has of these variants."""
    if path.exists():
        known = pl.read_csv(path, schema=COLUMNS)
        rows = pl.concat([known.join(rows, on=["table", "variant"], how="anti"), rows])
    order = {name: place for place, name in enumerate(VARIANTS)}
    places = [
        pl.col("table").replace_strict(list(TABLES), range(len(TABLES))),
        pl.col("variant").replace_strict(order, default=len(order)),
    ]
    with replacing(path) as draft:
        rows.sort(places).write_csv(draft)


if __name__ == "__main__":
    main()
