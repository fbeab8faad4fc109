"""Is erfc(Softplus(x))^2 a rectifier first and a sigmoid after? Figure 11 of the poster, on `vit`.

    python -m builders.reports.studies.inputs --data-dir FOLDER

Trains the function once, stores what entered it in the folder ``--out``, and writes the page and
its figure from that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import numpy as np

from act_bench.figures.inputs import Distributions, draw, of_rows
from act_bench.figures.style import save
from act_bench.files.atomic import replacing
from act_bench.functions.catalogue import find, read
from act_bench.tables.inputs.histograms import EDGES
from builders.command import refusing
from builders.inputs import Chosen, record_missing
from builders.reports.studies import overview
from builders.reports.studies.page import GLOSSARY, IMAGES, PAGES
from regenerate.recipes import find as find_recipe

FUNCTION: Final = "erfc_softplus_squared"
SATURATED: Final = 0.1
"""A value this near a limit, as a share of the function's range, is saturated."""
USED: Final = 0.05
"""A side that this share of the inputs reaches is used."""


def shares(counts: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Return which share of inputs saturates at f = 1, to the left, and at f = 0, to the right.

    Examples
    --------
    >>> counts = np.zeros(98, int)
    >>> counts[[0, 48, 97]] = 1, 2, 1
    >>> shares(counts, -3.0, 1.0)
    (0.25, 0.25)
    """
    left = counts[: np.searchsorted(EDGES, low) + 1].sum()
    right = counts[np.searchsorted(EDGES, high) + 1 :].sum()
    return float(left / counts.sum()), float(right / counts.sum())


def tails() -> tuple[float, float]:
    """Return the edges beyond which the function is within a tenth of its limits 1 and 0."""
    value = read(FUNCTION).to_numpy()(EDGES)
    return float(EDGES[value >= 1 - SATURATED].max()), float(EDGES[value <= SATURATED].min())


def page(found: Distributions) -> str:
    """Return the page."""
    low, high = tails()
    all_places = {moment: counts.sum(0) for moment, counts in found.counts.items()}
    used = {moment: shares(counts, low, high) for moment, counts in all_places.items()}
    first, last = used["initialization"], used["trained"]
    rectifier = min(first) < USED <= max(first)
    sigmoid = min(last) >= USED
    verdict = "confirmed" if rectifier and sigmoid else "refuted" if not sigmoid else "open"
    places = [
        f"| {number} | {_percent(a[0])} | {_percent(a[1])} | {_percent(b[0])} | {_percent(b[1])} |"
        for number, (before, after) in enumerate(
            zip(found.counts["initialization"], found.counts["trained"], strict=True), start=1
        )
        for a, b in [(shares(before, low, high), shares(after, low, high))]
    ]
    return "\n".join(
        [
            "# A rectifier first, a sigmoid after?",
            "",
            (
                f"**{verdict.capitalize()}** at this scale, in MobileViTv2-0.5 and one training: "
                f"at initialization {_percent(first[0])} of the inputs lie where "
                f"{find(FUNCTION).title} saturates at 1 and {_percent(first[1])} where it "
                f"saturates "
                f"at 0; after training {_percent(last[0])} and {_percent(last[1])}."
            ),
            "",
            (
                "**Question.** The poster's Figure 11 says of CoAtNet that the network uses the "
                "function like a rectifier at initialization and like a sigmoid after "
                "training. Does "
                "the network of `vit`?"
            ),
            "",
            (
                "**Setting.** The function falls from 1 to 0. It saturates where it is within a "
                f"tenth of these limits: below {low:g} and above {high:g}. A rectifier saturates "
                "on one side: at initialization just one side is to have more than "
                f"{_percent(USED)} of the inputs. A sigmoid saturates on both: after training "
                "both are. One training by the recipe of "
                f"`{found.network}` ({found.note}); inputs of 512 validation images at all "
                f"{len(places)} places, normalized as in training. Batch normalization stands "
                "before 16 of them and holds their inputs near mean 0 and variance 1, and the "
                f"training is short: in the poster's network this may differ. {GLOSSARY}"
            ),
            "",
            "![Inputs before and after training](../../images/papers-inputs.png)",
            "",
            "```shell",
            "python -m builders.reports.studies.inputs --data-dir FOLDER",
            'act-bench plot inputs "square(erfc(softplus(x)))" --table vit --data-dir FOLDER',
            "```",
            "",
            "One training, about half a core-minute.",
            "",
            "## Place by place",
            "",
            "| place | at 1, at initialization | at 0 | at 1, trained | at 0 |",
            "|--:|--:|--:|--:|--:|",
            *places,
            "",
        ]
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("output/studies"),
    show_default=True,
    help="Folder of the parts of all studies.",
)
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path), help="The images.")
def main(out: Path, data_dir: Path | None) -> None:
    """Write the page on erfc(Softplus(x))^2 in `vit`."""
    expression = str(find(FUNCTION).expression)
    with refusing():
        chosen = {expression: Chosen(None, "named")}
        (rows,) = record_missing(find_recipe("vit", "proxy"), chosen, out / "inputs", data_dir)
        found = of_rows("vit", rows.to_pylist())
    save(draw(found), IMAGES / "papers-inputs.png")
    PAGES.mkdir(parents=True, exist_ok=True)
    with replacing(PAGES / "inputs.md") as draft:
        draft.write_text(page(found), encoding="utf-8")
    overview.write()
    click.echo(PAGES / "inputs.md")


if __name__ == "__main__":
    main()
