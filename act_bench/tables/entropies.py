"""The stored entropies of the entries' outputs; ``docs/explanation/eafo.md`` defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from act_bench.files.manifest import ENTROPY_FILE, verified

if TYPE_CHECKING:
    import polars as pl


def load_entropies() -> pl.DataFrame:
    """Return the stored entropies of the 2,913 entries for the standard Gaussian.

    Returns
    -------
    polars.DataFrame
        ``entry``; ``entropy_nats``, null where the function is flat throughout; ``flat``, as in
        :class:`act_bench.functions.entropy.Entropy`. In entry order.

    Raises
    ------
    act_bench.files.manifest.DataError
        The file is missing or damaged.

    Examples
    --------
    >>> load_entropies().columns
    ['entry', 'entropy_nats', 'flat']
    """
    import polars as pl

    return pl.read_parquet(verified(ENTROPY_FILE))
