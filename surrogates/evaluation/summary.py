"""What an evaluation amounts to: means with their intervals, and whether the union is better."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from act_bench.figures.results import SUMMARY_FILE
from act_bench.files import sealed
from surrogates.evaluation.judging import METRICS
from surrogates.protocol import generator
from surrogates.significance import bootstrap_interval


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
