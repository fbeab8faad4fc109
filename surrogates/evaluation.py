"""How well models predict the scores of functions that they were not told of, by each feature.

A split draws some functions of a table to learn from and predicts all others. The functions are
those with a valid Fisher spectrum, where the table has spectra, so that all features are judged on
the same ones; what diverged has the chance level as its score. Splits are the same for all features
and models, so that two of them can be compared split by split.

Intervals are bootstrap intervals over splits. They say how sure a mean is for this table; they say
nothing of other tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr

from act_bench.arguments import whole_number
from act_bench.errors import ArgumentError
from act_bench.figures.results import SUMMARY_FILE
from act_bench.files import sealed
from act_bench.files.manifest import DataError
from act_bench.search.benchmark_data import BenchmarkData
from surrogates.features import FEATURES, Features
from surrogates.protocol import SearchSpace, generator
from surrogates.significance import bootstrap_interval, kendall, spearman

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


class Model(Protocol):
    """A regressor as in scikit-learn, with a deviation."""

    def fit(self, X: Float, y: Float) -> object:  # noqa: N803
        """Learn the targets (n,) of features (n, columns)."""
        ...

    def predict(self, X: Float, return_std: bool) -> tuple[Float, Float]:  # noqa: N803
        """Return means and standard deviations."""
        ...


@runtime_checkable
class LearnsFailure(Protocol):
    """A :class:`Model` that is told who diverged, such as ``FailureAware``."""

    chance: float

    def fit(self, X: Float, y: Float, failed: NDArray[np.bool_]) -> object:  # noqa: N803
        """Learn the targets (n,) of features (n, columns), and who failed (n,)."""
        ...

    def predict_failure(self, X: Float) -> Float:  # noqa: N803
        """Return the probability that each function fails: (n,)."""
        ...


Maker = Callable[[Features], Model]


def _knn(features: Features) -> Model:
    from surrogates.regressors import NeighboursRegressor

    model: Model = NeighboursRegressor(3, "uniform", split=features.split)
    return model


def _knn_distance(features: Features) -> Model:
    from surrogates.regressors import NeighboursRegressor

    model: Model = NeighboursRegressor(3, "distance", split=features.split)
    return model


def _forest(features: Features) -> Model:
    from surrogates.regressors import ForestRegressor

    del features
    model: Model = ForestRegressor(n_estimators=30, max_features="sqrt", random_state=0)
    return model


def _gp(features: Features) -> Model:
    from surrogates.regressors import DistanceProcessRegressor

    model: Model = DistanceProcessRegressor(split=features.split)
    return model


def _failure_aware(maker: Maker) -> Maker:
    """Return a maker of the mixture: a forest says who diverges, the model how good others are."""

    def make(features: Features) -> Model:
        from sklearn.ensemble import RandomForestClassifier

        from surrogates.regressors import FailureAware

        who = RandomForestClassifier(30, max_features="sqrt", random_state=0)
        model: Model = FailureAware(maker(features), who)
        return model

    return make


REGRESSORS: Final[dict[str, Maker]] = {
    "knn": _knn,
    "knn-distance": _knn_distance,
    "forest": _forest,
    "gp": _gp,
}
"""Name -> maker of a model for some features: the three nearest, the same weighted by distance, a
random forest of 30 trees, the Gaussian process. To judge another, pass it to :func:`evaluate`."""

FAILURE_AWARE: Final[dict[str, Maker]] = {
    f"{name}-failures": _failure_aware(maker) for name, maker in REGRESSORS.items()
}
"""The same where the chance level is not learned as a score: a classifier learns who diverges."""


def available_features(data: BenchmarkData, names: Sequence[str] = CHOSEN) -> tuple[str, ...]:
    """Return those of the features that a table has: without Fisher spectra, those by outputs."""
    from act_bench.tables.spectra import load_spectra

    try:
        load_spectra(data.table)
    except DataError:
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


def summarize(rows: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """Return the mean of each metric over splits, with its 95 % bootstrap interval.

    Returns
    -------
    polars.DataFrame
        One row for each ``table``, ``features``, ``regressor``, ``size`` and ``metric``: ``mean``,
        ``low``, ``high``, ``splits``. Splits without a value are left out.
    """
    keys = ["table", "features", "regressor", "size"]
    found = []
    for key, group in rows.group_by(keys, maintain_order=True):
        for metric in METRICS:
            values = group[metric].drop_nulls().to_numpy()
            if values.size:
                low, high = bootstrap_interval(values, generator(seed))
                found.append((*key, metric, float(values.mean()), low, high, values.size))
    return pl.DataFrame(
        found, schema=[*keys, "metric", "mean", "low", "high", "splits"], orient="row"
    )


def union_gains(rows: pl.DataFrame, metric: str = "spearman", seed: int = 0) -> pl.DataFrame:
    """Return how much better the union is than each feature alone, split by split.

    Returns
    -------
    polars.DataFrame
        One row for each ``table``, ``view`` (``raw``, ``umap`` and so on), ``regressor``, ``size``
        and ``against`` (``outputs`` or ``fim``): ``gain``, the mean difference of the metric,
        union less the other, with its 95 % bootstrap interval ``low`` to ``high``.
    """
    keys = ["table", "regressor", "size"]
    found = []
    for view in ("", "standard-", "pca-", "umap-"):
        both = rows.filter(pl.col("features") == f"{view}union")
        for other in ("outputs", "fim"):
            single = rows.filter(pl.col("features") == f"{view}{other}")
            joined = both.join(single, on=[*keys, "split"], suffix="_single").drop_nulls(
                [metric, f"{metric}_single"]
            )
            for key, group in joined.group_by(keys, maintain_order=True):
                gains = (group[metric] - group[f"{metric}_single"]).to_numpy()
                low, high = bootstrap_interval(gains, generator(seed))
                name = view.removesuffix("-") or "raw"
                found.append((key[0], name, *key[1:], other, float(gains.mean()), low, high))
    schema = ["table", "view", "regressor", "size", "against", "gain", "low", "high"]
    return pl.DataFrame(found, schema=schema, orient="row")


def wins(gains: pl.DataFrame) -> tuple[int, int, int]:
    """Return in how many comparisons the union is ahead of both, behind one; and of how many.

    Parameters
    ----------
    gains : polars.DataFrame
        As from :func:`union_gains`, of one table and view. A comparison is one regressor at one
        size: ahead when both intervals lie above 0, behind when an interval lies below.
    """
    each = gains.group_by("regressor", "size", maintain_order=True).agg(
        ahead=(pl.col("low") > 0).all(), behind=(pl.col("high") < 0).any()
    )
    return int(each["ahead"].sum()), int(each["behind"].sum()), each.height


def verdict(gains: pl.DataFrame) -> list[str]:
    """Say plainly, for each table and view, whether the union beats either feature.

    Parameters
    ----------
    gains : polars.DataFrame
        As from :func:`union_gains`, of a metric of which more is better.

    Returns
    -------
    list of str
        One sentence for each table and view, by :func:`wins`.
    """
    said = []
    for (table, view), group in gains.group_by("table", "view", maintain_order=True):
        ahead, behind, comparisons = wins(group)
        lost = group.filter(pl.col("high") < 0)["against"].value_counts(sort=True)
        to = " and ".join(f"{row[0]} {row[1]} times" for row in lost.iter_rows())
        answer = (
            "better than either"
            if ahead > comparisons / 2
            else "not better than either"
            if behind > comparisons / 2
            else "seldom better than either"
            if behind > ahead
            else "sometimes better than either"
        )
        said.append(
            f"{table}, {view}: the union is {answer}: ahead of both in {ahead} of {comparisons} "
            f"comparisons, behind one in {behind}" + (f" ({to})" if to else "")
        )
    return said


def save(folder: Path, rows: pl.DataFrame) -> list[Path]:
    """Write an evaluation to an existing folder: every row, the summary, and what the union gains.

    Parameters
    ----------
    folder
        Where ``evaluation.parquet``, ``summary.parquet`` and ``gains.parquet`` go.
    rows
        As from `evaluate`.

    Returns
    -------
    list of Path
        The files.
    """
    frames = {
        "evaluation.parquet": rows,
        SUMMARY_FILE: summarize(rows),
        "gains.parquet": union_gains(rows),
    }
    for name, frame in frames.items():
        sealed.write(folder / name, frame.to_arrow())
    return [folder / name for name in frames]
