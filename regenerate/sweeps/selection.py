"""Which functions get more seeds, chosen from a finished sweep with the first seed.

Training everything three times costs three times as much, and most of it goes to functions that
nobody asks about. So the first seed is spent on all of them, and further ones on the best, on the
baselines, and on a random sample, which shows how far the first seed can be trusted elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import Space
from act_bench.tables.registry import TABLES, TableInfo
from regenerate.runs import parts
from regenerate.sweeps.sweep import SweepError, SweepOptionError, shuffled

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

    def choose(self, space: Space, folder: Path, info: TableInfo = TABLES["mlp"]) -> dict[str, int]:
        """Return the functions, spelling to entry, from the runs in the folder of a sweep.

        Only runs with the first seed count, so the choice stays the same when runs with other
        seeds are added to the folder.

        Parameters
        ----------
        space
            Its entries are the candidates.
        folder
            The sweep's own, with its parts.
        info
            The table, whose metric says which are best. Default: by validation accuracy.

        Raises
        ------
        SweepError
            If an entry has no run with the first seed.
        regenerate.runs.parts.PartError
            If a part is damaged.
        """
        reached = _first_seed(folder, info)
        order = shuffled(space.representatives)
        missing = [text for text in order if text not in reached]
        if missing:
            raise SweepError(
                f"{folder}: {len(missing):,} of {len(order):,} entries have no run with seed "
                f"{FIRST_SEED}, the first is {missing[0]}; sweep all of them with --seeds 1 first"
            )
        finite = [text for text in order if reached[text] is not None]
        chosen = sorted(finite, key=lambda text: -(reached[text] or 0.0))[: self.best]
        if self.baselines:
            entries = [space.resolve(name).entry for name in BASELINES]
            chosen += [space.representatives[entry] for entry in entries]
        chosen += _others(order, chosen)[: self.random]
        return {text: space.entry_of[text] for text in dict.fromkeys(chosen)}


def _first_seed(folder: Path, info: TableInfo) -> dict[str, float | None]:
    """Return the score of every function with the first seed; None for diverged."""
    columns = ["expression", "seed", info.metric]
    return {
        row["expression"]: None if row[info.metric] is None else info.score(row[info.metric])
        for part in parts.read(folder)
        for row in part.table.select(columns).to_pylist()
        if row["seed"] == FIRST_SEED
    }


def _others(order: Iterable[str], chosen: Iterable[str]) -> list[str]:
    taken = set(chosen)
    return [text for text in order if text not in taken]
