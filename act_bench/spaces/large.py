"""The large space of the paper: 1,023,524 expressions of up to four operators, and their classes.

Bingham and Miikkulainen (NeurIPS 2023, arXiv 2301.05785) search a second space, of five schemas
over the same operators as the 2,913 functions, and report 425,896 unique functions in it:

========================================  =========
``unary(unary(unary(unary(x))))``           531,441
``unary(binary(unary(x),unary(x)))``        137,781
``binary(unary(unary(x)),unary(x))``        137,781
``binary(unary(x),unary(unary(x)))``        137,781
``nary(unary(x),unary(x),unary(x))``         78,732
baselines                                         8
========================================  =========

It is made on the user's machine and kept as Parquet in the user's cache
(:func:`act_bench.files.cache.cache_folder`); nothing of it is embedded. How classes are decided and
what is proven stands in ``docs/explanation/large_space.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from act_bench.errors import ActBenchError, ArgumentError, ExitCode
from act_bench.files.cache import cache_folder
from act_bench.files.sealed import SealError, is_sealed
from act_bench.functions.expression import Expression, parse
from act_bench.functions.named import NamedFunction
from act_bench.functions.operators import BASELINES, BINARY, NARY, SPACE_UNARY, UNARY

if TYPE_CHECKING:
    import polars as pl

Variant = Literal["27", "31"]

VARIANTS: Final[dict[str, tuple[str, ...]]] = {"27": SPACE_UNARY, "31": UNARY}
"""Variant -> its unary operators; the one with 31 is that of the paper's CoAtNet experiment."""

SIZES: Final = {"27": 1_023_524, "31": 1_668_296}
"""Variant -> number of expressions. The 31-operator table counts no baselines: they are in it."""

IDENTITY: Final = "identity"


class NotBuiltError(ActBenchError, FileNotFoundError):
    """The large space has not been made on this machine; its text says how to make it."""

    exit_code = ExitCode.DATA


class DamagedSpaceError(NotBuiltError):
    """A file of the large space is damaged; its text names it and says how to make it again."""


def enumerate_large(variant: Variant = "27", *, short: bool = False) -> list[str]:
    """Return the expressions in order: schema by schema, the last operator changing fastest.

    Parameters
    ----------
    variant : {"27", "31"}
        How many unary operators.
    short : bool
        Whether to leave ``identity`` out: ``abs(x)`` for ``identity(identity(abs(identity(x))))``.
        The spellings are those of the same functions, in the same order, and repeat.

    Examples
    --------
    >>> names = enumerate_large()
    >>> len(names), names[0], names[-9]
    (1023524, 'zero(zero(zero(zero(x))))', 'min_n(hard_sigmoid(x),hard_sigmoid(x),hard_sigmoid(x))')
    >>> enumerate_large(short=True)[531_441 + 2 * 5_103 + 1]  # identity(add(zero(x),one(x)))
    'add(zero(x),one(x))'
    """
    names = VARIANTS[_checked(variant)]

    def unary(arguments: Iterable[str]) -> Iterator[str]:
        arguments = list(arguments)
        for name in names:
            if short and name == IDENTITY:
                yield from arguments
            else:
                yield from [f"{name}({argument})" for argument in arguments]

    one = list(unary(["x"]))
    two = list(unary(one))

    def binary(left: list[str], right: list[str]) -> Iterator[str]:
        for name in BINARY:
            for u in left:
                yield from [f"{name}({u},{v})" for v in right]

    found = list(unary(unary(two)))
    found += unary(binary(one, one))
    found += binary(two, one)
    found += binary(one, two)
    found += [f"{n}({u},{v},{w})" for n in NARY for u in one for v in one for w in one]
    return found + list(BASELINES if variant == "27" else ())


def expressions_file(variant: Variant = "27") -> Path:
    """Return where the expressions of a variant are kept, made or not."""
    return cache_folder() / f"large-space-{_checked(variant)}.parquet"


def outputs_file(variant: Variant = "27") -> Path:
    """Return where the classes of a variant are kept with their outputs, made or not."""
    return cache_folder() / f"large-space-{_checked(variant)}-outputs.parquet"


def scan(variant: Variant = "27") -> pl.LazyFrame:
    """Return the expressions, one row each in the order of :func:`enumerate_large`, read lazily.

    Returns
    -------
    polars.LazyFrame
        ``expression`` (str); ``class`` (uint32), the function it is; ``float32_class`` (uint32),
        the same by the paper's rule, float32 outputs; ``entry`` (int16), the lowest of the 2,913
        that is this function, or null.

    Raises
    ------
    NotBuiltError
        It has not been made, or is damaged: ``act-bench space build``.
    """
    return _scan(expressions_file(variant))


def scan_outputs(variant: Variant = "27") -> pl.LazyFrame:
    """Return the functions, one row per class in the order of ``class``, read lazily.

    Returns
    -------
    polars.LazyFrame
        ``class`` (uint32); ``expression`` (str), the simplest spelling, without ``identity``;
        ``expressions`` (uint32), how many of the space are this function; ``entry`` (int16 or
        null) as in :func:`scan`; ``outputs`` (80 float32), at the points of
        ``act_bench.spaces.paper.load_space().points``, infinities and NaN kept.

    Raises
    ------
    NotBuiltError
        It has not been made, or is damaged: ``act-bench space build``.
    """
    return _scan(outputs_file(variant))


def neighbours(
    expression: str | Expression | NamedFunction, count: int = 10, variant: Variant = "27"
) -> pl.DataFrame:
    """Return the functions nearest to an expression, nearest first.

    Distances are those of Eq. 3 of the poster: Euclidean over the outputs at the 80 points, divided
    by the root of their number, values clipped to ±10 and NaN taken as 0. Outputs are float32, so
    two different functions may be at distance 0; ``same`` decides in float64, with error bounds, at
    the points of the grid of the 2,913 functions. Functions that differ between these points, or
    beyond them, count as the same; that 40 digits prove it of the 2,913 says nothing of these.

    Parameters
    ----------
    expression : str or Expression or NamedFunction
        Any, in the space or not; or the name of a function of the catalogue.
    count : int
        How many functions.
    variant : {"27", "31"}

    Returns
    -------
    polars.DataFrame
        ``distance`` (float64), ``same`` (bool, whether it equals what was asked for on the grid),
        ``class``, ``expression``, ``expressions``, ``entry`` as in :func:`scan_outputs`.

    Raises
    ------
    NotBuiltError
        The space has not been made: ``act-bench space build``.
    ParseError
        The text is no expression, and no name.
    """
    import numpy as np
    import polars as pl

    from act_bench.functions.catalogue import read
    from act_bench.functions.equality import TOLERANCE, Scaled, evaluate, separation
    from act_bench.spaces.distances import output_vectors, to_one
    from act_bench.spaces.paper import finite_outputs, load_space

    asked = read(expression) if isinstance(expression, str) else expression
    space = load_space()
    wanted = output_vectors(finite_outputs(asked.to_numpy()(space.points)))
    outputs = scan_outputs(variant).select("outputs").collect()["outputs"].to_numpy()
    distances = to_one(output_vectors(finite_outputs(outputs)), wanted)
    # The class number breaks ties, so that the answer is one.
    nearest = np.lexsort((np.arange(len(distances)), distances))[:count]
    found = (
        scan_outputs(variant)
        .filter(pl.col("class").is_in(nearest.tolist()))
        .select("class", "expression", "expressions", "entry")
        .collect()
    )
    # A function without a word in the notation is none of the space, whatever its values.
    value = None if isinstance(asked, NamedFunction) else evaluate(asked, space.grid)

    def same(text: str) -> bool:
        if value is None:
            return False
        known = evaluate(parse(text), space.grid)
        finite = np.isfinite(known.scale) & np.isfinite(value.scale)
        one, other = (Scaled(v.value[finite], v.scale[finite]) for v in (known, value))
        return bool(finite.any() and separation(one, other) < TOLERANCE)

    ranks = pl.DataFrame({"class": nearest.astype(np.uint32), "distance": distances[nearest]})
    return ranks.join(found, on="class", how="left", maintain_order="left").select(
        "distance",
        pl.col("expression").map_elements(same, return_dtype=pl.Boolean).alias("same"),
        "class",
        "expression",
        "expressions",
        "entry",
    )


def check(path: Path) -> None:
    """Check a file of the large space against the SHA-256 that it carries.

    Raises
    ------
    NotBuiltError
        It has not been made, or it is damaged.
    """
    try:
        about = path.stat()
        _check(path, about.st_mtime_ns, about.st_size, about.st_ino)
    except FileNotFoundError:
        raise NotBuiltError(
            f"the large space is not in {path.parent}: make it with `act-bench space build` or "
            f"builders.space.large.build()"
        ) from None
    except (SealError, OSError) as error:
        raise DamagedSpaceError(
            f"{path} is damaged ({error}): make it again with `act-bench space build` or "
            "builders.space.large.build()"
        ) from error


@lru_cache(maxsize=8)
def _check(path: Path, *_changes: int) -> None:
    """Check a file once, and again when it has changed; of older versions, that it is whole."""
    if not is_sealed(path.read_bytes()):
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            pq.read_metadata(path)
        except (pa.ArrowException, ValueError) as error:
            raise SealError(f"it is no whole Parquet file: {error}") from error


def _scan(path: Path) -> pl.LazyFrame:
    import polars as pl

    check(path)
    return pl.scan_parquet(path)


def _checked(variant: str) -> str:
    if variant not in VARIANTS:
        raise ArgumentError(f"expected a variant of {', '.join(VARIANTS)}, got {variant!r}")
    return variant
