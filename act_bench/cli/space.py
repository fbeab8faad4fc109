"""``act-bench space``: the large space of the paper, made and read on this machine."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from act_bench.cli._command import Group
from act_bench.cli._options import json_option

if TYPE_CHECKING:
    from act_bench.spaces.large import Variant

PAPER_UNIQUE = 425_896
"""Unique functions that the paper reports."""

variant_option = click.option(
    "--variant",
    type=click.Choice(["27", "31"]),
    default="27",
    show_default=True,
    help="Unary operators: those of the 2,913, or four more.",
)


@click.group(cls=Group)
def command() -> None:
    r"""Make and read the large space: 1,023,524 expressions and the functions that they are.

    \b
      act-bench space build                        once; 100 MB in your cache
      act-bench space show
      act-bench space neighbours "swish(x)"
    """


@command.command()
@variant_option
@click.option("--again", is_flag=True, help="Make it even if a whole one exists.")
@json_option
def build(variant: Variant, *, again: bool, as_json: bool) -> None:
    """Enumerate, evaluate and reduce the space, and keep it in your cache."""
    from act_bench.cli._progress import bar, working

    started = time.perf_counter()
    with working("load"):
        from builders.space import large as builder  # making a file is the builders' part
    with bar("large space") as progress:
        folder = builder.build(variant, again=again, progress=progress)
    with working("count"):
        document = {**_counts(variant), "folder": str(folder)}
    document["seconds"] = round(time.perf_counter() - started, 2)
    if as_json:
        click.echo(json.dumps(document))
        return
    _print_counts(document)
    click.echo(f"In {folder}; {document['seconds']} s.")


@command.command()
@variant_option
@json_option
def show(variant: Variant, *, as_json: bool) -> None:
    """Show how many expressions and functions there are, next to the paper's count."""
    _make_again_if_damaged(variant)
    document = _counts(variant)
    if as_json:
        click.echo(json.dumps(document))
    else:
        _print_counts(document)


@command.command()
@click.argument("expression")
@click.option(
    "--count",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="How many functions to show.",
)
@variant_option
@json_option
def neighbours(expression: str, count: int, variant: Variant, *, as_json: bool) -> None:
    """Show the functions of the space nearest to EXPRESSION by their outputs (Eq. 3)."""
    from act_bench.spaces import large as large_space

    _make_again_if_damaged(variant)
    found = large_space.neighbours(expression, count, variant)
    if as_json:
        click.echo(json.dumps({"expression": expression, "neighbours": found.to_dicts()}))
        return
    from act_bench.cli._console import console, listing

    numbers = ("distance", "spellings", "entry")
    click.echo(f"Nearest to {expression}")
    shown = listing("function", right=numbers)
    for row in found.to_dicts():
        shown.add_row(
            row["expression"],
            "equal on grid" if row["same"] else f"{row['distance']:.2g}",
            f"{row['expressions']:,}",
            "" if row["entry"] is None else str(row["entry"]),
        )
    console().print(shown)


def _make_again_if_damaged(variant: Variant) -> None:
    from act_bench.spaces import large as large_space

    try:
        for path in (large_space.expressions_file(variant), large_space.outputs_file(variant)):
            large_space.check(path)
    except large_space.DamagedSpaceError:
        from act_bench.cli._progress import bar
        from builders.space import large as builder

        with bar("large space") as progress:
            builder.build(variant, progress=progress)


def _counts(variant: Variant) -> dict[str, object]:
    import polars as pl

    from act_bench.spaces import large as large_space

    counts = (
        large_space.scan(variant)
        .select(
            expressions=pl.len(),
            classes=pl.col("class").max() + 1,
            float32_classes=pl.col("float32_class").max() + 1,
            entries=pl.col("entry").drop_nulls().n_unique(),
        )
        .collect()
    )
    finite = (
        large_space.scan_outputs(variant)
        .select(pl.col("outputs").arr.to_list().list.eval(pl.element().is_finite()).list.all())
        .sum()
        .collect()
        .item()
    )
    return {"variant": variant, **counts.to_dicts()[0], "finite": finite}


def _print_counts(document: dict[str, object]) -> None:
    paper = f"  (paper: {PAPER_UNIQUE:,})" if document["variant"] == "27" else ""
    click.echo(
        f"{document['expressions']:>9,} expressions\n"
        f"{document['float32_classes']:>9,} functions by float32 outputs, bit by bit{paper}\n"
        f"{document['classes']:>9,} functions by float64 values with error bounds\n"
        f"{document['finite']:>9,} of these are finite at the 80 points\n"
        f"{document['entries']:>9,} of these are functions of the 2,913 entries"
    )
