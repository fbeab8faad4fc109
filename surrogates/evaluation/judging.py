"""Models and features judged on repeated splits of a table: one row a fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr

from act_bench.arguments import whole_number
from act_bench.errors import ArgumentError
from act_bench.files.manifest import AbsentDataError
from act_bench.search.benchmark_data import BenchmarkData
from surrogates.evaluation.models import REGRESSORS, LearnsFailure, Maker
from surrogates.features import FEATURES
from surrogates.search_space import SearchSpace
from surrogates.significance import kendall, spearman

Float = NDArray[np.float64]
Progress = Callable[[int], None]
"""Told how many fits are done."""

SIZES: Final = (10, 30, 100, 300, 1000)
CHOSEN: Final = ("outputs", "fim", "union", "umap-outputs", "umap-fim", "umap-union")
"""The features that are compared unless told otherwise."""
TOP: Final = 20
LEVELS: Final = np.arange(1, 10) / 10
METRICS: Final = (
    "spearman",
    "kendall",
    "spearman_trained",
    "rmse",
    "coverage_90",
    "calibration_error",
    "top20_regret",
)


def available_features(data: BenchmarkData, names: Sequence[str] = CHOSEN) -> tuple[str, ...]:
    """Return those of the features that a table has: without Fisher spectra, those by outputs."""
    from act_bench.tables.spectra import load_spectra

    try:
        load_spectra(data.table)
    except AbsentDataError:
        return tuple(name for name in names if name.endswith("outputs"))
    return tuple(names)


def evaluate(
    data: BenchmarkData,
    features: Sequence[str] | None = None,
    regressors: dict[str, Maker] | None = None,
    *,
    sizes: Sequence[int] = SIZES,
    splits: int | Sequence[int] = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Judge models and features on repeated splits of a table.

    Parameters
    ----------
    data : BenchmarkData
    features : sequence of str, optional
        Of ``surrogates.features.FEATURES``. Default: those of ``CHOSEN`` that the table has.
    regressors : dict of str to callable, optional
        Name -> ``maker(features)``. Default: ``REGRESSORS``. A model that learns who fails, as
        those of ``FAILURE_AWARE``, is told who diverged.
    sizes : sequence of int
        Functions to learn from; those that would leave fewer than 20 to predict are left out.
    splits : int or sequence of int
        How many, or the numbers of those to make: each is drawn from its number and the seed.
    seed : int
    progress : callable, optional

    Returns
    -------
    polars.DataFrame
        One row per fit: ``table``, ``features``, ``regressor``, ``size``, ``split``, and over the
        functions not learned from: ``spearman`` and ``kendall`` (tau-b) of predictions with scores;
        ``spearman_trained``, over those that did not diverge; ``rmse``; ``coverage_90``, the share
        of scores in the central 90 % of their predicted normal distribution;
        ``calibration_error``, the mean absolute difference of such shares from 10, 20, ... 90 %;
        ``top20_regret``, the best score less the best of the 20 with the highest predictions; and
        ``seconds`` of fitting and predicting. A correlation is null when all predictions are equal.

    Raises
    ------
    ValueError
        Unknown features, or no size leaves enough to predict.
    act_bench.files.manifest.DataError
        The table has no Fisher spectra, and the features need them.
    """
    seed = whole_number(seed, "seed", least=0)
    sizes = tuple(whole_number(size, "sizes", least=1) for size in sizes)
    if isinstance(splits, Iterable):
        splits = tuple(whole_number(split, "splits", least=0) for split in splits)
    else:
        splits = whole_number(splits, "splits", least=1)
    names = available_features(data) if features is None else tuple(features)
    unknown = [name for name in names if name not in FEATURES]
    if unknown:
        raise ArgumentError(f"expected features {', '.join(FEATURES)}, got {', '.join(unknown)}")
    space = SearchSpace.of(data)
    scores = np.array([data.score(entry) for entry in data.covered], dtype=np.float64)
    trained = np.array([data.outcome[entry] == "ok" for entry in data.covered])
    made = {name: space.features(name) for name in names}
    population = np.flatnonzero(np.logical_and.reduce([each.known for each in made.values()]))
    fitting = [size for size in sizes if size + TOP <= len(population)]
    if not fitting:
        raise ArgumentError(
            f"{len(population)} functions have the features: too few to learn from {min(sizes)} "
            f"and predict {TOP}"
        )
    rows: list[dict[str, object]] = []
    makers = REGRESSORS if regressors is None else regressors
    numbers = range(splits) if isinstance(splits, int) else splits
    orders = {n: np.random.default_rng([seed, n]).permutation(population) for n in numbers}
    for name, known in made.items():
        vectors = known.vectors()
        for regressor, maker in makers.items():
            for size in fitting:
                for split, order in orders.items():
                    learned, others = order[:size], order[size:]
                    start = perf_counter()
                    model = maker(known)
                    told = vectors[learned], scores[learned]
                    if isinstance(model, LearnsFailure):
                        model.chance = data.worst_score
                        model.fit(*told, failed=~trained[learned])
                    else:
                        model.fit(*told)
                    mean, deviation = model.predict(vectors[others], return_std=True)
                    seconds = perf_counter() - start
                    judged = judge(mean, deviation, scores[others], trained[others])
                    about = {
                        "table": data.table,
                        "features": name,
                        "regressor": regressor,
                        "size": size,
                        "split": split,
                    }
                    rows.append({**about, **judged, "seconds": seconds})
                    if progress is not None:
                        progress(len(rows))
    return pl.DataFrame(rows, infer_schema_length=None)


def judge(
    mean: Float, deviation: Float, scores: Float, trained: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Return the metrics of predictions; see :func:`evaluate`.

    Parameters
    ----------
    mean, deviation : array of shape (functions,)
        Of the predictions.
    scores : array of shape (functions,)
    trained : array of shape (functions,), bool
        Which did not diverge.

    Examples
    --------
    >>> scores = np.linspace(0, 1, 50)
    >>> found = judge(scores - 0.1, np.full(50, 0.1), scores, scores >= 0)
    >>> [round(found[name], 3) for name in ("spearman", "rmse", "top20_regret", "coverage_90")]
    [1.0, 0.1, 0.0, 1.0]
    """
    error = scores - mean
    # Where a deviation is 0, only the mean itself lies within any share.
    z = np.divide(np.abs(error), deviation, out=np.full_like(error, np.inf), where=deviation > 0)
    central = np.where(error == 0, 0.0, 2 * ndtr(z) - 1)
    shares = np.array([(central <= level).mean() for level in LEVELS])
    best = np.argsort(-mean, kind="stable")[:TOP]
    return {
        "spearman": _known(spearman(mean, scores)),
        "kendall": _known(kendall(mean, scores)),
        "spearman_trained": _known(spearman(mean[trained], scores[trained])),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "coverage_90": float((central <= 0.9).mean()),
        "calibration_error": float(np.abs(shares - LEVELS).mean()),
        "top20_regret": float(scores.max() - scores[best].max()),
    }


def _known(correlation: float) -> float | None:
    return None if np.isnan(correlation) else correlation
