"""Which functions get more seeds, chosen from a finished sweep with the first seed.

Training everything three times costs three times as much, and most of it goes to functions that
nobody asks about. So the first seed is spent on all of them, and further ones on the best, on the
baselines, and on a random sample, which shows how far the first seed can be trusted elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import Space
from act_bench.tables.loaders import load_table
from act_bench.tables.registry import TableInfo
from act_bench.tables.runs import load_runs
from regenerate.runs import parts
from regenerate.sweeps.sweep import SweepError, SweepOptionError, Task, shuffled

FIRST_SEED = 0


@dataclass(frozen=True)
class Selection:
    """How many functions to choose of each kind; a function is chosen once.

    Parameters
    ----------
    best
        So many with the highest score of the first seed, by the metric of the table; of equals
        those that come first in the order of all sweeps. A diverged run is no candidate.
    baselines
        Whether to take the baselines of ``act_bench.functions.operators``.
    random
        So many others, whatever they reached: the first ones in the order of all sweeps, which is
        by hashes and so a fair sample.

    Examples
    --------
    >>> Selection.parse("best:300,baselines,random:100")
    Selection(best=300, baselines=True, random=100)
    """

    best: int = 0
    baselines: bool = False
    random: int = 0

    @classmethod
    def parse(cls, text: str) -> Selection:
        """Read ``best:300,baselines,random:100``, or some of the three.

        Raises
        ------
        SweepOptionError
            If the text is anything else.
        """
        found: dict[str, int] = {}
        for item in text.split(","):
            name, _, count = item.strip().partition(":")
            numbered = name in ("best", "random") and count.isdecimal() and int(count) > 0
            if name in found or not (numbered or item.strip() == "baselines"):
                raise SweepOptionError(
                    "expected some of best:N, baselines and random:N, each once, such as "
                    f"best:300,baselines,random:100; got {text!r}"
                )
            found[name] = int(count or 1)
        return cls(found.get("best", 0), "baselines" in found, found.get("random", 0))

    def choose(self, space: Space, reached: Mapping[str, float | None]) -> dict[str, int]:
        """Return the functions, spelling to entry.

        Parameters
        ----------
        space
            Its entries are the candidates.
        reached
            What each reached with the first seed, higher is better and None diverged: from
            `first_seed` or `tuned`.

        Raises
        ------
        SweepError
            If an entry has no run with the first seed.
        """
        order = shuffled(space.representatives)
        missing = [text for text in order if text not in reached]
        if missing:
            raise SweepError(
                f"{len(missing):,} of {len(order):,} entries have no run with seed {FIRST_SEED}, "
                f"the first is {missing[0]}; sweep all of them with --seeds 1 first"
            )
        finite = [text for text in order if reached[text] is not None]
        chosen = sorted(finite, key=lambda text: -(reached[text] or 0.0))[: self.best]
        if self.baselines:
            entries = [space.resolve(name).entry for name in BASELINES]
            chosen += [space.representatives[entry] for entry in entries]
        chosen += _others(order, chosen)[: self.random]
        return {text: space.entry_of[text] for text in dict.fromkeys(chosen)}


def first_seed(folder: Path, info: TableInfo) -> dict[str, float | None]:
    """Return the score of every function with the first seed in a sweep's folder.

    Only runs with the first seed count, so a choice stays the same when runs with other seeds are
    added to the folder.

    Parameters
    ----------
    folder
        The sweep's own, with its parts.
    info
        The table, whose metric says what the score is.

    Returns
    -------
    dict of str to float or None
        None for diverged.

    Raises
    ------
    regenerate.runs.parts.PartError
        If a part is damaged.
    """
    columns = ["expression", "seed", info.metric]
    return {
        row["expression"]: None if row[info.metric] is None else info.score(row[info.metric])
        for part in parts.read(folder)
        for row in part.table.select(columns).to_pylist()
        if row["seed"] == FIRST_SEED
    }


class Tuned(NamedTuple):
    """A table when tuned, as a choice of fresh seeds needs it.

    Attributes
    ----------
    reached
        Function to its score with the first seed at the rate that suits it; None diverged.
    rate
        Function to that rate; None where it diverged at every rate.
    """

    reached: dict[str, float | None]
    rate: dict[str, float | None]


def tuned(info: TableInfo) -> Tuned:
    """Return what the embedded tuned table says of every function.

    Raises
    ------
    act_bench.files.manifest.DataError
        If the table has none.
    """
    columns = ["expression", info.metric, "learning_rate"]
    rows = load_table(info.name, rate="tuned", columns=columns).rows()
    return Tuned(
        {text: None if value is None else info.score(value) for text, value, _ in rows},
        {text: rate for text, _, rate in rows},
    )


def without_recorded(tasks: Iterable[Task], info: TableInfo, rate: float) -> list[Task]:
    """Return tasks without the seeds that are embedded at a rate; those with none left are gone."""
    runs = load_runs(info.name, info.default_fidelity, ["expression", "seed"], rate=rate)
    recorded = set(runs.rows())
    left = [
        task._replace(
            seeds=tuple(seed for seed in task.seeds if (task.expression, seed) not in recorded)
        )
        for task in tasks
    ]
    return [task for task in left if task.seeds]


def _others(order: Iterable[str], chosen: Iterable[str]) -> list[str]:
    taken = set(chosen)
    return [text for text in order if text not in taken]
