"""Which functions are trained at ``full`` first, when there is not the time for all.

Four groups, one after the other: the baselines, without which nothing can be compared; the best of
the table; the named functions of the catalogue; and a stratified sample, which shows how a short
training ranks functions. Each begins with its best, by the table; the sample goes through its
strata in turns, so that every prefix has some of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from act_bench.files.manifest import AbsentDataError
from act_bench.functions.catalogue import CATALOGUE, read
from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import NotInSpaceError, entry_of, load_space
from act_bench.tables.catalogued.named import load_named
from act_bench.tables.loaders import load_table
from act_bench.tables.registry import TABLES, TableInfo
from regenerate.sweeps.sweep import Task, shuffled

TOP: Final = 30
STRATA: Final = 5
PER_STRATUM: Final = 12


def worklist(table: str, seeds: Sequence[int] = (0,)) -> list[Task]:
    """Return what to train, most useful first; each function once.

    Parameters
    ----------
    table
        Whose record says which functions are best. Without a record only baselines and named
        functions are listed, in the order in which they are defined.
    seeds
        Of each function.

    Examples
    --------
    >>> [task.expression for task in worklist("cnn")[:2]]
    ['add(zero(x),elu(x))', 'add(zero(x),selu(x))']
    >>> len(worklist("cnn")) > 100
    True
    """
    info, space = TABLES[table], load_space()
    scores = entry_scores(info)
    named = {str(each): entry_of(each) for each in CATALOGUE.values()}
    named_scores = _named_scores(info)

    def best_first(entries: Iterable[int]) -> list[int]:
        return sorted(entries, key=lambda entry: -scores.get(entry, info.worst_score))

    baselines = best_first(space.resolve(name).entry for name in BASELINES)
    chosen: dict[str, int | None] = {space.representatives[entry]: entry for entry in baselines}
    classes: dict[int, int] = {}  # of functions that are one, the first spelling
    for entry in best_first(scores):
        classes.setdefault(space.canonical_class[entry], entry)
    trains = [entry for entry in classes.values() if scores[entry] > info.trained_score]
    chosen |= {space.representatives[entry]: entry for entry in trains[:TOP]}
    outside = [text for text, entry in named.items() if entry is None]
    inside = best_first(entry for entry in named.values() if entry is not None)
    chosen |= {space.representatives[entry]: entry for entry in inside}
    chosen |= dict.fromkeys(sorted(outside, key=lambda text: -named_scores.get(text, -1e9)))
    for entry in _sample(trains):
        chosen.setdefault(space.representatives[entry], entry)
    return [Task(text, entry, tuple(seeds)) for text, entry in chosen.items()]


def from_file(path: Path, seeds: Sequence[int] = (0,)) -> list[Task]:
    """Return the functions of a file in its order, one per line; # begins a comment.

    Raises
    ------
    act_bench.functions.expression.ParseError
        If a line is no function.
    """
    space = load_space()
    chosen: dict[str, int | None] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        spelling = str(read(text))
        try:
            entry = space.resolve(spelling).entry
        except NotInSpaceError:
            chosen[spelling] = None
        else:
            chosen[space.representatives[entry]] = entry
    return [Task(text, entry, tuple(seeds)) for text, entry in chosen.items()]


def entry_scores(info: TableInfo) -> dict[int, float]:
    """Return what entries reach in the table, higher is better; those that diverged are not in."""
    try:
        rows = load_table(info.name, columns=["entry", info.metric], rate="own").drop_nulls()
    except AbsentDataError:
        return {}
    return {entry: info.score(value) for entry, value in rows.iter_rows()}


def _named_scores(info: TableInfo) -> dict[str, float]:
    """Return the best that functions of the catalogue reach at any rate of their table."""
    try:
        rows = load_named(info.name)
    except AbsentDataError:
        return {}
    best = rows.drop_nulls(info.metric).group_by("expression")
    column = pl.col(info.metric)
    found = best.agg(column.max() if info.higher_is_better else column.min())
    return {text: info.score(value) for text, value in found.iter_rows()}


def _sample(ranked: list[int]) -> list[int]:
    """Return entries of each stratum of a ranking in turns, chosen by the order of all sweeps."""
    space = load_space()
    size = -(-len(ranked) // STRATA) or 1
    strata = []
    for start in range(0, len(ranked), size):
        texts = shuffled(space.representatives[entry] for entry in ranked[start : start + size])
        strata.append([space.entry_of[text] for text in texts[:PER_STRATUM]])
    turns = range(max(map(len, strata), default=0))
    return [stratum[turn] for turn in turns for stratum in strata if turn < len(stratum)]
