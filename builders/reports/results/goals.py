"""What a search is to reach, and in which evaluation it does: here goals are defined.

A goal is a set of functions, so it is counted by canonical class, and a class is worth the mean
score of its entries that train. In the tuned view an entry is worth the mean of its fresh seeds,
which had no part in choosing its rate; a class without any is in no goal. There are two goals, and
both ask for more than seed noise, :func:`goal_noise`:

- **beats every baseline**: classes that are worth more than the best baseline by at least the
  margin, one noise. A respelling of a baseline is in that baseline's class, so it never counts. The
  set may be empty, and then no search can reach it.
- **near the best**: classes within one noise of the best class. This set is never empty, and
  baselines may be in it.

A search reaches a goal when it has trained an entry of such a class, and the entry trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.functions.operators import BASELINES
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.loaders import load_table
from act_bench.tables.registry import TABLES
from act_bench.tables.runs import load_runs
from builders.reports.results.kept import EVALUATIONS, SEED
from surrogates.exact import evaluations_to_hit
from surrogates.significance import resampled

Scores = NDArray[np.float64]

BOOTSTRAP_RUNS: Final = 5
"""Runs of an entry from which on the noise of their median is found by drawing them again."""
RESAMPLES: Final = 200
AT_LEAST: Final = 20
"""Entries that the noise is pooled over, where there are as many."""


class Noise(NamedTuple):
    """How much the seed moves a table's values, where goals lie.

    That is over the best tenth of the entries that train and have more than one run, at least
    :data:`AT_LEAST`: further down some entries fail with some seeds, and vary far more. Standard
    deviations are pooled: the root of the mean variance, weighted by degrees of freedom.

    Attributes
    ----------
    entries
        How many these are; without any, the noise is 0.
    runs
        Runs behind the value of an entry that trains, the median.
    run
        Standard deviation of one run.
    value
        Standard deviation of an entry's value, the median of its runs. With five runs or more it is
        that of medians of runs drawn again, as some seeds fail and medians hardly notice; with
        fewer, ``run`` times sqrt(pi / (2 (n - 1) + pi)), which is exact for one and 1 % too low for
        three if runs are normal.
    """

    entries: int
    runs: int
    run: float
    value: float


def noise(data: BenchmarkData) -> Noise:
    """Return the seed noise of a table, from its entries with more than one run.

    In the tuned view an entry's value is that of one run, at the rate that was chosen for it.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> found = noise(load_data("cnn"))
    >>> found.entries, found.runs, round(found.run, 4), found.value == found.run
    (33, 1, 0.0048, True)
    """
    if data.table not in TABLES or data.edition != "regenerated":
        return Noise(0, 1, 0.0, 0.0)  # there are no runs
    runs = _runs(data).filter(pl.col("outcome") == "ok")
    values = {int(entry): group.to_numpy() for (entry,), group in _by_entry(runs, data.metric)}
    floor = TABLES[data.table].trained_score_at(data.fidelity)
    scores = {entry: data.score(entry) for entry in values}
    score = {entry: s for entry, s in scores.items() if s is not None and s > floor}
    trained = list(score)
    runs_of = [len(values[entry]) for entry in trained if data.rate != "tuned"]
    count = round(float(np.median(runs_of or [1])))
    several = sorted(
        (entry for entry in trained if len(values[entry]) > 1), key=lambda entry: -score[entry]
    )
    better = [values[entry] for entry in several[: max(AT_LEAST, -(-len(several) // 10))]]
    if not better:
        return Noise(0, count, 0.0, 0.0)
    free = np.array([len(each) - 1 for each in better])
    run = _pooled([each.var(ddof=1) for each in better], free)
    if count < BOOTSTRAP_RUNS:
        factor = float(np.sqrt(np.pi / (2 * (count - 1) + np.pi)))
        return Noise(len(better), count, run, run * factor)
    random = np.random.default_rng(SEED)
    medians = [np.median(random.choice(each, (RESAMPLES, count)), axis=1) for each in better]
    return Noise(len(better), count, run, _pooled([each.var() for each in medians], free))


def goal_noise(data: BenchmarkData) -> Noise:
    """Return the seed noise of what goals go by: a value, or the mean of fresh seeds where tuned.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> found = goal_noise(load_data("cnn", rate="tuned"))
    >>> found.entries, found.runs, round(found.run, 4), round(found.value, 4)
    (36, 2, 0.0045, 0.0032)
    """
    if data.rate != "tuned":
        return noise(data)
    floor = TABLES[data.table].trained_score_at(data.fidelity)
    std = f"fresh_{data.metric}_std"
    fresh = fresh_scores(data, ["fresh_runs", std]).filter(pl.col("score") > floor)
    several = fresh.filter(pl.col("fresh_runs") > 1).sort("score", "entry", descending=True)
    best = several.head(max(AT_LEAST, -(-several.height // 10)))
    if not best.height:
        return Noise(0, 1, 0.0, 0.0)
    count = round(float(np.median(fresh["fresh_runs"].to_numpy())))
    run = _pooled((best[std] ** 2).to_list(), (best["fresh_runs"] - 1).to_numpy())
    return Noise(best.height, count, run, run / float(np.sqrt(count)))


def fresh_scores(data: BenchmarkData, columns: Sequence[str] = ()) -> pl.DataFrame:
    """Return the entries of a tuned view that end well and have fresh seeds: entry, score, more."""
    mean = f"fresh_{data.metric}"
    asked = ["entry", "outcome", mean, *columns]
    table = load_table(data.table, fidelity=data.fidelity, rate="tuned", columns=asked)
    found = table.filter(pl.col("outcome") == "ok", pl.col(mean).is_not_null())
    sign = 1 if TABLES[data.table].higher_is_better else -1
    return found.with_columns(score=sign * pl.col(mean)).drop("outcome")


def best_with_fresh(data: BenchmarkData) -> int:
    """Return how many of the best of a tuned view have fresh seeds, before the first that has none.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> best_with_fresh(load_data("cnn", rate="tuned"))
    300
    """
    scores = {
        entry: data.score(entry) or 0.0 for entry in data.covered if data.outcome[entry] == "ok"
    }
    known = set(fresh_scores(data)["entry"].to_list())
    order = sorted(scores, key=lambda entry: -scores[entry])
    return next((n for n, entry in enumerate(order) if entry not in known), len(order))


def has_goals(data: BenchmarkData) -> bool:
    """Return whether goals can be told: in the tuned view baselines that end well need fresh seeds.

    A table whose second rate has just been trained has them for a few entries only.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> has_goals(load_data("cnn", rate="tuned")), has_goals(load_data("vit"))
    (True, True)
    """
    if data.rate != "tuned":
        return True
    known = set(fresh_scores(data)["entry"].to_list())
    baselines = [data.space.resolve(text).entry for text in BASELINES]
    return known.issuperset(entry for entry in baselines if data.outcome[entry] == "ok")


def _runs(data: BenchmarkData) -> pl.DataFrame:
    """Return the runs at the learning rates that a view of a table has."""
    columns = ["entry", "learning_rate", "outcome", data.metric]
    if data.rate == "own":
        return load_runs(data.table, data.fidelity, columns)
    rates = load_table(data.table, fidelity=data.fidelity, rate=data.rate, columns=columns[:2])
    runs = load_runs(data.table, data.fidelity, columns, rate="all")
    return runs.join(rates, on=columns[:2], how="semi")


def _by_entry(runs: pl.DataFrame, metric: str) -> Iterator[tuple[tuple[int], pl.Series]]:
    for key, group in runs.sort("entry").group_by("entry", maintain_order=True):
        yield key, group[metric]


def _pooled(variances: Sequence[float], free: NDArray[np.integer]) -> float:
    return float(np.sqrt(np.average(variances, weights=free)))


class Goal(NamedTuple):
    """What a search is to reach.

    Attributes
    ----------
    name
        ``beats-baselines`` or ``near-best``.
    about
        In words, after "is".
    reaches
        (entries,) which entries reach it.
    classes
        How many different functions these are; 0: nothing reaches it.
    baselines
        How many of them are baselines.
    least
        The least that a class must be worth.
    margin
        By how much it is above the best baseline, or below the best class.
    random
        Evaluations that random search needs in the median, exactly; infinite where nothing reaches
        it.
    within
        How probably random search reaches it within :data:`EVALUATIONS`, exactly.
    """

    name: str
    about: str
    reaches: NDArray[np.bool_]
    classes: int
    baselines: int
    least: float
    margin: float
    random: float
    within: float

    def first(self, trained: NDArray[np.integer]) -> Scores:
        """Return in which evaluation each trial reached it; infinite where it did not.

        Parameters
        ----------
        trained
            (trials, evaluations) the entry that each evaluation trained to the end, -1 for none.
        """
        hit = self.reaches[trained] & (trained >= 0)
        return np.where(hit.any(axis=1), hit.argmax(axis=1) + 1.0, np.inf)

    def clock(self, trained: NDArray[np.integer], clock_s: Scores) -> Scores:
        """Return when each trial reached it, in seconds; infinite where it did not.

        Parameters
        ----------
        trained, clock_s
            (trials, evaluations) what each evaluation trained, and the clock after it.
        """
        first = self.first(trained)
        reached = np.isfinite(first)
        position = np.where(reached, first - 1, 0).astype(np.intp)
        return np.where(reached, clock_s[np.arange(len(first)), position], np.inf)


def trainings(data: BenchmarkData) -> float:
    """Return the mean cost of a training of a table in seconds, what random search pays for one."""
    return float(np.mean([data.cost_s[entry] for entry in data.covered]))


def said(data: BenchmarkData, goals: Sequence[Goal]) -> str:
    """Return what the goals of a table are, in a few sentences."""
    found, (near, beyond) = goal_noise(data), goals
    of_several = "mean of {} fresh runs" if data.rate == "tuned" else "median of {} runs"
    runs = "one run" if found.runs == 1 else f"the {of_several.format(found.runs)}"
    info = TABLES[data.table]
    bound = "at least" if info.higher_is_better else "at most"
    near_worth, worth = (f"{info.score(goal.least):.4f}" for goal in goals)
    above = (
        f"{counted(beyond)}: {bound} {worth}"
        if beyond.classes
        else f"none: no class that is no baseline reaches {worth}"
    )
    return (
        f"Goals count functions, by canonical class. The seed moves a value, {runs}, by "
        f"{found.value:.4f} (standard deviation; {found.entries} of the best entries with more "
        f"than one run). Better than every baseline by {beyond.margin:.4f} or more: {above}. "
        f"Within {near.margin:.4f} of the best: {counted(near)}, {bound} {near_worth}.\n"
    )


def class_scores(data: BenchmarkData) -> Scores:
    """Return what the class of each entry is worth: (entries,).

    That is the mean score of the entries of the class that are ``ok``, of which some have more runs
    than others, in the tuned view of those with fresh seeds, by these; -inf where there are none.
    """
    classes = np.asarray(data.space.canonical_class)
    ok = np.array([outcome == "ok" for outcome in data.outcome])
    scores = np.array([data.score(entry) if ok[entry] else 0.0 for entry in range(len(ok))])
    if data.rate == "tuned":
        fresh = fresh_scores(data)
        ok, scores = np.zeros(len(ok), bool), np.zeros(len(ok))
        ok[fresh["entry"].to_numpy()] = True
        scores[fresh["entry"].to_numpy()] = fresh["score"].to_numpy()
    count = np.bincount(classes, ok)
    total = np.bincount(classes, scores)
    means = np.divide(total, count, out=np.full(len(count), -np.inf), where=count > 0)
    worth: Scores = means[classes]
    return worth


def goals_of(
    data: BenchmarkData, margin: float | None = None, worth: Scores | None = None
) -> tuple[Goal, Goal]:
    """Return the goals of a table: near the best, and better than every baseline.

    Parameters
    ----------
    data
        The table.
    margin
        Seed noise that a goal must exceed. Default: :func:`goal_noise`.
    worth
        What the class of each entry is worth, (entries,). Default: :func:`class_scores`.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> near, beyond = goals_of(load_data("cnn"))
    >>> near.classes, beyond.classes, beyond.random
    (2, 5, 377)
    """
    margin = goal_noise(data).value if margin is None else margin
    worth = class_scores(data) if worth is None else worth
    ok = np.array([outcome == "ok" for outcome in data.outcome])
    classes = np.asarray(data.space.canonical_class)
    baselines = [data.space.resolve(text).entry for text in BASELINES]
    respelled = np.isin(classes, classes[baselines])
    best, baseline = worth.max(), worth[baselines].max()

    def goal(name: str, about: str, reaches: NDArray[np.bool_], least: float) -> Goal:
        found = int(reaches.sum())
        total = len(data.covered)
        missed = np.prod(
            (total - found - np.arange(EVALUATIONS)) / (total - np.arange(EVALUATIONS))
        )
        return Goal(
            name,
            about,
            reaches,
            classes=len(set(classes[reaches].tolist())),
            baselines=len(set(classes[reaches & respelled].tolist())),
            least=float(least),
            margin=margin,
            random=evaluations_to_hit(total, found) if found else np.inf,
            within=1 - float(missed),
        )

    near = ok & (worth >= best - margin)
    beyond = ok & ~respelled & (worth > baseline) & (worth >= baseline + margin)
    return (
        goal("near-best", "within noise of the best", near, best - margin),
        goal("beats-baselines", "better than every baseline", beyond, baseline + margin),
    )


def counted(goal: Goal) -> str:
    """Return how many functions reach a goal, in words.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> [counted(goal) for goal in goals_of(load_data("cnn"))]
    ['2', '5']
    """
    if not goal.classes:
        return "none"
    return f"{goal.classes}" + (f" ({goal.baselines} of them baselines)" if goal.baselines else "")


def median_with_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the lower median and its bootstrap interval; any of them may be infinite."""
    # Between infinite values nothing can be interpolated: the inverted CDF takes one that is there.
    quantile = partial(np.quantile, method="inverted_cdf")
    middles = resampled((values,), partial(quantile, q=0.5), np.random.default_rng(SEED))
    low, high = quantile(middles, [0.025, 0.975])
    return float(quantile(values, 0.5)), float(low), float(high)


def count(value: float) -> str:
    """Return a number of evaluations; never where it is infinite."""
    return f"{value:,.0f}" if np.isfinite(value) else "never"


def interval(values: NDArray[np.float64]) -> str:
    """Return the median of evaluations with its interval, as text."""
    middle, low, high = (count(value) for value in median_with_interval(values))
    return f"{middle} [{low}, {high}]"
