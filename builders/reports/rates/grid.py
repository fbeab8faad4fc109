"""How much a finer grid of learning rates would give, by seeds that chose no rate.

    python -m builders.reports.rates.grid cnn --data-dir FOLDER [--minutes 30]

The rates of a table lie a factor q apart. The finer grid has rates between them too, and one below
and above them all, so that neighbors are a factor of the square root of q apart. For the baselines
and some functions drawn at random from those that train, seed 0 is trained at the rates that are
new, and chooses among all; other seeds are trained at that rate. The *loss* of the table's grid is
the mean of these seeds at the rate of the finer grid, less their mean at the tuned rate of the
table. Stop it at any moment and run it again to resume; without anything left to train it prints
Markdown. Its runs for `cnn` lie in ``docs/calibration/cnn-grid``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import numpy as np
import polars as pl

from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from act_bench.tables.loaders import load_table
from act_bench.tables.rates import table_rates
from act_bench.tables.registry import table_info
from act_bench.tables.runs import load_runs
from builders.rates import FIRST_SEED, RATE, choose_rates, fresh_summaries
from builders.reports.studies.trainings import Resources, Trainings
from regenerate.recipes import Recipe, find
from regenerate.sweeps.executor import LocalExecutor
from regenerate.sweeps.processes import available_cores
from regenerate.sweeps.sweep import shuffled
from regenerate.sweeps.time_limit import TimeLimit

RECORDS: Final = Path(__file__).parents[3] / "docs" / "calibration"
DRAWN: Final = 16
FRESH: Final = 2
"""Seeds beside the one that chooses."""


def finer(rates: Sequence[float]) -> list[float]:
    """Return the rates that the finer grid adds, ascending, with three digits.

    Examples
    --------
    >>> finer([0.05, 0.1, 0.2])
    [0.0354, 0.0707, 0.141, 0.283]
    """
    step = (rates[-1] / rates[0]) ** (0.5 / (len(rates) - 1))
    added = [rates[0] / step, *(rate * step for rate in rates)]
    return [float(f"{rate:.3g}") for rate in added]


def functions(table: str, drawn: int = DRAWN) -> list[str]:
    """Return the baselines, and functions drawn at random from those that train when tuned.

    They come first in the order of all sweeps, by which the random entries with fresh seeds were
    chosen; the first one that trains without such seeds ends them.
    """
    space, info = load_space(), table_info(table)
    entries = [space.resolve(text).entry for text in BASELINES]
    found = [space.representatives[entry] for entry in entries]
    columns = ["expression", info.metric, "fresh_runs"]
    rows = {row[0]: row for row in load_table(table, rate="tuned", columns=columns).rows()}
    for text in shuffled(rows):
        _, value, fresh = rows[text]
        if value is None or info.score(value) <= info.trained_score or text in found:
            continue
        if fresh < FRESH or len(found) == len(BASELINES) + drawn:
            break
        found.append(text)
    return found


class Grid:
    """The trainings of a finer grid, in a folder.

    Parameters
    ----------
    recipe
        Of the table, at its own rate.
    texts
        The functions.
    folder
        Where the parts lie.
    """

    def __init__(self, recipe: Recipe, texts: Sequence[str], folder: Path) -> None:
        self.recipe, self.texts, self.folder = recipe, tuple(texts), folder
        self.info = table_info(recipe.table)
        self.added = tuple(finer(table_rates(recipe.table)))

    @property
    def known(self) -> pl.DataFrame:
        """The embedded runs of the functions, at every rate of the table."""
        runs = load_runs(self.recipe.table, self.recipe.fidelity, rate="all")
        return runs.filter(pl.col("expression").is_in(self.texts))

    @property
    def first(self) -> Trainings:
        """Seed 0 at the rates that are new."""
        return Trainings(self.recipe, self.texts, self.added, fresh=0)

    def chosen(self) -> dict[str, float]:
        """Return the rate of the finer grid at which each function is best with seed 0."""
        runs = pl.concat([self.known, self.first.runs(self.folder)])
        first = runs.filter(pl.col("seed") == FIRST_SEED)
        rows = choose_rates(first, self.recipe.learning_rate, "expression", self.info.metric)
        return dict(rows.select("expression", RATE).rows())

    @property
    def fresh(self) -> Trainings:
        """Other seeds of the functions whose rate is new."""
        chosen = {text: rate for text, rate in self.chosen().items() if rate in self.added}
        return Trainings(self.recipe, tuple(chosen), self.added, FRESH, chosen)

    def train(self, resources: Resources) -> int:
        """Train what the folder lacks; return how many trainings are left."""
        if left := self.first.train(self.folder, resources):
            return left
        return self.fresh.train(self.folder, resources)

    def compared(self) -> pl.DataFrame:
        """Return of each function the two rates, and the mean of the other seeds at each.

        Returns
        -------
        polars.DataFrame
            ``expression``, ``tuned`` and ``finer``, the rates, ``at_tuned`` and ``at_finer``.
        """
        table = load_table(self.recipe.table, rate="tuned", columns=["expression", RATE])
        tuned = dict(table.rows())
        every = pl.concat([self.known, self.fresh.runs(self.folder)]).unique(
            ["expression", RATE, "seed"], maintain_order=True
        )
        others = every.filter(pl.col("seed").is_between(1, FRESH))
        fresh = fresh_summaries(others, self.info, ["expression", RATE])
        means = fresh.select("expression", RATE, f"fresh_{self.info.metric}").rows()
        mean = {(text, rate): self.info.score(value) for text, rate, value in means}
        chosen = self.chosen()
        return pl.DataFrame(
            {
                "expression": self.texts,
                "tuned": [tuned[text] for text in self.texts],
                "finer": [chosen[text] for text in self.texts],
                "at_tuned": [mean[text, tuned[text]] for text in self.texts],
                "at_finer": [mean[text, chosen[text]] for text in self.texts],
            }
        )


def said(found: pl.DataFrame, grid: Grid) -> str:
    """Return the report as Markdown."""
    loss = (found["at_finer"] - found["at_tuned"]).to_numpy()
    error = loss.std(ddof=1) / np.sqrt(len(loss)) if len(loss) > 1 else np.nan
    moved = int((found["tuned"] != found["finer"]).sum())
    ends = (grid.added[0], grid.added[-1])
    outside = int(found["finer"].is_in(ends).sum())
    added = ", ".join(f"{rate:g}" for rate in grid.added)
    about = (
        f"The rates {added} were added to those of `{grid.recipe.table}`. Of {len(loss)} "
        f"functions, the baselines and others drawn at random, seed 0 chooses one of them for "
        f"{moved}, the lowest or highest for {outside}. By seeds 1 and 2 the finer grid gives "
        f"{loss.mean():+.4f} ± {error:.4f} (mean over the functions, standard error), at most "
        f"{loss.max():+.4f}.\n"
    )
    lines = [
        about,
        "| function | tuned rate | finer | at the tuned rate | at the finer | difference |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| `{row['expression']}` | {row['tuned']:g} | {row['finer']:g} | {row['at_tuned']:.4f} | "
        f"{row['at_finer']:.4f} | {row['at_finer'] - row['at_tuned']:+.4f} |"
        for row in found.sort("at_tuned", descending=True).iter_rows(named=True)
    ]
    return "\n".join(lines)


@click.command()
@click.argument("table")
@click.option("--functions", "drawn", type=click.IntRange(1), default=DRAWN, show_default=True)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the images.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Folder of the parts.  [default: docs/calibration/TABLE-grid]",
)
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), help="Begin nothing that would end later."
)
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: one for each core]")
def main(
    table: str,
    drawn: int,
    data_dir: Path | None,
    folder: Path | None,
    minutes: float | None,
    jobs: int | None,
) -> None:
    """Train what is missing of a finer grid for TABLE, and say what it gives."""
    recipe = find(table, table_info(table).default_fidelity)
    grid = Grid(recipe, functions(table, drawn), folder or RECORDS / f"{table}-grid")
    limit = TimeLimit(60 * minutes) if minutes else None
    if left := grid.train(Resources(LocalExecutor(jobs or available_cores()), data_dir, limit)):
        click.echo(f"{left} trainings are left: run the same command again to go on")
        return
    click.echo(said(grid.compared(), grid))


if __name__ == "__main__":
    main()
