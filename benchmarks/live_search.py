"""What a live search spends besides training: processor seconds of its parts, and memory.

    act-bench space build
    python -m benchmarks.live_search mlp

For the search beyond a table (``--space large``): reading the space, and the first and later
suggestions of ``transfer``, which predict all functions and the short list.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from act_bench.search.events import Result
from benchmarks.budget import Figure, report
from surrogates.live.large import LargeSearchSpace, LargeSpace, open_large_space
from surrogates.live.transfer import Transfer

Made = TypeVar("Made")


@click.command()
@click.argument("table", default="mlp")
@click.option("--fidelity", default="full", show_default=True)
def main(table: str, fidelity: str) -> None:
    """Print Markdown."""
    click.echo("| part | processor seconds |\n|---|---:|")
    large: LargeSpace = timed("read the large space", open_large_space)
    with tempfile.TemporaryDirectory() as folder:

        def known() -> LargeSearchSpace:
            return large.search_space(table, fidelity, Path(folder))

        space = timed("make the search space", known)
        optimizer = Transfer(space, seed=0)
        first = timed(f"first suggestion, over {len(space):,} functions", optimizer.ask)
        position = space.find(first)
        assert position is not None  # noqa: S101  (it was just suggested)
        optimizer.tell(
            Result(
                outcome="ok",
                validation_accuracy=0.5,
                cost_s=1.0,
                entry=position,
                how_resolved="exact",
                score=0.5,
                repeated=False,
            )
        )
        timed("a later suggestion, over the short list", optimizer.ask)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    click.echo(f"\npeak memory {peak:.1f} GiB; the first suggestion is {first}")


def timed(what: str, make: Callable[[], Made]) -> Made:
    """Print what a part takes, and return what it makes."""
    start = time.process_time()
    made = make()
    seconds = time.process_time() - start
    click.echo(f"| {what} | {seconds:.1f} |")
    report([Figure(f"large space: {what}", seconds, "s")])
    return made


if __name__ == "__main__":
    main()
