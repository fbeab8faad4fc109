"""``act-bench cache``: what decoded images take on this machine, and clearing them away."""

from __future__ import annotations

import json

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option


@click.command(cls=Command)
@click.option("--clear", "clearing", is_flag=True, help="Remove all decoded images.")
@json_option
def command(*, clearing: bool, as_json: bool) -> None:
    r"""List the decoded images stored to start trainings faster.

    \b
      act-bench cache
      act-bench cache --clear

    They are made again, from the files that they came from, when they are needed; clearing them
    costs time only. The environment variable ACT_BENCH_CACHE_GB says how many gigabytes they may
    take (4 if it is not set); the least recently used make room. ACT_BENCH_CACHE is the folder.
    """
    from act_bench.files import cache

    limit = cache.limit()
    there = cache.decoded()
    freed = cache.clear(there) if clearing else 0
    kept = cache.decoded() if clearing else there
    if as_json:
        decoded = [{"folder": str(each.folder), "bytes": each.size} for each in kept]
        document = {"limit": limit, "decoded": decoded, "freed": freed}
        click.echo(json.dumps(document))
        return
    for each in kept:
        click.echo(f"{each.size / 1e6:9,.1f} MB  {each.folder}")
    total = sum(each.size for each in kept)
    click.echo(f"{total / 1e6:9,.1f} MB of at most {limit / 1e6:,.0f} MB")
    if clearing:
        click.echo(f"{freed / 1e6:,.1f} MB freed")
