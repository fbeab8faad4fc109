"""Make the large space: 1,023,524 expressions, reduced to functions, as Parquet in the cache.

Equal arguments give equal functions. So the space is made layer by layer, ``u(x)``, ``u(u(x))``,
``u(u(u(x)))`` and ``b(u(x),u(x))``, and after each layer one node stands for all expressions of a
class; of 1,023,524 expressions about half remain to be evaluated. The same is done twice: with
classes of exact arithmetic, decided in float64 with error bounds, and with the paper's rule,
float32 outputs that are equal bit by bit. See ``docs/explanation/large_space.md``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from act_bench.files import sealed
from act_bench.files.cache import cache_folder, warn_damaged
from act_bench.functions.operators import BASELINES, BINARY
from act_bench.spaces.large import (
    IDENTITY,
    VARIANTS,
    DamagedSpaceError,
    NotBuiltError,
    Variant,
    check,
    enumerate_large,
    expressions_file,
    outputs_file,
)
from act_bench.spaces.paper import load_space
from builders.embedded import BuildError
from builders.space.classes import Labels, in_order
from builders.space.reduction import (
    Progress,
    Reduced,
    exact_partition,
    float32_partition,
    reduce_space,
)

_OUTPUT_ROWS: Final = 1 << 16
_SHARES: Final = {"float32": 0.1, "exact": 0.85, "expressions": 0.9}
"""Stage -> about the share of the time that has passed when it ends."""


def build(
    variant: Variant = "27", *, again: bool = False, progress: Progress | None = None
) -> Path:
    """Make the large space in the user's cache, unless it is there and whole.

    A damaged file is made again, with a UserWarning.
    Takes half a minute of processor time on two cores; needs polars, NumPy and SciPy.

    Parameters
    ----------
    variant : {"27", "31"}
        How many unary operators.
    again : bool
        Whether to make it although it is there.
    progress : callable, optional
        Told the share that is done.

    Returns
    -------
    Path
        The folder with both files.
    """
    if again or not _is_whole(variant):
        write(variant, progress)
    return cache_folder()


def _is_whole(variant: Variant) -> bool:
    for path in (expressions_file(variant), outputs_file(variant)):
        try:
            check(path)
        except DamagedSpaceError as error:
            warn_damaged(path, error.__cause__)
            return False
        except NotBuiltError:
            return False
    return True


def write(variant: Variant = "27", progress: Progress | None = None) -> dict[str, int]:
    """Make both files of a variant in the user's cache.

    Returns
    -------
    dict
        Counts: ``expressions``, ``classes`` (exact arithmetic), ``float32_classes`` (the paper's
        rule) and ``evaluated`` (expressions left after those with equal arguments were joined).
    """
    tell = progress or (lambda _: None)
    unary, baselines = VARIANTS[variant], BASELINES if variant == "27" else ()
    unsigned = partial(float32_partition, signed=False)
    float32 = reduce_space(
        unary, float32_partition, unsigned, commute=False, baselines=baselines
    ).labels
    tell(_SHARES["float32"])
    begun, ended = _SHARES["float32"], _SHARES["exact"]
    last = partial(exact_partition, progress=lambda done: tell(begun + done * (ended - begun)))
    exact = reduce_space(unary, exact_partition, last, commute=True, baselines=baselines)
    tell(_SHARES["exact"])
    expressions_file(variant).parent.mkdir(parents=True, exist_ok=True)
    entry = class_entries(exact.labels, variant)
    frame = pl.DataFrame(
        {
            "expression": enumerate_large(variant),
            "class": exact.labels.astype(np.uint32),
            "float32_class": float32.astype(np.uint32),
        }
    ).join(entry, on="class", how="left", maintain_order="left")
    sealed.write(expressions_file(variant), frame.to_arrow())
    tell(_SHARES["expressions"])
    functions = (
        _functions(exact, variant)
        .join(entry, on="class", how="left", maintain_order="left")
        .select("class", "expression", "expressions", "entry", "outputs")
    )
    sealed.write(outputs_file(variant), functions.to_arrow())
    tell(1.0)
    return {
        "expressions": frame.height,
        "classes": functions.height,
        "float32_classes": int(float32.max()) + 1,
        "evaluated": len(exact.first),
    }


def class_entries(labels: Labels, variant: Variant) -> pl.DataFrame:
    """Return the lowest entry of each class that is one of the 2,913, as ``class`` and ``entry``.

    Raises
    ------
    BuildError
        The classes do not agree with the canonical classes of the embedded space.
    """
    space, unary = load_space(), VARIANTS[variant]
    count = len(unary)
    # identity(b(u(x),v(x))) is in the second schema.
    operator, left, right = np.meshgrid(
        np.arange(len(BINARY)), np.arange(27), np.arange(27), indexing="ij"
    )
    pair = ((operator * count + left) * count + right).ravel()
    start = count**4 + unary.index(IDENTITY) * len(BINARY) * count**2
    found = labels[start + pair]
    entries = np.array([space.entry_of[name] for name in space.expressions])
    canonical = np.array(space.canonical_class)[entries]
    if not np.array_equal(in_order(found), canonical):
        raise BuildError(
            f"expected the {len(set(space.canonical_class)):,} canonical classes of the space "
            f"among those of the large one, got {len(np.unique(found)):,} or another partition"
        )
    return (
        pl.DataFrame({"class": found.astype(np.uint32), "entry": entries.astype(np.int16)})
        .group_by("class")
        .agg(pl.col("entry").min())
    )


def _functions(reduced: Reduced, variant: Variant) -> pl.DataFrame:
    """Return one row per class: its simplest spelling, how many spellings, and the outputs."""
    spelled = pl.DataFrame(
        {
            "expression": enumerate_large(variant, short=True),
            "class": reduced.labels.astype(np.uint32),
        }
    )
    simplest = (
        spelled.with_row_index("row")
        .with_columns(
            operators=pl.col("expression").str.count_matches("(", literal=True),
            length=pl.col("expression").str.len_bytes(),
        )
        .sort("class", "operators", "length", "row")
        .group_by("class", maintain_order=True)
        .agg(pl.col("expression").first(), expressions=pl.len())
    )
    # The first row of each class stands for it; it was evaluated, as it came first.
    stand = np.unique(reduced.labels[reduced.first], return_index=True)[1]
    points = load_space().points
    outputs = np.empty((len(stand), len(points)), np.float32)
    for start in range(0, len(stand), _OUTPUT_ROWS):
        rows = reduced.rows.take(stand[start : start + _OUTPUT_ROWS])
        with np.errstate(over="ignore"):
            outputs[start : start + _OUTPUT_ROWS] = reduced.layers.plain(rows, points)
    array = pl.Series("outputs", outputs, dtype=pl.Array(pl.Float32, len(points)))
    return simplest.with_columns(array)
