"""Simulated search: many searches over a table that was trained once.

Every trial is a :class:`~act_bench.search.benchmark.Benchmark` of its own, queried through
``Benchmark.query`` like any other search, so that what is simulated is what a user would get.

**Regret** is a difference of scores: the best of the table less the best so far. A score is the
metric of the table, validation accuracy for most, negated where lower is better; what diverged has
that of a network which learned nothing. It says how good the search is at what it can see. What
a search found is worth what its incumbent, the best by validation, gives in test: that is revealed
once per trial, at the end, and stands in ``finals``.

Where an optimizer searches learning rates too, the regret of all is that against the best at any
rate, so that they can be compared; searches at the default rate may never reach 0 then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import getpid
from pathlib import Path
from time import process_time

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.arguments import whole_number
from act_bench.errors import ArgumentError
from act_bench.search.benchmark import Benchmark, data_behind
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Searcher
from act_bench.search.loading import load_data
from act_bench.search.optimum import best_of
from act_bench.tables.registry import Metric
from surrogates.exact import RandomSearchLaw, evaluations_to_hit, random_search_law
from surrogates.optimizers import (
    asks_for_rates,
    find_optimizers,
    plain_name,
)
from surrogates.protocol import (
    Factory,
    settings_of,
)
from surrogates.searches.single import Step, begin, run_search, trial_seed
from surrogates.searches.trials import Chunk, Done, Work, check_memory, run_all
from surrogates.significance import pairwise

Progress = Callable[[str, int], None]
"""Told the name of the optimizer and the number of its trials that are done."""

TOP_SHARE = 0.01
_FINALS = {
    "optimizer": pl.String,
    "trial": pl.Int64,
    "seed": pl.UInt64,
    "entry": pl.Int64,
    "expression": pl.String,
    "validation_accuracy": pl.Float64,
    "test_accuracy": pl.Float64,
    "test_loss": pl.Float64,
    "evaluations": pl.Int64,
    "clock_s": pl.Float64,
}


@dataclass(frozen=True, eq=False)
class Simulation:
    """The result of :func:`simulate`.

    Attributes
    ----------
    steps : polars.DataFrame
        One row an evaluation of a trial: ``optimizer``, ``trial`` (from 0), ``evaluation`` (from
        1), ``entry``, ``validation_accuracy`` (null when diverged), ``best_so_far``, ``regret``
        (both with the worst score for what diverged, and while nothing was trained to the end),
        ``clock_s`` (seconds of training and features so far, summed over the workers),
        ``elapsed_s`` (when it finished, from the start of the search; the same with one worker),
        ``trained`` (the entry that was trained to the end; of a search that stops trainings early
        the best of those since the last evaluation, or null).
    finals : polars.DataFrame
        One row per trial: ``optimizer``, ``trial``, ``seed``, and of the incumbent at the end
        ``entry``, ``expression``, ``validation_accuracy``, ``test_accuracy``, ``test_loss`` (null
        if nothing was trained to the end); then ``evaluations`` and ``clock_s``.
    exact : RandomSearchLaw
        What random search gives on this table, exactly.
    top_score : float
        The score that the best hundredth of the entries reach.
    top_entries : int
        How many entries reach it.
    seconds : dict of str to float
        Processor time of each optimizer's trials.
    processes : polars.DataFrame
        The same by process: ``optimizer``, ``process`` (from 0), ``trials``, ``seconds``.
    metric : {"validation_accuracy", "validation_loss"}
        What scores are made of.
    training_s : float
        Mean cost of the first query of an entry, in seconds.
    clock_is_lower_bound : bool
        Whether the table does not say what some of its trainings took: then ``clock_s`` and
        ``elapsed_s`` leave them out.
    """

    steps: pl.DataFrame
    finals: pl.DataFrame
    exact: RandomSearchLaw
    top_score: float
    top_entries: int
    seconds: dict[str, float]
    processes: pl.DataFrame
    metric: Metric = "validation_accuracy"
    training_s: float = 1.0
    clock_is_lower_bound: bool = False

    def summary(self) -> list[dict[str, object]]:
        """Return one row per optimizer: quartiles of regret, and how soon the top was reached.

        The keys are ``optimizer``; ``regret_at_N`` (lower quartile, median, upper quartile) for
        10, 30, 100 and the last evaluation where they were made; ``evaluations_to_top`` (median
        number of evaluations to the best hundredth of the table; None when fewer than half of the
        trials got there), ``trainings_to_top`` (the same by the clock, features included, in mean
        trainings of the table; an evaluation of random search costs one), ``reached_top``
        (fraction of the trials), ``test_accuracy`` (median of the revealed incumbents; of a table
        that is searched by its loss ``test_loss`` too) and ``seconds`` of computing.
        """
        return [self._summary(name) for name in self.seconds]

    def final_regrets(self) -> dict[str, NDArray[np.float64]]:
        """Return the regret at the end of each trial, (trials,), of each optimizer."""
        last = self.steps.filter(pl.col("evaluation") == self.exact.expected_regret.size)
        return {
            name: last.filter(pl.col("optimizer") == name)["regret"].to_numpy()
            for name in self.seconds
        }

    def significance(self) -> pl.DataFrame:
        """Return which optimizers differ at the end; see ``surrogates.significance.pairwise``."""
        return pairwise(self.final_regrets())

    def exact_evaluations_to_top(self) -> int:
        """Return the median number of evaluations to the best hundredth, for random search."""
        return evaluations_to_hit(self.exact.scores.size, self.top_entries)

    def _summary(self, name: str) -> dict[str, object]:
        chosen = self.steps.filter(pl.col("optimizer") == name)
        trials = chosen["trial"].n_unique()
        regret = chosen["regret"].to_numpy().reshape(trials, -1)
        evaluations = regret.shape[1]
        row: dict[str, object] = {"optimizer": name, "trials": trials}
        for n in sorted({10, 30, 100, evaluations}):
            if n <= evaluations:
                row[f"regret_at_{n}"] = np.quantile(regret[:, n - 1], [0.25, 0.5, 0.75]).tolist()
        reached = chosen["best_so_far"].to_numpy().reshape(trials, -1) >= self.top_score
        # A trial that never got there takes forever, so that the median stays honest.
        first = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)
        middle = float(np.quantile(first, 0.5, method="inverted_cdf"))
        clock_s = np.column_stack(
            [chosen["clock_s"].to_numpy().reshape(trials, -1), [np.inf] * trials]
        )
        place = np.where(np.isfinite(first), first - 1, evaluations).astype(np.intp)
        reached_s = float(
            np.quantile(clock_s[np.arange(trials), place], 0.5, method="inverted_cdf")
        )
        finals = self.finals.filter(pl.col("optimizer") == name)
        if self.metric == "validation_loss":
            row["test_loss"] = finals["test_loss"].median()
        return row | {
            "evaluations_to_top": int(middle) if np.isfinite(middle) else None,
            "trainings_to_top": reached_s / self.training_s if np.isfinite(reached_s) else None,
            "reached_top": float(reached.any(axis=1).mean()),
            "test_accuracy": finals["test_accuracy"].median(),
            "seconds": self.seconds[name],
        }


def simulate(
    table: str | Benchmark | BenchmarkData,
    optimizers: Mapping[str, Factory] | Iterable[str] | None = None,
    *,
    trials: int = 100,
    evaluations: int = 100,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    traces: Path | None = None,
    jobs: int = 1,
    memory: int | None = None,
    forecast: Callable[[float], None] | None = None,
) -> Simulation:
    """Run many searches over a table.

    Parameters
    ----------
    table : str or Benchmark or BenchmarkData
        What to search: a table by its name; a benchmark, of which each trial is a fresh search;
        or data, as from ``act_bench.search.loading.load_data``.
    optimizers : mapping of str to Factory, or iterable of str, optional
        Name -> ``factory(space, seed)``, or names with settings as in
        ``["random", "knn:neighbours=5"]``. Default: ``OPTIMIZERS``. What follows a colon in a name
        is no part of it in traces, where the settings stand by themselves.
    trials : int
        Searches of each optimizer.
    evaluations : int
        Different entries that each search evaluates; a repeated query is not an evaluation.
    seed : int
        All randomness comes from it. Trial ``t`` of every optimizer gets :func:`trial_seed`.
    workers : int
        Trainings that run at a time in a search.
    progress : callable, optional
        Called after each trial.
    traces : Path, optional
        An existing folder for the trace of each trial, ``NAME-TRIAL.jsonl``; a colon in a name
        becomes a dash.
    jobs : int
        Processes, started by ``spawn``. The result does not depend on them.
    memory : int, optional
        Most bytes that the result may take. Default: half of the machine's memory.
    forecast : callable, optional
        Told about how many seconds are left, once two trials of each optimizer are done.

    Returns
    -------
    Simulation

    Raises
    ------
    ValueError
        No trials, more evaluations than the table covers, or more of both than fits in ``memory``.
    act_bench.errors.ArgumentError
        With several jobs, an optimizer that another process cannot import.
    StalledSearchError
        An optimizer asks again and again for what it was told.

    Examples
    --------
    >>> simulation = simulate("mlp", ["random", "knn:neighbours=5"], trials=2, evaluations=3)
    >>> simulation.steps.shape, simulation.finals["optimizer"].unique(maintain_order=True).to_list()
    ((12, 10), ['random', 'knn:neighbours=5'])
    """
    data = _data_of(table)
    workers = whole_number(workers, "workers", least=1)
    trials = whole_number(trials, "trials")
    if trials < 1:
        raise ArgumentError(f"expected at least one trial, got {trials}")
    evaluations = whole_number(evaluations, "evaluations", least=1)
    jobs = whole_number(jobs, "jobs", least=1)
    seed = whole_number(seed, "seed", least=0)
    scores = np.array([data.score(entry) for entry in data.covered], dtype=np.float64)
    exact = random_search_law(scores, evaluations)  # refuses evaluations that are out of range
    top = -int(np.ceil(TOP_SHARE * scores.size))
    top_score = float(exact.scores[top])
    chosen_ones = find_optimizers(optimizers)
    any_rate = any(asks_for_rates(factory) for factory in chosen_ones.values())
    best = best_of(data, any_rate=any_rate).score
    check_memory(len(chosen_ones), trials, evaluations, memory)
    work = Work(data, dict(chosen_ones), evaluations, seed, workers, traces, best)
    found: dict[str, list[Done]] = {name: [] for name in chosen_ones}
    for done in run_all(work, _run_chunk, trials, jobs, forecast or (lambda _: None)):
        found[done.chunk.optimizer].append(done)
        if progress is not None:
            before = sum(other.chunk.trials for other in found[done.chunk.optimizer][:-1])
            for trial in range(done.chunk.trials):
                progress(done.chunk.optimizer, before + trial + 1)
    parts = [
        done for each in found.values() for done in sorted(each, key=lambda done: done.chunk.first)
    ]
    steps = pl.concat([done.steps for done in parts])
    return Simulation(
        steps=steps,
        finals=pl.DataFrame([row for done in parts for row in done.finals], schema=_FINALS),
        exact=exact,
        top_score=top_score,
        top_entries=int(np.count_nonzero(scores >= top_score)),
        seconds={name: sum(sum(done.seconds) for done in each) for name, each in found.items()},
        processes=_processes(parts),
        metric=data.metric,
        training_s=float(np.mean([data.cost_s[entry] or 0.0 for entry in data.covered])),
        clock_is_lower_bound=any(data.cost_s[entry] is None for entry in data.covered),
    )


def _run_chunk(work: Work, chunk: Chunk) -> Done:
    """Run some trials of an optimizer, one after the other."""
    name, factory = chunk.optimizer, work.factories[chunk.optimizer]
    settings = settings_of(factory)
    taken: list[Step] = []
    finals: list[dict[str, object]] = []
    seconds = []
    for trial in range(chunk.first, chunk.first + chunk.trials):
        start = process_time()
        chosen = trial_seed(work.seed, trial)
        searcher = Searcher(plain_name(name), settings, chosen, work.workers)
        bench = Benchmark(work.data, searcher=searcher)
        optimizer = begin(bench, work.space, factory, chosen)
        taken += run_search(bench, optimizer, work.evaluations, work.workers, work.space.meter)
        ending: dict[str, object] = {"evaluations": 0, "clock_s": bench.clock_s}
        if bench.evaluations:
            ending = bench.reveal()._asdict()
        finals.append({"optimizer": name, "trial": trial, "seed": chosen} | ending)
        if work.traces is not None:
            bench.trace.save(work.traces / f"{name.replace(':', '-')}-{trial}.jsonl")
        seconds.append(process_time() - start)
    steps = steps_frame(chunk, taken, work.data.worst_score, work.best)
    return Done(chunk, steps, finals, seconds, getpid())


def _processes(parts: Sequence[Done]) -> pl.DataFrame:
    """Return what each process spent on each optimizer."""
    numbers = {number: i for i, number in enumerate(sorted({done.process for done in parts}))}
    rows = [
        (done.chunk.optimizer, numbers[done.process], done.chunk.trials, sum(done.seconds))
        for done in parts
    ]
    schema = {
        "optimizer": pl.String,
        "process": pl.Int32,
        "trials": pl.Int64,
        "seconds": pl.Float64,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    by_process = frame.group_by("optimizer", "process", maintain_order=True)
    return by_process.agg(pl.col("trials").sum(), pl.col("seconds").sum())


def _data_of(table: str | Benchmark | BenchmarkData) -> BenchmarkData:
    if isinstance(table, BenchmarkData):
        return table
    data = data_behind(table) if isinstance(table, Benchmark) else load_data(table)
    if not isinstance(data, BenchmarkData):
        raise ArgumentError(
            f"expected a table that was trained before, got {table!r}: a live search is run by "
            "surrogates.live.search"
        )
    return data


def steps_frame(chunk: Chunk, taken: list[Step], worst: float, best: float) -> pl.DataFrame:
    """Return the steps of a chunk as rows of :attr:`Simulation.steps`.

    Parameters
    ----------
    chunk
        Which trials they are of; all have as many evaluations.
    taken
        Trial by trial.
    worst
        Score of what diverged.
    best
        Score that regret is the difference from.
    """
    entry, accuracy, best_so_far, clock_s, elapsed_s, trained = zip(*taken, strict=True)
    evaluations = len(taken) // chunk.trials
    trials = np.arange(chunk.first, chunk.first + chunk.trials, dtype=np.int32)
    scores = pl.Series(best_so_far, dtype=pl.Float64).fill_null(worst)
    return pl.DataFrame(
        {
            "optimizer": pl.repeat(chunk.optimizer, len(taken), dtype=pl.String, eager=True),
            "trial": np.repeat(trials, evaluations),
            "evaluation": np.tile(np.arange(1, evaluations + 1, dtype=np.int32), chunk.trials),
            "entry": pl.Series(entry, dtype=pl.Int32),
            "validation_accuracy": pl.Series(accuracy, dtype=pl.Float64),
            "best_so_far": scores,
            "regret": best - scores,
            "clock_s": pl.Series(clock_s, dtype=pl.Float64),
            "elapsed_s": pl.Series(elapsed_s, dtype=pl.Float64),
            "trained": pl.Series(trained, dtype=pl.Int32),
        }
    )
