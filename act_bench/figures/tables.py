"""Figures of the tables themselves: how accuracies are distributed, and how tables agree."""

from __future__ import annotations

import textwrap
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.figures import FigureError, Request
from act_bench.figures.labels import name_beside
from act_bench.figures.style import DASHES, FAINT, GRID, HANDLE, OKABE_ITO, PALE, bare, wrapped
from act_bench.files.manifest import AbsentDataError
from act_bench.functions.operators import BASELINES
from act_bench.tables.files import entries_file, table_files
from act_bench.tables.ladder.sample import is_sampled
from act_bench.tables.registry import TABLES, TableInfo, choose_fidelity, table_info
from act_bench.tables.schema import UnknownNameError

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

BINS: Final = 50


class Accuracies(NamedTuple):
    """What the figures show of a table.

    Attributes
    ----------
    label
        Its title and fidelity.
    score
        (2913,) validation accuracy, or minus the loss for a table that is searched by it; the score
        of guessing where diverged, NaN where missing.
    diverged
        (2913,) bool.
    seeds
        (2913,) how many runs are behind the score.
    info
        The record of the table.
    """

    label: str
    score: NDArray[np.float64]
    diverged: NDArray[np.bool_]
    seeds: NDArray[np.int32]
    info: TableInfo

    @property
    def trained(self) -> NDArray[np.bool_]:
        """(2913,) whether the score is above that of guessing by more than a margin."""
        return np.asarray(self.score > self.info.trained_score)

    def limits(self, shown: NDArray[np.bool_]) -> tuple[float, float]:
        """Return the axis of the scores that are shown; what is worse stands at its lower end.

        Accuracies are all on it. The loss of guessing is so far off that what trains would be a
        line: the axis ends half the range of what trains below it.
        """
        score = self.score[shown]
        if self.info.higher_is_better:
            low, high = np.clip([score.min(), score.max()], 0.0, 1.0)
            return float(low), float(high)
        low, high = float(score.min()), float(score.max())
        trained = self.score[shown & self.trained]
        if trained.size:
            low = max(low, 1.5 * float(trained.min()) - 0.5 * high)
        return low, high

    @property
    def axis_label(self) -> str:
        """The label, and what the score is where it is no accuracy."""
        if self.info.higher_is_better:
            return self.label
        return f"{self.label}: {self.info.score_in_words}"


def read_accuracies(table: str, request: Request) -> Accuracies:
    """Return the validation accuracies of a table in the edition and fidelity of a request."""
    from act_bench.tables.loaders import load_table

    fidelity = choose_fidelity(table, request.fidelity, request.edition)
    info = table_info(table)
    columns = ["outcome", info.metric]
    one_run = request.edition != "upstream" and is_sampled(table, fidelity)
    rows = load_table(table, request.edition, fidelity, columns if one_run else [*columns, "runs"])
    diverged = rows["outcome"].to_numpy() == "diverged"
    values = rows[info.metric].to_numpy().astype(np.float64)
    score = values if info.higher_is_better else -values
    view = "" if request.edition == "upstream" else ", tuned" if one_run else ", own rate"
    label = f"{info.network} on {info.dataset}, {fidelity}{view}"
    score = np.where(diverged, info.worst_score, score)
    seeds = rows["outcome"].ne("missing").cast(int) if one_run else rows["runs"]
    return Accuracies(label, score, diverged, seeds.to_numpy(), info)


def tables_with_data(request: Request) -> tuple[str, ...]:
    """Return the tables of a request, or all that have data of its edition and fidelity."""
    if request.tables:
        return request.tables
    found = []
    for name in TABLES:
        try:
            fidelity = choose_fidelity(name, request.fidelity, request.edition)
            entries_file(name, fidelity, request.edition)
        except (AbsentDataError, UnknownNameError):
            continue
        found.append(name)
    if not found:
        raise FigureError(
            f"no table of the edition {request.edition} has data at fidelity "
            f"{request.fidelity or 'of its default'}; `act-bench tables` lists what there is"
        )
    return tuple(found)


def invalid_spectra(table: str) -> NDArray[np.bool_] | None:
    """Return which functions have no valid Fisher spectrum; None where there are no spectra."""
    from act_bench.tables.spectra import fisher_name, load_spectra

    if table not in TABLES or fisher_name(table) not in table_files(table):
        return None
    return ~load_spectra(table).valid


def accuracies(request: Request) -> Figure:
    """Draw the histogram of validation accuracies, after Figure 1 of the poster.

    Each group is an outline of its own, since heights that are stacked on a logarithmic axis would
    not be seen for what they are. What diverged stands at chance level, or where that is far off at
    the left. Where there are Fisher spectra, functions without a valid one are distinguished: these
    a search can leave out before it trains anything.
    """
    tables = tables_with_data(request)
    figure, every = wrapped(len(tables), 2 if len(tables) == 4 else 3, width=5.2, height=3.3)
    for axes, table in zip(every, tables, strict=True):
        found, invalid = read_accuracies(table, request), invalid_spectra(table)
        filtered = np.zeros(len(found.score), bool) if invalid is None else invalid
        shown = np.isfinite(found.score)
        edges = _edges(found, shown)
        at_chance = edges[0] < found.info.worst_score
        groups = {
            "trained to the end": ~found.diverged & ~filtered,
            f"diverged, shown at {'chance' if at_chance else 'the left'}": found.diverged
            & ~filtered,
            "no valid Fisher spectrum": filtered,
        }
        groups = {name: chosen & shown for name, chosen in groups.items() if chosen.any()}
        for i, (name, chosen) in enumerate(groups.items()):
            counts, _ = np.histogram(found.score[chosen].clip(edges[0], edges[-1]), edges)
            axes.stairs(
                counts,
                edges,
                baseline=0.5,
                fill=i == 0,
                facecolor=PALE if i == 0 else "none",
                edgecolor=OKABE_ITO[i],
                linestyle=DASHES[i],
                linewidth=1.5,
                label=f"{name}: {int(chosen.sum()):,}",
            )
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set(xlim=(edges[0], edges[-1]), xlabel=found.info.score_in_words, ylabel="functions")
        axes.set_ylim(0.7, 6 * axes.get_ylim()[1])  # room for the legend
        axes.set_title(textwrap.fill(found.label, 64), loc="left", fontsize=10)
        axes.legend(frameon=False, fontsize=8, loc="upper right", handlelength=HANDLE)
        bare(axes)
    return figure


def _edges(found: Accuracies, shown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the edges of the bins: they fit the data, and a bin has chance in its middle."""
    low, high = found.limits(shown)
    width = (high - low) / BINS
    chance = max(low, found.info.worst_score)
    first = chance - width * (0.5 + np.ceil((chance - low) / width))
    return np.asarray(first + width * np.arange(BINS + 3))


def scatter(request: Request) -> Figure:
    """Draw validation accuracies of each pair of tables, after Figure 2 of the poster.

    Functions that have one seed in one of the two tables are hollow: where they stand is luck in
    part, and most of all if they are among the best. What does not train in both is a cross, at the
    edge where it is far off.

    Raises
    ------
    FigureError
        There are not two tables with data.
    """
    tables = tables_with_data(request)
    if len(tables) < 2:
        raise FigureError(
            f"the figure sets tables against each other: expected two or more, got "
            f"{', '.join(tables)}. `act-bench tables` shows which have data; --edition upstream "
            "takes the authors' own after `act-bench import-upstream`"
        )
    from scipy.stats import spearmanr

    from act_bench.spaces.paper import load_space

    known = {table: read_accuracies(table, request) for table in tables}
    baselines = {text: load_space().resolve(text).entry for text in BASELINES}
    pairs = list(combinations(tables, 2))
    figure, every = wrapped(len(pairs), 3, width=4.5, height=4.0)
    for axes, (first, second) in zip(every, pairs, strict=True):
        a, b = known[first], known[second]
        both = np.isfinite(a.score) & np.isfinite(b.score)
        trained = both & a.trained & b.trained
        lost = both & ~trained
        (left, right), (bottom, top) = a.limits(both), b.limits(both)
        x, y = a.score.clip(left, right), b.score.clip(bottom, top)
        axes.scatter(
            x[lost],
            y[lost],
            s=7,
            marker="x",
            color=FAINT,
            linewidths=0.5,
            label="does not train in one of the two",
        )
        alone = (a.seeds == 1) | (b.seeds == 1)
        for name, chosen, fill in (
            ("one seed in one of the two", trained & alone, "none"),
            ("several seeds in both", trained & ~alone, OKABE_ITO[0]),
        ):
            if chosen.any():
                axes.scatter(
                    x[chosen],
                    y[chosen],
                    s=5,
                    alpha=0.5,
                    facecolors=fill,
                    edgecolors=OKABE_ITO[0],
                    linewidths=0.5,
                    label=name,
                )
        axes.set(xlim=_with_margin(left, right), ylim=_with_margin(bottom, top))
        shown = {text: entry for text, entry in baselines.items() if both[entry]}
        name_beside(
            axes,
            {
                text.removesuffix("(x)"): (float(x[entry]), float(y[entry]))
                for text, entry in shown.items()
            },
        )
        rank = spearmanr(a.score[trained], b.score[trained]).statistic
        title = f"Spearman {rank:.2f} among the {int(trained.sum()):,} that train in both"
        axes.set_title(title, loc="left", fontsize=9)
        axes.set(xlabel=textwrap.fill(a.axis_label, 60), ylabel=textwrap.fill(b.axis_label, 48))
        axes.set_box_aspect(1)
        axes.grid(color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        bare(axes)
    labels: dict[str, Artist] = {}
    for axes in every:
        labels |= {
            name: handle for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
    figure.legend(
        [*labels.values()],
        [*labels],
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=8,
    )
    return figure


def _with_margin(low: float, high: float) -> tuple[float, float]:
    margin = 0.03 * (high - low)
    return low - margin, high + margin
