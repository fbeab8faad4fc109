"""Search methods compared at equal evaluations, by real training: docs/studies/comparison.md.

    python -m builders.reports.comparison mlp cnn --repeats 5

Every search is a live search (docs/how-to/live_search.md) in a folder of its own, so the command
resumes where it was stopped. An optimizer trains ``--budget`` functions. A method that is
none may take as many seconds as the random search of the same repeat.
Test is shown once per search, at its end.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from scipy.stats import ttest_ind

from act_bench.files.atomic import replacing
from act_bench.tables.registry import table_info
from regenerate.runs.environment import environment
from regenerate.sweeps.processes import available_cores
from surrogates.live import Budget, Confirmation, Found, Problem, search, table_problem
from surrogates.live.confirm import Estimate
from surrogates.live.methods import PROPOSERS
from surrogates.significance import LEVEL, holm

METHODS = {
    "random": "random search",
    "evolution:population=10": "regularized evolution, population 10",
    "controller": "RNN controller with PPO (Swish paper)",
    "aquasurf": "AQuaSurF",
    "grafs": "GRAFS, restarted while seconds are left",
}
FRESH_SEEDS = {"mlp": 10}
"""Table -> seeds that the best function is trained again with; 3 where not named."""
PAGE = Path(__file__).parents[2] / "docs" / "studies" / "comparison.md"


class Row(NamedTuple):
    """One method over all its repeats: values by repeat, in the unit of the metric."""

    method: str
    validation: list[float]
    fresh: list[float]
    test: list[float]
    functions: list[int]
    training_s: list[float]
    other_s: list[float]
    best: str


@click.command()
@click.argument("tables", nargs=-1)
@click.option("--repeats", type=click.IntRange(2), default=5, show_default=True)
@click.option("--budget", type=click.IntRange(1), default=30, show_default=True)
@click.option("--methods", default=",".join(METHODS), show_default=True)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the images.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("output"),
    show_default=True,
    help="Folder of the searches.",
)
@click.option("--page", type=click.Path(path_type=Path), default=PAGE, help="What to write.")
def main(
    tables: tuple[str, ...],
    repeats: int,
    budget: int,
    methods: str,
    data_dir: Path | None,
    out: Path,
    page: Path,
) -> None:
    """Search TABLES, mlp if none is named, with every method and write the page."""
    tables = tables or ("mlp",)
    # Random search first: what it takes is what the others may take.
    names = ["random", *(name for name in methods.split(",") if name != "random")]
    command = (
        f"-m builders.reports.comparison {' '.join(tables)} --repeats {repeats} --budget {budget}"
    )
    metrics = dict.fromkeys(table_info(table).metric_in_words for table in tables)
    head = HEAD.format(command=command, repeats=repeats, budget=budget, metric=" or ".join(metrics))
    parts, said = [head], [f"Each method searched {repeats} times by real training."]
    for table in tables:
        problem = table_problem(table, data_dir=data_dir)
        folder = out / f"comparison-{table}-{problem.fidelity}"
        found = searched(problem, names, repeats, budget, folder)
        rows = [row_of(problem, *pair) for pair in found.items()]
        parts.append(section(problem, rows))
        said.append(sentence(problem, rows))
    text = "\n".join(parts).replace(OPENING, " ".join(said), 1)
    with replacing(page) as draft:
        draft.write_text(text, encoding="utf-8")
    click.echo(text)


def searched(
    problem: Problem, names: list[str], repeats: int, budget: int, folder: Path
) -> dict[str, list[Found]]:
    """Return the searches of every method, repeat by repeat; those that were made are kept."""
    found: dict[str, list[Found]] = {name: [] for name in names}
    for repeat in range(repeats):
        for name in names:
            limit = Budget(evaluations=budget)
            if name in PROPOSERS:
                limit = Budget(seconds=training_s(found["random"][repeat]))
            found[name].append(
                search(
                    problem,
                    folder / f"{name.replace(':', '-')}-{repeat}",
                    method=name,
                    budget=limit,
                    seed=1000 * repeat,
                    confirmation=Confirmation(1, fresh_seeds(problem)),
                )
            )
            best = found[name][-1].best
            shown_best = f"{problem.value(best.score):.4f} {best.expression}"
            click.echo(f"{repeat} {name}: {shown_best}", err=True)
    return found


def fresh_seeds(problem: Problem) -> int:
    """Return how many fresh seeds confirm the best function of a search."""
    return FRESH_SEEDS.get(problem.table, 3)


def training_s(found: Found) -> float:
    """Return the seconds of all trainings that a search told its method of."""
    return sum(each.cost_s for each in found.evaluated)


def row_of(problem: Problem, method: str, found: list[Found]) -> Row:
    """Return what a method found in all its repeats."""
    training = [training_s(one) for one in found]
    return Row(
        method,
        [problem.value(one.best.score) for one in found],
        # The reference is the last row of a confirmation.
        [
            problem.value(one.confirmed[0].validation.mean)
            for one in found
            if len(one.confirmed) > 1
        ],
        [one.tested.fresh.mean for one in found if one.tested and one.tested.fresh],
        [len(one.evaluated) for one in found],
        training,
        [one.clock_s - spent for one, spent in zip(found, training, strict=True)],
        max((one.best for one in found), key=lambda best: best.worth).expression,
    )


OPENING = "OPENING"

HEAD = """\
# Search methods at equal evaluations

OPENING

```
python {command}
```

By real training: {repeats} searches of each method on each table. An optimizer trains {budget}
functions and sees no other value of the table. A method that trains in its own way may take as many
seconds as the random search of the same repeat; it finishes what it began, and begins again with
another seed while seconds are left.

*Searched* is the {metric} that the search saw of its best function; *fresh* is that of
the same function trained again with seeds that the search did not use; *test* is the same metric
on the test images, of these trainings, shown once per search. Each is a mean over the searches with
its 95 % interval (Student's t). Whether another method differs from the best is judged by Welch's
t-test of the fresh values at 0.05, corrected for the number of methods (Holm).
*Training* is the mean time of the trainings that the method was told of; *besides* is the rest of
its clock, a mean too: Fisher spectra of the whole space, or a relaxed search. So methods are equal
in trainings and not on the clock. Terms: [glossary](../reference/glossary.md).
"""


def worth(problem: Problem, row: Row) -> float:
    """Return the mean score of a method's functions when trained again; the worst without any."""
    return problem.value(float(np.mean(row.fresh))) if row.fresh else -math.inf


def sentence(problem: Problem, rows: list[Row]) -> str:
    """Say whose functions are best on a table when trained again, beside those of random search."""
    best = max(rows, key=lambda row: worth(problem, row))
    others = [f", random search {shown(row.fresh)}" for row in rows if row.method == "random"]
    beside = [row for row in rows if row is not best]
    differ = _differ(best.fresh, [row.fresh for row in beside])
    alike = [
        METHODS.get(row.method, row.method)
        for row, differs in zip(beside, differ, strict=True)
        if row.fresh and not differs
    ]
    told = f"; not significantly different: {', '.join(alike)}" if alike else ""
    if len(alike) == len(rows) - 1 > 0:
        told = "; no other method is significantly different"
    return (
        f"On `{problem.table}` the functions that {METHODS.get(best.method, best.method)} found "
        f"are best in the mean when trained again: {problem.metric.replace('_', ' ')} "
        f"{shown(best.fresh)}{''.join(others)}{told}."
    )


def _differ(best: list[float], others: Sequence[list[float]]) -> list[bool]:
    """Return which means differ from the best: Welch's t-test at 0.05, corrected by Holm.

    Values of searches that ended alike have no spread: their means differ where they are not equal.
    A single value differs from nothing, and so does none.

    Examples
    --------
    >>> _differ([0.52, 0.53], [[0.51, 0.55], [0.5200, 0.5201], []])
    [False, False, False]
    >>> _differ([0.52, 0.5201, 0.5199], [[0.50, 0.5001, 0.4999]])
    [True]
    """
    p = []
    for other in others:
        if min(len(best), len(other)) < 2:
            p.append(1.0)
        elif np.ptp(best) == np.ptp(other) == 0:
            p.append(float(best[0] == other[0]))
        else:
            p.append(float(ttest_ind(best, other, equal_var=False).pvalue))
    return [each < LEVEL for each in holm(p).tolist()]


def section(problem: Problem, rows: list[Row]) -> str:
    """Return the part of the page on one table."""
    reference = problem.reference
    assert reference is not None  # noqa: S101  (a table's problem has one)
    rows = sorted(rows, key=lambda row: -worth(problem, row))
    lines = [f"## Table `{problem.table}`, fidelity `{problem.fidelity}`", ""]
    seeds = len(problem.seeds)
    named = f"{seeds} {'seed' if seeds == 1 else 'seeds'}"
    fresh = fresh_seeds(problem)
    lines += [f"{named} per function and {fresh} fresh ones for the best, on {processor()}.", ""]
    lines += ["| method | functions | searched | fresh | test | training | besides |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    lines += [
        f"| {METHODS.get(row.method, row.method)} | {np.mean(row.functions):.0f} | "
        f"{shown(row.validation)} | {shown(row.fresh)} | {shown(row.test)} | "
        f"{np.mean(row.training_s):.1f} s | {np.mean(row.other_s):.1f} s |"
        for row in rows
    ]
    lines += ["", "The best function of each method, by what its searches saw:", ""]
    lines += [f"- {METHODS.get(row.method, row.method)}: `{row.best}`" for row in rows]
    lines += ["", f"The {reference.role} is `{reference.expression}`.", ""]
    return "\n".join(lines)


def shown(values: list[float]) -> str:
    """Return a mean with its interval."""
    if not values:
        return "-"
    mean, half_width = Estimate.of(values)
    return f"{mean:.4f}" + ("" if half_width is None else f" ± {half_width:.4f}")


def processor() -> str:
    """Return the model of the processor and how many cores may be used."""
    model = json.loads(environment(""))["processor"]
    cores = available_cores()
    return f"{cores} {'core' if cores == 1 else 'cores'} of {model}"


if __name__ == "__main__":
    main()
