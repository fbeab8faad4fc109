"""Make ``entropy.parquet``: the entropy functional of every entry, a feature that costs nothing.

``python -m builders.entropy build`` writes the file and the manifest. ``python -m builders.entropy
report`` prints how well it predicts the validation accuracies of a table, and with ``--figure``
draws it. See ``docs/explanation/eafo.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from act_bench.files.manifest import ENTROPY_FILE
from act_bench.functions.entropy import POINTS, entropy
from act_bench.functions.expression import parse
from act_bench.publishing.parquet import write_table
from act_bench.spaces.paper import load_space
from act_bench.tables.loaders import load_table
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import ENTROPY_COLUMNS
from builders.command import data_folder_option
from builders.embedded import origin, write_manifest
from surrogates.significance import spearman_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

RESAMPLES: Final = 1000
_HALF: Final = 12


def entropies() -> pa.Table:
    """Return the entropy of the 2,913 entries for the standard Gaussian, in entry order."""
    found = [entropy(parse(name)) for name in load_space().representatives]
    return pa.table(
        {
            "entry": np.arange(len(found), dtype=np.int32),
            "entropy_nats": pa.array([each.nats for each in found], from_pandas=True),  # NaN: null
            "flat": np.array([each.flat for each in found]),
        }
    )


def build(folder: Path) -> Path:
    """Write the file and the manifest to ``folder``."""
    about = {
        "table": "entropy",
        **origin("python -m builders.entropy build"),
        "density": "standard Gaussian",
        "points": POINTS,
    }
    write_table(entropies(), ENTROPY_COLUMNS, folder / ENTROPY_FILE, about)
    write_manifest(folder)
    return folder / ENTROPY_FILE


class Prediction(NamedTuple):
    """How well a feature ranks functions.

    Attributes
    ----------
    name : str
        Of the feature.
    functions : int
        That have it, and trained.
    spearman, low, high : float
        Rank correlation with validation accuracy, with a bootstrap interval of 95 % over functions.
    explained : float
        Share of the variance of ranks that the mean rank of the 24 nearest others by this feature
        explains: a relation of any shape, where a correlation sees one that rises or falls
        throughout. Functions of one value, such as f(x), -f(x) and f(x) + 1, count as one, with
        their mean accuracy: they are hardly other functions, and would predict one another.
    values : int
        How many different values the feature has.
    """

    name: str
    functions: int
    spearman: float
    low: float
    high: float
    explained: float
    values: int


def predictions(table: str, entropy_nats: Array, flat: Array) -> list[Prediction]:
    """Return how well the entropy, and the flat share, predict the scores of a table."""
    trained, score = _scores(table)
    features = {
        "entropy": entropy_nats,
        "flat share": flat,
        "distance of the entropy from that of x": np.abs(
            entropy_nats - 0.5 * np.log(2 * np.pi * np.e)
        ),
    }
    found = []
    for name, feature in features.items():
        known = trained & np.isfinite(feature)
        found.append(predict(name, feature[known], score[known]))
    return found


def _scores(table: str) -> tuple[NDArray[np.bool_], Array]:
    """Return which entries of a table are ok, and the scores of all, higher being better."""
    info = TABLES[table]
    rows = load_table(table, columns=["outcome", info.metric], rate="own")
    return (rows["outcome"] == "ok").to_numpy(), rows[info.metric].to_numpy() * info.score(1.0)


def predict(name: str, feature: Array, accuracy: Array) -> Prediction:
    """Return how well a feature, (n,), predicts the accuracies, (n,): by rank and by neighbours."""
    correlation = spearman_interval(feature, accuracy, np.random.default_rng(0), samples=RESAMPLES)
    # Rounded, because f(x) and f(x) + 1 differ in the last digits.
    values, which = np.unique(feature.round(9), return_inverse=True)
    rank = stats.rankdata(np.bincount(which, accuracy) / np.bincount(which))
    sums = np.concatenate([[0], np.cumsum(rank)])
    place = np.arange(len(rank))
    start, stop = np.maximum(place - _HALF, 0), np.minimum(place + _HALF + 1, len(rank))
    left_out = (sums[stop] - sums[start] - rank) / (stop - start - 1)
    explained = 1 - np.mean(np.square(rank - left_out)) / np.var(rank)
    return Prediction(
        name,
        len(feature),
        *correlation,
        float(explained),
        len(values),
    )


def figure(table: str, entropy_nats: Array, flat: Array) -> Figure:
    """Draw scores against entropy, colored by the flat share."""
    from matplotlib.figure import Figure

    info, (trained, score) = TABLES[table], _scores(table)
    known = trained & np.isfinite(entropy_nats)
    drawing = Figure(figsize=(7.2, 4.2), dpi=160, layout="constrained")
    axes = drawing.add_subplot()
    # What is far out would squeeze the rest: it is drawn at the edge.
    low, high = np.quantile(entropy_nats[known], [0.01, 0.99])
    shown = np.clip(entropy_nats, low, high)
    for chosen, name, marker in (
        (known & (flat == 0), "flat nowhere", "."),
        (known & (flat > 0), "flat somewhere", "^"),
    ):
        points = axes.scatter(
            shown[chosen],
            score[chosen],
            c=flat[chosen],
            s=12 if marker == "^" else 14,
            marker=marker,
            cmap="cividis",
            vmin=0,
            vmax=float(flat[known].max()),
            linewidths=0,
            label=name,
        )
    axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)
    margin = 0.09 * float(score[known].max() - score[known].min())
    axes.set_ylim(top=float(score[known].max()) + margin)  # room for the legend
    axes.axhline(info.worst_score, color="#333333", linewidth=0.8, linestyle=(0, (4, 3)))
    spearman = predictions(table, entropy_nats, flat)[0]
    axes.set_title(
        f"{table}: Spearman {spearman.spearman:+.2f} "
        f"[{spearman.low:+.2f}, {spearman.high:+.2f}], {spearman.functions:,} functions",
        loc="left",
        fontsize=11,
    )
    axes.set_xlabel("entropy in nats, Gaussian inputs (outermost 1 % at the edges)")
    axes.set_ylabel(f"{info.score_in_words} (dashed: chance)")
    axes.spines[["top", "right"]].set_visible(False)
    drawing.colorbar(points, ax=axes, label="probability of a flat input")
    return drawing


@click.group()
def main() -> None:
    """Make entropy.parquet, or report what it predicts."""


@main.command("build")
@data_folder_option
def build_command(folder: Path) -> None:
    """Write entropy.parquet and the manifest."""
    path = build(folder)
    click.echo(f"{path.name}: {path.stat().st_size} bytes")


@main.command("report")
@data_folder_option
@click.option("--table", type=click.Choice(list(TABLES)), default="mlp", show_default=True)
@click.option("--figure", "target", type=click.Path(dir_okay=False, path_type=Path))
def report_command(folder: Path, table: str, target: Path | None) -> None:
    """Print how well the entropy predicts accuracies; --figure draws it."""
    import pyarrow.parquet as pq

    stored = pq.read_table(folder / ENTROPY_FILE)
    nats, flat = stored["entropy_nats"].to_numpy(), stored["flat"].to_numpy()
    click.echo("| feature | functions | values | Spearman, 95 % | explained by 24 neighbors |")
    click.echo("|---|---|---|---|---|")
    for each in predictions(table, nats, flat):
        click.echo(
            f"| {each.name} | {each.functions:,} | {each.values:,} | {each.spearman:+.3f} "
            f"[{each.low:+.3f}, {each.high:+.3f}] | {each.explained:.3f} |"
        )
    if target is not None:
        from act_bench.figures.style import save

        save(figure(table, nats, flat), target)
        click.echo(f"Drawn in {target}.")


if __name__ == "__main__":
    main()
