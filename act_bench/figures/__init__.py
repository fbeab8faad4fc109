"""Figures by name: what ``act-bench plot`` draws.

A figure is a function of a :class:`Request` that returns a matplotlib figure. :data:`FIGURES` names
it, and its module is imported when it is drawn, so that it may need what others do not. To add one,
write the function anywhere and give it a line there. They need matplotlib
(``pip install 'act-bench[plots]'``).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from act_bench.errors import ActBenchError, ExitCode, needs_extra
from act_bench.tables.schema import one_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Request(NamedTuple):
    """What to draw.

    Attributes
    ----------
    tables
        Names of tables, in the order of the panels; empty: all that have what the figure needs.
    edition
        ``regenerated`` or ``upstream``.
    fidelity
        Of the tables; None: the default of each.
    results
        A folder that ``act-bench simulate`` or ``evaluate-surrogates`` wrote.
    data_dir
        A folder with images, for figures that need a network's batch.
    expression
        A function, for figures that are of one.
    model, data
        A network of one's own in place of a table, and its data: addresses of functions, as
        ``act-bench search`` takes them.
    """

    tables: tuple[str, ...] = ()
    edition: str = "regenerated"
    fidelity: str | None = None
    results: Path | None = None
    data_dir: Path | None = None
    expression: str | None = None
    model: str | None = None
    data: str | None = None


class FigureSpec(NamedTuple):
    """A figure.

    Attributes
    ----------
    where
        ``module:function`` that draws it.
    about
        What it shows, in a few words.
    takes
        What it uses of a request. Anything else that is given is refused, not ignored.
    """

    where: str
    about: str
    takes: tuple[str, ...] = Request._fields


_OF_TABLES: Final = ("tables", "edition", "fidelity")
_OF_RESULTS: Final = ("results",)


FIGURES: Final[dict[str, FigureSpec]] = {
    "known": FigureSpec(
        "act_bench.figures.known:known_functions",
        "what well-known functions reach on every table, with intervals, and the best of the space",
        _OF_TABLES,
    ),
    "accuracies": FigureSpec(
        "act_bench.figures.tables:accuracies",
        "histogram of what functions reach on validation, a panel per table (poster, Figure 1)",
        _OF_TABLES,
    ),
    "scatter": FigureSpec(
        "act_bench.figures.tables:scatter",
        "what functions reach in two tables, against each other (poster, Figure 2)",
        _OF_TABLES,
    ),
    "functions": FigureSpec(
        "act_bench.figures.maps:functions",
        "the map by outputs with named functions and what lies between (poster, Figure 3)",
        (),
    ),
    "maps": FigureSpec(
        "act_bench.figures.maps:maps",
        "maps by outputs, spectra and both, colored by score (poster, Figure 4)",
        _OF_TABLES,
    ),
    "large-space": FigureSpec(
        "act_bench.figures.space:large_space",
        "a sample of the large space by outputs, trained functions colored (poster, Figure 7); "
        "needs act-bench space build",
        _OF_TABLES,
    ),
    "spectra": FigureSpec(
        "act_bench.figures.spectra:spectra",
        "Fisher spectra of functions and their negatives (poster, Figure 5); needs PyTorch",
        ("tables", "data_dir"),
    ),
    "inputs": FigureSpec(
        "act_bench.figures.inputs:inputs",
        "what enters EXPRESSION in a network before and after training (poster, Figure 11); "
        "trains where that is not embedded",
        ("tables", "fidelity", "data_dir", "expression", "model", "data"),
    ),
    "regret": FigureSpec(
        "act_bench.figures.searches:regret",
        "regret of simulated searches against evaluations; needs --results",
        _OF_RESULTS,
    ),
    "regret-time": FigureSpec(
        "act_bench.figures.searches:regret_time",
        "the same against simulated time; needs --results",
        _OF_RESULTS,
    ),
    "finals": FigureSpec(
        "act_bench.figures.searches:finals",
        "distribution of regret at the end of each search; needs --results",
        _OF_RESULTS,
    ),
    "significance": FigureSpec(
        "act_bench.figures.searches:significance",
        "which optimizers differ, corrected for the number of pairs; needs --results",
        _OF_RESULTS,
    ),
    "surrogates": FigureSpec(
        "act_bench.figures.surrogates:surrogates",
        "how well models rank functions by each feature; needs --results",
        _OF_RESULTS,
    ),
}
"""Name -> figure."""


def draw(name: str, request: Request) -> Figure:
    """Draw a figure.

    Parameters
    ----------
    name
        A key of :data:`FIGURES`.
    request
        What to draw it of.

    Raises
    ------
    UnknownNameError
        There is no such figure or table.
    FigureError
        The request lacks something that the figure needs, or has something that it does not use.
    DataError
        A table has no data here.
    act_bench.errors.MissingExtraError
        Matplotlib is not installed, or PyTorch, which spectra need.
    """
    spec = FIGURES[one_of("figure", name, FIGURES)]
    defaults = Request()._asdict()
    given = [
        field for field, value in request._asdict().items() if value and value != defaults[field]
    ]
    if extra := [field for field in given if field not in spec.takes]:
        raise FigureError(
            f"the figure {name} has no use for {', '.join(extra)}: expected nothing but "
            f"{', '.join(spec.takes) or 'its name'}"
        )
    module, function = spec.where.split(":")
    with needs_extra(f"the figure {name}"):
        make: Callable[[Request], Figure] = getattr(import_module(module), function)
        return make(request)


class FigureError(ActBenchError, ValueError):
    """A figure needs something that was not given; the message says what, and where it is."""

    exit_code = ExitCode.USAGE
