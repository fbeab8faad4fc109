"""A table beside the others: which functions train in both, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from act_bench.spaces.paper import load_space
from act_bench.tables.files import embedded_fidelities
from act_bench.tables.loaders import load_table
from act_bench.tables.registry import TABLES, TableInfo
from surrogates.significance import spearman

BEST = 100
"""How many of the best of one table are looked for in another."""

ALL_ROUND = 5
"""How many of the functions that do well in every table are printed."""

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Measured(NamedTuple):
    """One table at one fidelity.

    Attributes
    ----------
    info, fidelity
        Which.
    score
        (entries,) the metric, a loss negated; NaN for what diverged or is missing.
    present
        (entries,) which are not missing.
    """

    info: TableInfo
    fidelity: str
    score: Scores
    present: Mask

    @property
    def name(self) -> str:
        """Table and fidelity."""
        return f"{self.info.name}-{self.fidelity}"

    @property
    def trains(self) -> Mask:
        """Entries that train."""
        return self.score > self.info.trained_score_at(self.fidelity)

    @property
    def stuck_in_words(self) -> str:
        """What entries are called that did not diverge and do not train."""
        return stuck_in_words(self.info, self.fidelity)


def stuck_in_words(info: TableInfo, fidelity: str) -> str:
    """Return what functions of a table are called that did not diverge and do not train.

    Examples
    --------
    >>> stuck_in_words(TABLES["cnn"], "proxy"), stuck_in_words(TABLES["gpt"], "proxy")
    ('at chance', 'above the floor')
    """
    return "above the floor" if fidelity in info.zero_scores else "at chance"


def measured(table: str, fidelity: str) -> Measured:
    """Return what is embedded of a table.

    Examples
    --------
    >>> int(measured("mlp", "full").trains.sum()) > 1000
    True
    """
    info = TABLES[table]
    entries = load_table(table, fidelity=fidelity, columns=["outcome", info.metric])
    score = entries[info.metric].to_numpy() * info.score(1.0)
    return Measured(info, fidelity, score, (entries["outcome"] != "missing").to_numpy())


def other_tables(table: str, fidelity: str) -> Iterator[Measured]:
    """Yield every embedded table and fidelity but one."""
    for name in TABLES:
        for each in embedded_fidelities(name):
            if (name, each) != (table, fidelity):
                yield measured(name, each)


def print_agreement_with(ours: Measured, others: Sequence[Measured]) -> None:
    """Print the rank correlation with other tables, and where they disagree."""
    if not others:
        return
    print(
        "\n| table | entries in both | trains in both or neither | Spearman, trains in both ",
        end="",
    )
    print("| of entries |\n|---|---|---|---|---|")
    for other in others:
        both = ours.present & other.present
        same = (other.trains == ours.trains)[both].mean()
        shared = both & other.trains & ours.trains
        found = spearman(ours.score[shared], other.score[shared])
        print(f"| `{other.name}` | {both.sum():,} | {same:.1%} | {found:.3f} | {shared.sum():,} |")
    print_specialists(
        ours,
        [
            each._replace(score=np.where(ours.present & each.present, each.score, np.nan))
            for each in others
        ],
    )


def print_specialists(ours: Measured, theirs: Sequence[Measured]) -> None:
    """Print how the best and the failures of each table do in the other."""
    score = ours.score
    stuck = np.isfinite(score) & ~ours.trains
    print(f"\n| table | of its best {BEST}: in the best {BEST} here | fail here ", end="")
    kind = ours.stuck_in_words
    print(f"| of the {stuck.sum():,} {kind} here: train there | their median there |")
    print("|---|---|---|---|---|")
    best_here = np.argsort(-score, kind="stable")[:BEST]
    for other in theirs:
        best_there = np.argsort(-other.score, kind="stable")[:BEST]
        trains = stuck & other.trains
        median = f"{other.info.score(np.median(other.score[trains])):.3f}" if trains.any() else ""
        print(
            f"| `{other.name}` | {len(np.intersect1d(best_here, best_there))} "
            f"| {(~ours.trains[best_there]).sum()} | {trains.sum():,} | {median} |"
        )
    places = [
        rankdata(-each, method="min", nan_policy="omit")
        for each in (score, *(other.score for other in theirs))
    ]
    worst = np.max(places, axis=0)  # NaN, which is sorted last, for what diverged in any of them
    space = load_space()
    print(f"\n| best in all {len(theirs) + 1} tables | worst rank |\n|---|---|")
    for entry in np.argsort(worst, kind="stable")[:ALL_ROUND].tolist():
        print(f"| `{space.representatives[entry]}` | {worst[entry]:.0f} |")
