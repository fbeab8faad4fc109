"""Learning curves: what an entry's training gives after some of its epochs, and what that costs.

A search with partial trainings asks ``bench.query(expression, epochs=3)``. The answer is the median
over the runs of an entry after that epoch, by the rule of :mod:`act_bench.tables.aggregation`: a
run that has diverged by then ranks below every other.
The cost is each run's share of its epochs: of a run that broke off in its second epoch, one epoch
costs half and two or more cost all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from act_bench.files.manifest import metadata_of

POINTS: Final = "images_seen_at_points"
"""What files of runs say of themselves where points of the curves lie within an epoch."""


@dataclass(frozen=True, eq=False)
class LearningCurves:
    """Validation accuracy and cost of each entry after 1, 2, ... epochs.

    Attributes
    ----------
    epochs : int
        Of a whole training.
    validation_accuracy : sequence of sequence of float or None
        (entries, epochs) fractions in [0, 1]; None where the entry has diverged, or has no run.
    cost_s : sequence of sequence of float
        (entries, epochs) seconds of training from the start, over all runs.
    losses : sequence of sequence of float or None, optional
        (entries, epochs) validation losses, for tables whose metric is the loss. Default: the
        metric is the accuracy.
    images_seen : sequence of int
        (epochs,) training images that a run has seen at each point; empty if no run ended.
    """

    epochs: int
    validation_accuracy: Sequence[Sequence[float | None]]
    cost_s: Sequence[Sequence[float]]
    losses: Sequence[Sequence[float | None]] | None = None
    images_seen: Sequence[int] = ()

    @cached_property
    def scores(self) -> Sequence[Sequence[float | None]]:
        """What a maximizer may use, (entries, epochs): the accuracy, or minus the loss."""
        if self.losses is None:
            return self.validation_accuracy
        return [[None if loss is None else -loss for loss in row] for row in self.losses]


def read_curves(
    path: Path,
    fidelity: str,
    seed: int | None,
    entries: int,
    metric: str = "validation_accuracy",
    rate: float | Sequence[float | None] | None = None,
) -> LearningCurves:
    """Read the learning curves of one fidelity from a file of runs.

    Parameters
    ----------
    path : Path
        ``{table}-runs.parquet``.
    fidelity : str
    seed : int or None
        Of the runs; None for medians over all of them.
    entries : int
        Number of entries of the space.
    metric : {"validation_accuracy", "validation_loss"}
        What the table is searched by; losses are read only where it is the loss.
    rate : float or sequence of float or None, optional
        Only runs at this learning rate, in a file that has several; or each entry's at its own.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    by_loss = metric == "validation_loss"
    columns = ["entry", "seed", "outcome", "validation_accuracy_curve", "runtime_s", "images_seen"]
    columns += ["validation_loss_curve"] if by_loss else []
    filters: list[tuple[str, str, object]] = [("fidelity", "==", fidelity)]
    if isinstance(rate, int | float):
        filters.append(("learning_rate", "==", rate))
    columns += ["learning_rate"] if isinstance(rate, Sequence) else []
    rows = pq.read_table(path, columns=columns, filters=filters)
    if isinstance(rate, Sequence):
        pairs = rows.select(["entry", "learning_rate"]).to_pylist()
        chosen = [rate[pair["entry"]] == pair["learning_rate"] for pair in pairs]
        rows = rows.filter(pa.array(chosen, pa.bool_()))
    if seed is not None:
        rows = rows.filter(pc.field("seed") == seed)
    entry, runtime_s, outcome = (
        rows.column(name).to_pylist() for name in ("entry", "runtime_s", "outcome")
    )
    diverged = [each == "diverged" for each in outcome]
    accuracy = rows.column("validation_accuracy_curve").to_pylist()
    curves = combine(entry, accuracy, diverged, runtime_s, entries)
    ended = rows.filter(pc.field("outcome") == "ok").column("images_seen")
    if len(ended):
        curves = replace(curves, images_seen=_points(path, ended[0].as_py(), curves.epochs))
    if not by_loss:
        return curves
    # Negated, so that a run that has diverged ranks below every other here too.
    negated = [[-loss for loss in run] for run in rows.column("validation_loss_curve").to_pylist()]
    scores = combine(entry, negated, diverged, runtime_s, entries).validation_accuracy
    losses = [[None if score is None else -score for score in row] for row in scores]
    return replace(curves, losses=losses)


def _points(path: Path, images_seen: int, count: int) -> list[int]:
    """Return the images seen at each point: as the file says, or else after whole epochs."""
    points = metadata_of(path).get(POINTS)
    if points is None:
        points = [images_seen * point // count for point in range(1, count + 1)]
    return [int(each) for each in points]


def combine(
    entry: Sequence[int],
    curves: Sequence[Sequence[float]],
    diverged: Sequence[bool],
    runtime_s: Sequence[float],
    entries: int,
) -> LearningCurves:
    """Combine runs into the learning curves of entries.

    Parameters
    ----------
    entry, curves, diverged, runtime_s : sequence
        Of each run: its entry, its validation accuracy after each epoch, whether it diverged, and
        what it took in seconds. The curve of a diverged run stops where it stopped.
    entries : int
        Number of entries of the space.

    Examples
    --------
    >>> runs = [[0.2, 0.6], [0.4, 0.8], [0.1]]
    >>> curves = combine([0, 0, 0], runs, [False, False, True], [2.0, 2.0, 2.0], entries=1)
    >>> curves.validation_accuracy, curves.cost_s
    ([[0.2, 0.6]], [[3.0, 6.0]])
    """
    import numpy as np

    from act_bench.tables.aggregation import median

    epochs = max((len(curve) for curve in curves), default=0)
    cost = np.empty((len(curves), epochs))
    for run, curve in enumerate(curves):
        trained = min(len(curve) + diverged[run], epochs)
        cost[run] = runtime_s[run] * np.minimum(1.0, np.arange(1, epochs + 1) / trained)
    order = np.argsort(entry, kind="stable")
    bounds = np.searchsorted(np.asarray(entry)[order], np.arange(entries + 1))
    medians: list[list[float | None]] = []
    costs: list[list[float]] = []
    for number in range(entries):
        runs = order[bounds[number] : bounds[number + 1]]
        costs.append(cost[runs].sum(axis=0).tolist())
        chosen = [curves[run] for run in runs.tolist()]
        # A curve that stops before an epoch is that of a run that has diverged by then.
        medians.append(
            [
                median([curve[epoch] if epoch < len(curve) else None for curve in chosen])
                for epoch in range(epochs)
            ]
        )
    return LearningCurves(epochs, medians, costs)
