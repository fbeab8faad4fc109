"""What enters an activation function in a network, before and after training (Figure 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.figures import FigureError, Request
from act_bench.figures.style import OKABE_ITO, bare
from act_bench.files.manifest import AbsentDataError
from act_bench.functions.catalogue import read
from act_bench.spaces.paper import recorded_as
from act_bench.tables.inputs.distributions import MOMENTS, load_inputs
from act_bench.tables.inputs.histograms import EDGES, WIDTH
from act_bench.tables.registry import Metric, choose_fidelity, table_info
from act_bench.tables.schema import UnknownNameError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS: Final = dict(zip(MOMENTS, OKABE_ITO, strict=False))
RED: Final = OKABE_ITO[3]
SHOWN: Final = 0.995
"""Share of all inputs that the axis shows at least, up to the limit of the bins."""


class Distributions(NamedTuple):
    """What is drawn.

    Attributes
    ----------
    expression
        The function as it was trained.
    network
        In words.
    note
        What the training gave.
    counts
        Moment -> (places, 98) how many inputs lie in each bin.
    """

    expression: str
    network: str
    note: str
    counts: dict[str, NDArray[np.int64]]


def inputs(request: Request) -> Figure:
    """Draw the inputs of a function in a table's network, or in one of your own.

    Raises
    ------
    FigureError
        No function was named, or not one table or network.
    """
    return draw(read_distributions(request))


def read_distributions(request: Request) -> Distributions:
    """Return the distributions that a request is for: embedded, or from a training made now."""
    own = request.model is not None
    if request.expression is None or (own == bool(request.tables)) or len(request.tables) > 1:
        raise FigureError(
            "the figure inputs is of one function in one network: give an expression and --table, "
            "or --model and --data of your own"
        )
    if own != (request.data is not None):
        raise FigureError("--model and --data belong together: give both, or neither")
    if own and (request.fidelity is not None or request.data_dir is not None):
        raise FigureError(
            "--fidelity and --data-dir are of a table's network: your own has what --data returns"
        )
    function = read(request.expression)
    if own:
        return _of_own(str(function), str(request.model), str(request.data))
    (table,) = request.tables
    text = recorded_as(str(function))
    fidelity = choose_fidelity(table, request.fidelity)
    try:
        rows = load_inputs(table, text, fidelity).to_dicts()
    except (AbsentDataError, UnknownNameError):
        rows = []
    return of_rows(table, rows) if rows else _trained(table, fidelity, text, request)


def of_rows(table: str, rows: list[dict[str, Any]]) -> Distributions:
    """Return the distributions of one function from rows of ``INPUT_COLUMNS``."""
    counts = {
        moment: np.array([row["counts"] for row in rows if row["moment"] == moment], np.int64)
        for moment in MOMENTS
    }
    first = rows[0]
    note = _note(first["validation_accuracy"], first["seed"])
    there = {moment: found for moment, found in counts.items() if len(found)}
    return Distributions(first["expression"], f"{table}-{first['fidelity']}", note, there)


def _trained(table: str, fidelity: str, text: str, request: Request) -> Distributions:
    from regenerate.inputs.measured import measure
    from regenerate.recipes import find

    found = measure(find(table, fidelity), read(text), data_dir=request.data_dir)
    return _of_measured(found, f"{table}-{fidelity}", table_info(table).metric)


def _of_own(text: str, model: str, data: str) -> Distributions:
    from regenerate.inputs.measured import observed
    from surrogates.live.user_network.address import load_function
    from surrogates.live.user_network.network import NetworkTrainer

    trainer = NetworkTrainer(load_function(model), load_function(data))
    found = observed(lambda observe: trainer.run(text, 0, observe=observe))
    return _of_measured(found, model)


def _of_measured(found: Any, network: str, metric: Metric = "validation_accuracy") -> Distributions:
    counts = {
        moment: np.array([each.counts for each in places])
        for moment, places in found.moments.items()
        if places
    }
    if not counts:
        raise FigureError(
            f"{network} has no place of an activation function: make_model must call the factory "
            "that it is given"
        )
    note = _note(getattr(found.run, metric), found.run.seed, metric)
    return Distributions(found.run.expression, network, note, counts)


def _note(value: float | None, seed: int, metric: Metric = "validation_accuracy") -> str:
    reached = "diverged" if value is None else f"{metric.replace('_', ' ')} {value:.3f}"
    return f"{reached}, seed {seed}"


def draw(found: Distributions) -> Figure:
    """Draw all places together with the function over them, and below place by place."""
    from matplotlib.figure import Figure

    reach = _reach(np.concatenate(list(found.counts.values())))
    figure = Figure(figsize=(7.6, 6.4), dpi=130, layout="constrained")
    moments = list(found.counts)
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.15, 1)).ravel()
    axes = upper.subplots()
    middles = (EDGES[:-1] + EDGES[1:]) / 2
    for moment, counts in found.counts.items():
        density = counts.sum(0)[1:-1] / max(1, counts.sum()) / WIDTH
        axes.stairs(density, EDGES, fill=True, alpha=0.35, color=COLORS[moment], label=moment)
        axes.stairs(density, EDGES, color=COLORS[moment], linewidth=1.0)
    axes.set(xlim=(-reach, reach), xlabel="input", ylabel="density of inputs")
    bare(axes)
    _function_over(axes, found.expression, reach, label=True)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.set_title(f"{found.expression} in {found.network}: {found.note}", loc="left", fontsize=10)
    each = {
        moment: counts[:, 1:-1] / np.maximum(1, counts.sum(1, keepdims=True)) / WIDTH
        for moment, counts in found.counts.items()
    }
    darkest = max(float(shares.max()) for shares in each.values())
    for moment, panel in zip(
        moments, lower.subplots(1, len(moments), squeeze=False, sharey=True)[0], strict=True
    ):
        panel.pcolormesh(
            middles,
            np.arange(len(each[moment])) + 1,
            each[moment],
            cmap="Greys",
            shading="nearest",
            vmin=0,
            vmax=darkest,
        )
        panel.yaxis.get_major_locator().set_params(integer=True)  # places are numbered
        panel.set(xlim=(-reach, reach), xlabel="input", title=moment)
        panel.invert_yaxis() if panel is lower.axes[0] else None
        _function_over(panel, found.expression, reach)
    lower.axes[0].set_ylabel("place, in the order of computation")
    return figure


def _function_over(axes: Axes, expression: str, reach: float, *, label: bool = False) -> None:
    """Draw the function over a panel, with an axis of its own."""
    x = np.linspace(-reach, reach, 801)
    with np.errstate(all="ignore"):
        value = read(expression).to_numpy()(x)
    beside = axes.twinx()
    beside.plot(x, np.where(np.isfinite(value), value, np.nan), color=RED, linewidth=1.4)
    beside.spines[["top", "left"]].set_visible(False)
    if label:
        beside.set_ylabel("f(input)", color=RED)
    else:
        beside.set_yticks([])
        beside.spines["right"].set_visible(False)
    beside.set_xlim(-reach, reach)


def _reach(counts: NDArray[np.int64]) -> float:
    """Return how far the axis goes each way, so that it shows :data:`SHOWN` of the inputs."""
    each = counts.sum(0)
    middle = len(EDGES) // 2
    folded = each[middle + 1 : -1] + each[middle:0:-1]
    enough = np.flatnonzero(np.cumsum(folded) >= SHOWN * max(1, each.sum()))
    last = int(enough[0]) + 1 if enough.size else middle
    return float(min(EDGES[-1], max(3.0, EDGES[middle + last])))
