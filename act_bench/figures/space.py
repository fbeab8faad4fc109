"""The large space on a map, with the functions that were trained: like the poster's Figure 7.

The poster shows all 425,896 functions. UMAP of so many takes long on two cores, so a random
sample is drawn, with every function of the table among it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from act_bench.figures import FigureError
from act_bench.figures.style import SCALE
from act_bench.spaces.large import scan_outputs
from act_bench.spaces.paper import finite_outputs
from act_bench.tables.loaders import load_table
from act_bench.tables.registry import choose_fidelity, table_info

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from act_bench.figures import Request

SAMPLE: Final = 8_000
SEED: Final = 0
_GRAY: Final = "#c9c9c9"


def large_space(request: Request) -> Figure:
    """Draw a sample of the large space by outputs, the functions of a table colored by accuracy.

    Raises
    ------
    FigureError
        Several tables were given.
    act_bench.spaces.large.NotBuiltError
        The space was not made on this machine: ``act-bench space build``.
    """
    if len(request.tables) > 1:
        raise FigureError(
            f"the figure large-space is of one table, got {', '.join(request.tables)}"
        )
    table = request.tables[0] if request.tables else "mlp"
    rows = scan_outputs().select("class", "entry", "outputs").collect()
    known = rows["entry"].is_not_null().to_numpy()
    others = np.flatnonzero(~known)
    drawn = np.random.default_rng(SEED).choice(others, min(SAMPLE, len(others)), replace=False)
    rows = rows[np.sort(np.concatenate([np.flatnonzero(known), drawn])).tolist()]
    info, fidelity = table_info(table), choose_fidelity(table, request.fidelity, request.edition)
    columns = ["entry", info.metric]
    trained = load_table(table, edition=request.edition, fidelity=fidelity, columns=columns)
    rows = rows.join(trained.cast({"entry": pl.Int16}), on="entry", how="left")
    return draw(
        finite_outputs(rows["outputs"].to_numpy()),
        rows[info.metric].to_numpy() * (1 if info.higher_is_better else -1),
        f"{len(rows):,} of the large space by outputs; colored: trained in {table}",
        info.zero_scores.get(fidelity, info.worst_score),
        info.score_in_words,
    )


def draw(
    outputs: NDArray[np.float32],
    accuracy: NDArray[np.float64],
    title: str,
    chance: float,
    label: str = "validation accuracy",
) -> Figure:
    """Draw functions where UMAP puts them, those with an accuracy larger and colored.

    Parameters
    ----------
    outputs : ndarray, shape (functions, points)
        Finite.
    accuracy : ndarray, shape (functions,)
        Or another score, higher being better. NaN for a function that was not trained, or diverged.
    title : str
    chance : float
        Where the colors begin.
    label : str
        What the colors are.
    """
    from matplotlib.figure import Figure

    from surrogates.embeddings import umap_places
    from surrogates.features import Part

    places = umap_places([Part(outputs.astype(np.float64), "euclidean")])
    shown = np.isfinite(accuracy)
    figure = Figure(figsize=(7.2, 6.0), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(places[~shown, 0], places[~shown, 1], s=1.2, color=_GRAY, linewidths=0)
    # The best last, so that nothing hides it.
    order = np.flatnonzero(shown)[np.argsort(accuracy[shown], kind="stable")]
    points = axes.scatter(
        places[order, 0],
        places[order, 1],
        c=accuracy[order],
        s=9,
        cmap=SCALE,
        vmin=chance,
        linewidths=0,
    )
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    figure.colorbar(points, ax=axes, label=label, shrink=0.7)
    return figure
