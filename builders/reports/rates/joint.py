"""Is it worth searching function and learning rate together? Measured by the clock.

``python -m builders.reports.rates.joint mlp`` simulates the same optimizers over the functions
at the recipe's own rate and over the pairs of function and rate, and compares them when the same
seconds of training were spent, as they would be if one machine had trained all rates
(:mod:`builders.reports.rates.one_machine`). The reference is the best of the table at any rate, so
a search at the recipe's own rate keeps a regret that it cannot lose. Prints Markdown; ``--write``
puts the sections of all tables that have rates into ``docs/studies/rates.md``, and the figures into
``docs/studies/rates-joint.csv``; below each stands what :mod:`builders.reports.rates.confirmed`
finds, and in ``rates-joint-confirmed.csv``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import numpy as np
import polars as pl

from act_bench.files.atomic import replacing
from act_bench.search.loading import load_data
from act_bench.tables.rates import table_rates
from act_bench.tables.registry import TABLES
from builders.reports.rates import confirmed
from builders.reports.rates.one_machine import on_one_machine, slowness_of_rates
from surrogates.optimizers import asks_for_rates, find_optimizer
from surrogates.simulation import Simulation, simulate

PLAIN: Final = ("random", "knn", "gp-ei")
BUDGETS: Final = (10, 25, 50, 100)
"""In mean trainings at the recipe's own rate."""
STUDIES: Final = Path(__file__).parents[3] / "docs" / "studies"
BEGIN: Final = "<!-- begin: python -m builders.reports.rates.joint -->"
END: Final = "<!-- end: joint -->"
_RESAMPLES: Final = 2000


def by_clock(simulation: Simulation, budgets_s: list[float], worst: float) -> pl.DataFrame:
    """Return the regret of each trial when so many seconds were spent.

    Parameters
    ----------
    simulation
        Of all optimizers.
    budgets_s
        Seconds of training.
    worst
        Regret of a trial that has nothing by then.

    Returns
    -------
    polars.DataFrame
        ``optimizer``, ``trial``, ``budget`` (its place) and ``regret``.
    """
    rows = []
    for (optimizer, trial), steps in simulation.steps.group_by(
        "optimizer", "trial", maintain_order=True
    ):
        clock, regret = steps["clock_s"].to_numpy(), steps["regret"].to_numpy()
        for place, seconds in enumerate(budgets_s):
            done = int(np.searchsorted(clock, seconds, side="right"))
            value = float(regret[done - 1]) if done else worst
            rows.append((optimizer, trial, place, value))
    return pl.DataFrame(rows, ["optimizer", "trial", "budget", "regret"], orient="row")


def compare(table: str, trials: int, seed: int = 0) -> pl.DataFrame:
    """Return the mean regret by clock of each optimizer on a table, with intervals of 95 %.

    The intervals are bootstrap ones over trials.
    """
    data = on_one_machine(load_data(table), slowness_of_rates(table))
    costs = np.array([data.cost_s[entry] or 0.0 for entry in data.covered])
    budgets = [budget * float(costs.mean()) for budget in BUDGETS]
    names = [name for plain in PLAIN for name in (plain, f"{plain}-rates")]
    factories = {name: find_optimizer(name) for name in names}
    # Functions differ in cost, so that the clock may need more evaluations than its budget names.
    evaluations = min(2 * max(BUDGETS), len(data.covered))
    simulation = simulate(data, factories, trials=trials, evaluations=evaluations, seed=seed)
    top = float((simulation.steps["regret"] + simulation.steps["best_so_far"]).to_numpy().max())
    regrets = by_clock(simulation, budgets, top - data.worst_score)
    rng = np.random.default_rng(seed)
    rows = []
    for name, factory in factories.items():
        for place, budget in enumerate(BUDGETS):
            chosen = regrets.filter((pl.col("optimizer") == name) & (pl.col("budget") == place))
            values = chosen["regret"].to_numpy()
            drawn = rng.choice(values, (_RESAMPLES, values.size)).mean(axis=1)
            low, high = np.quantile(drawn, [0.025, 0.975])
            setting = (table, name, asks_for_rates(factory), budget, budgets[place], trials)
            rows.append((*setting, float(values.mean()), float(low), float(high)))
    columns = ["table", "optimizer", "searches_rates", "trainings", "clock_s", "trials"]
    return pl.DataFrame(rows, [*columns, "regret", "low", "high"], orient="row")


def section(figures: pl.DataFrame) -> str:
    """Return the Markdown of one table's figures."""
    about = (
        f"Mean regret, {figures['trials'][0]} searches each, against the best at any rate, when "
        "the same seconds of training were spent, counted as if one machine had trained all rates; "
        "95 % intervals over searches."
    )
    heads = " | ".join(f"{budget} trainings' worth" for budget in BUDGETS)
    lines = [
        f"### Function and rate together: {figures['table'][0]}",
        "",
        about,
        "",
        f"| optimizer | {heads} |",
        "|---|" + "---|" * len(BUDGETS),
    ]
    for (name,), rows in figures.group_by("optimizer", maintain_order=True):
        cells = [
            f"{row['regret']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
            for row in rows.iter_rows(named=True)
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@click.command()
@click.argument("tables", nargs=-1)
@click.option("--trials", default=50, show_default=True)
@click.option(
    "--traces",
    type=click.Path(path_type=Path),
    default=Path("leaderboard"),
    show_default=True,
    help="Folder of the traces of the protocol.",
)
@click.option("--write", is_flag=True, help="Put it into docs/studies/rates.md.")
def main(tables: tuple[str, ...], trials: int, traces: Path, write: bool) -> None:
    """Compare searches at the recipe's own rate with those over functions and rates."""
    chosen = tables or tuple(name for name in TABLES if table_rates(name))
    figures = [compare(table, trials) for table in chosen]
    others = [confirmed.compare(table, traces) for table in chosen]
    text = "\n".join(
        "\n".join([section(each), *([confirmed.section(other)] if other.height else [])])
        for each, other in zip(figures, others, strict=True)
    )
    click.echo(text)
    if write:
        document = STUDIES / "rates.md"
        page = document.read_text(encoding="utf-8")
        if BEGIN not in page:
            page = f"{page.rstrip()}\n\n{BEGIN}\n\n{END}\n"
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        with replacing(document) as draft:
            draft.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
        with replacing(STUDIES / "rates-joint.csv") as draft:
            pl.concat(figures).write_csv(draft, float_precision=6)
        with replacing(STUDIES / "rates-joint-confirmed.csv") as draft:
            pl.concat(other for other in others if other.height).write_csv(draft, float_precision=6)


if __name__ == "__main__":
    main()
