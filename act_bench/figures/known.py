"""The figure of well-known functions: what each reaches on every table, with its interval."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from act_bench.figures import FigureError, Request
from act_bench.figures.style import GRAY, GRID, OKABE_ITO, bare, panels
from act_bench.figures.tables import tables_with_data
from act_bench.functions.operators import BASELINES
from act_bench.tables.ladder.sample import is_sampled
from act_bench.tables.rates import Spread, fresh_spread_of
from act_bench.tables.registry import choose_fidelity, table_info

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from act_bench.tables.registry import TableInfo

KNOWN: Final = (*(text.removesuffix("(x)") for text in BASELINES), "gelu", "mish", "leaky_relu")
"""The baselines of the benchmark, and three outside its space that everybody knows."""
BEST: Final = "best of the space"
_SURE: Final = 0.975


class Reach(NamedTuple):
    """What a function reaches on a table.

    Attributes
    ----------
    value
        In the table's metric.
    half
        Half of its 95 % interval; 0 where it is at chance, or not known.
    name
        The function, where it is not that of the row.
    """

    value: float
    half: float
    name: str = ""


def known_functions(request: Request) -> Figure:
    """Draw what well-known functions and the best of the space reach, a panel per table.

    At the recipe's own rate a value is the estimate with many seeds (`act_bench.tables.estimates`),
    which takes back what being the best of many, or having one lucky seed, adds; of functions
    beside the space it is their median. Tuned it is the mean of the seeds that had no part in
    choosing the rate. So is the best of the space: chosen by validation, shown by the estimate or
    by the seeds that had no part in choosing it. Intervals are of 95 %.
    """
    tables = tables_with_data(request)
    own = {table: at_own_rate(table, request) for table in tables}
    tuned = {table: found for table in tables if (found := at_tuned_rate(table, request))}
    if nothing := [table for table in tables if not own[table] and table not in tuned]:
        raise FigureError(
            f"known shows a tuned rate by fresh seeds; at fidelity {request.fidelity} there are "
            f"none yet of {', '.join(nothing)}: leave out the fidelity, or name other tables"
        )
    order = [BEST, *sorted(KNOWN, key=lambda name: _place(own, name))]
    figure, [row] = panels(1, len(tables), width=2.7, height=4.4)
    for axes, table in zip(row, tables, strict=True):
        _panel(axes, table, own[table], tuned.get(table, {}), order)
    row[0].set_yticks(range(len(order)), [_title(name) for name in order])
    for axes in row[1:]:
        axes.set_yticks(range(len(order)), [""] * len(order))
    handles = row[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def at_own_rate(table: str, request: Request = Request()) -> dict[str, Reach]:  # noqa: B008
    """Return what the functions reach at the rate of the table's recipe, by name.

    Empty at a fidelity that a sample is trained at, each function at its tuned rate.
    """
    from act_bench.spaces.paper import load_space
    from act_bench.tables.loaders import load_table

    info = table_info(table)
    fidelity = choose_fidelity(table, request.fidelity, request.edition)
    if request.edition != "upstream" and is_sampled(table, fidelity):
        return {}
    columns = ["expression", "outcome", info.metric, "estimate", "estimate_std"]
    rows = load_table(table, request.edition, fidelity, columns)
    found = {}
    for name in KNOWN:
        entry = load_space().entry_of.get(f"{name}(x)", _entry(name))
        if entry is None:
            continue
        row = rows.row(entry, named=True)
        if row["outcome"] == "ok":
            found[name] = _reach(row, info)
    best = rows.sort(info.metric, descending=info.higher_is_better, nulls_last=True)
    first = best.row(0, named=True)
    found[BEST] = _reach(first, info)._replace(name=first["expression"])
    return found | _beside(table, fidelity)


def at_tuned_rate(table: str, request: Request = Request()) -> dict[str, Reach]:  # noqa: B008
    """Return what the functions reach at the rate that suits each; empty where there is none."""
    from act_bench.tables.loaders import load_table
    from act_bench.tables.rates import fresh_spread, table_rates

    info = table_info(table)
    if request.edition != "regenerated" or not table_rates(table):
        return {}
    fidelity = choose_fidelity(table, request.fidelity, request.edition)
    rows = load_table(table, fidelity=fidelity, rate="tuned")
    of_all = fresh_spread(rows, info)
    chosen = {name: entry for name in KNOWN if (entry := _entry(name)) is not None}
    ranked = rows.sort(info.metric, descending=info.higher_is_better, nulls_last=True)
    every = {name: rows.row(entry, named=True) for name, entry in chosen.items()}
    every[BEST] = best = ranked.row(0, named=True)
    found = {name: _fresh(row, info, of_all) for name, row in every.items() if row["fresh_runs"]}
    if BEST in found:
        found[BEST] = found[BEST]._replace(name=best["expression"])
    return found | _beside(table, fidelity, of_all)


def _entry(name: str) -> int | None:
    from act_bench.functions.catalogue import find
    from act_bench.spaces.paper import entry_of

    return entry_of(find(name))


def _beside(table: str, fidelity: str, of_all: Spread | None = None) -> dict[str, Reach]:
    """Return what the functions outside the space reach; with `of_all`, at their tuned rate."""
    import polars as pl

    from act_bench.tables.catalogued.named import load_named, named_name
    from act_bench.tables.files import table_files

    if named_name(table) not in table_files(table):
        return {}
    info = table_info(table)
    rows = load_named(table, fidelity).filter(
        pl.col("entry").is_null() & pl.col("name").is_in(KNOWN)
    )
    if of_all is not None:
        chosen = rows.filter(pl.col("tuned") & (pl.col("fresh_runs") > 0)).iter_rows(named=True)
        return {row["name"]: _fresh(row, info, of_all) for row in chosen}
    own = _own_rate(table, fidelity)
    return {
        row["name"]: Reach(
            row[info.metric],
            # The standard error of a median of normal values.
            math.sqrt(math.pi / 2)
            * _half(Spread(row[f"{info.metric}_std"], row["runs"] - 1), row["runs"]),
        )
        for row in rows.iter_rows(named=True)
        if row["learning_rate"] == own and row["outcome"] == "ok"
    }


def _own_rate(table: str, fidelity: str) -> float:
    from act_bench.tables.loaders import load_table

    column = load_table(table, fidelity=fidelity, columns=["learning_rate"])["learning_rate"]
    return float(column.drop_nulls()[0])


def _reach(row: dict[str, float], info: TableInfo) -> Reach:
    if row["estimate"] is None:  # at chance
        return Reach(row[info.metric], 0.0)
    return Reach(row["estimate"], 1.96 * row["estimate_std"])


def _fresh(row: dict[str, float], info: TableInfo, of_all: Spread) -> Reach:
    """Return a mean of fresh seeds; where these are few, all functions tell how far one strays."""
    spread = fresh_spread_of(row, info, of_all)
    known = spread.freedom > 0  # it is not where no function has two fresh seeds
    return Reach(row[f"fresh_{info.metric}"], _half(spread, row["fresh_runs"]) if known else 0.0)


def _half(spread: Spread, runs: float) -> float:
    """Return half of a 95 % interval of a mean, by Student's t."""
    from scipy.stats import t

    return float(t.ppf(_SURE, spread.freedom)) * spread.deviation / math.sqrt(runs)


def _place(own: dict[str, dict[str, Reach]], name: str) -> tuple[int, float]:
    """Return what functions are ordered by: on how many tables they lack, then their mean rank."""
    places = []
    for table, found in own.items():
        if name in found:
            sign = 1 if table_info(table).higher_is_better else -1
            better = sum(sign * each.value > sign * found[name].value for each in found.values())
            places.append(better / len(found))
    return len(own) - len(places), sum(places) / max(1, len(places))


def _title(name: str) -> str:
    from act_bench.functions.catalogue import find

    return name if name == BEST else find(name).title


def _panel(
    axes: Axes,
    table: str,
    own: dict[str, Reach],
    tuned: dict[str, Reach],
    order: list[str],
) -> None:
    info = table_info(table)
    low, high = _limits([*own.values(), *tuned.values()])
    for found, label, marker, color, fill, shift in (
        (own, "at the recipe's own learning rate", "o", OKABE_ITO[0], OKABE_ITO[0], -0.18),
        (tuned, "at the rate that suits it, fresh seeds", "D", OKABE_ITO[1], "white", 0.2),
    ):
        style: dict[str, Any] = {"color": color, "markersize": 4.5, "markerfacecolor": fill}
        rows = {
            row + (shift if tuned else 0): found[name]
            for row, name in enumerate(order)
            if name in found
        }
        inside = {row: each for row, each in rows.items() if low <= each.value <= high}
        axes.errorbar(
            [each.value for each in inside.values()],
            [*inside],
            xerr=[each.half for each in inside.values()],
            fmt=marker,
            elinewidth=1.1,
            capsize=2,
            label=label,
            **style,
        )
        for row, each in rows.items():  # so far off that the axis would show little else
            if row not in inside:
                edge, side = (low, -1) if each.value < low else (high, 1)
                axes.plot(edge, row, marker="<" if side < 0 else ">", clip_on=False, **style)
                axes.annotate(
                    f"{each.value:.2f}" + (f" ± {each.half:.2f}" if each.half else ""),
                    (edge, row),
                    xytext=(-6 * side, 0),
                    textcoords="offset points",
                    ha="left" if side < 0 else "right",
                    va="center",
                    fontsize=7,
                    color=color,
                )
    axes.axhspan(-0.5, 0.5, color=GRID, alpha=0.6, linewidth=0, zorder=0)
    best = f"best: {own[BEST].name}" if own else ""
    axes.annotate(
        # The best of a rate that was trained with one seed has no value to show yet.
        f"{best}\ntuned: {tuned[BEST].name}".strip() if BEST in tuned else best,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 4),
        textcoords="offset points",
        fontsize=7.5,
        color=GRAY,
    )
    axes.set(xlim=(low, high), ylim=(len(order) - 0.4, -0.6))
    axes.set_xlabel(f"{info.metric_in_words} (guessing: {info.worst_value:.2g})", fontsize=9)
    title = "\n".join(
        textwrap.fill(line, 37) for line in (f"{table}: {info.network}", info.dataset)
    )
    axes.set_title(title, loc="left", fontsize=9, pad=26)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    bare(axes)


def _limits(reached: list[Reach]) -> tuple[float, float]:
    """Return limits of an axis that fit most values with their intervals.

    Left out are values that are further from the median than four times the nearer extreme.
    """
    values = sorted(each.value for each in reached)
    middle = values[len(values) // 2]
    reach = 4 * min(middle - values[0], values[-1] - middle)
    near = [each for each in reached if abs(each.value - middle) <= reach] or reached
    low = min(each.value - each.half for each in near)
    high = max(each.value + each.half for each in near)
    margin = 0.06 * (high - low)
    return low - margin, high + margin
