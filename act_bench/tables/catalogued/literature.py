"""What the papers report, to be set next to what was measured here.

The numbers are those of ``literature.parquet``: one row per printed result, with its source, table
and statistic; ``docs/reference/literature.md`` says how they were cleaned. Networks, data, budgets
and splits differ between papers and from ours, so compare within one table of one source first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from act_bench.files.manifest import LITERATURE_FILE, verified
from act_bench.functions.catalogue import CATALOGUE, read
from act_bench.functions.expression import Expression, parse
from act_bench.functions.named import NamedFunction

if TYPE_CHECKING:
    import polars as pl


def load_literature() -> pl.DataFrame:
    """Load all reported results: the columns of ``act_bench.tables.schema.LITERATURE_COLUMNS``.

    Raises
    ------
    DataError
        The file is missing or damaged.

    Examples
    --------
    >>> load_literature().height
    459
    """
    import polars as pl

    return pl.read_parquet(verified(LITERATURE_FILE))


def reported(function: str | Expression | NamedFunction) -> pl.DataFrame:
    """Return what the papers report for a function, however it is spelled.

    Parameters
    ----------
    function : str, Expression or NamedFunction
        An expression, or a name of the catalogue. An expression also finds the results of other
        spellings of the same function, inside the space or not.

    Returns
    -------
    polars.DataFrame
        Rows of :func:`load_literature` in their order; none if nobody reports the function.

    Raises
    ------
    ParseError
        The text is neither an expression nor a name.

    Examples
    --------
    >>> swish = reported("mul(x,sigmoid(x))")
    >>> swish.height, sorted(swish["printed"].unique())
    (40, ['SiLU', 'Swish', 'Swish-1'])
    >>> reported("mul(x,tanh(softplus(x)))")["function"].unique().to_list()
    ['mish']
    >>> reported("crrelu").height, reported("add(relu(x),tanh(x))").height
    (20, 0)
    """
    import polars as pl

    wanted = read(function) if isinstance(function, str) else function
    return load_literature().filter(pl.col("function").is_in(_same_functions(wanted)))


def _same_functions(function: Expression | NamedFunction) -> list[str]:
    """Return the names in the catalogue of what is the same function within rounding."""
    from act_bench.functions.equality import TOLERANCE, evaluate, separation
    from act_bench.spaces.paper import load_space

    if isinstance(function, NamedFunction):
        if function.expression is None:
            return [function.name]
        function = parse(function.expression)
    grid = load_space().grid
    asked = evaluate(function, grid)
    return [
        named.name
        for named in CATALOGUE.values()
        if named.expression is not None
        and separation(asked, evaluate(parse(named.expression), grid)) < TOLERANCE
    ]
