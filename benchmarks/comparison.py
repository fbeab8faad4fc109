"""Search methods compared at equal training cost, by real training; writes docs/comparison.md.

    python benchmarks/comparison.py mlp --repeats 5

Every search is a live search (docs/live_search.md) in a folder of its own, so the command goes on
where it was stopped. An optimiser trains ``--budget`` functions. A method that is none may take as
many seconds as the random search of the same repeat. Test is shown once a search, at its end.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from act_bench.atomic import replacing
from regenerate.environment import environment
from regenerate.executor import available_cores
from regenerate.live import Budget, Confirmation, Found, Problem, search, table_problem
from regenerate.live.confirm import Estimate
from regenerate.live.methods import PROPOSERS

METHODS = {
    "random": "random search",
    "evolution:population=10": "regularised evolution, population 10",
    "controller": "RNN controller with PPO (Swish paper)",
    "aquasurf": "AQuaSurF",
    "grafs": "GRAFS, restarted while seconds are left",
}
FRESH_SEEDS = 10
PAGE = Path(__file__).parents[1] / "docs" / "comparison.md"


class Row(NamedTuple):
    """One method over all its repeats: values by repeat."""

    method: str
    validation: list[float]
    fresh: list[float]
    test: list[float]
    functions: list[int]
    training_s: list[float]
    other_s: list[float]
    best: str


@click.command()
@click.argument("table")
@click.option("--fidelity")
@click.option("--repeats", type=click.IntRange(2), default=5, show_default=True)
@click.option("--budget", type=click.IntRange(1), default=30, show_default=True)
@click.option("--methods", default=",".join(METHODS), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the searches.")
@click.option("--page", type=click.Path(path_type=Path), default=PAGE, help="What to write.")
def main(
    table: str,
    fidelity: str | None,
    repeats: int,
    budget: int,
    methods: str,
    out: Path | None,
    page: Path,
) -> None:
    """Search TABLE with every method and write the page."""
    problem = table_problem(table, fidelity)
    folder = out or Path("output") / f"comparison-{table}-{problem.fidelity}"
    # Random search first: what it takes is what the others may take.
    names = ["random", *(name for name in methods.split(",") if name != "random")]
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
                    confirmation=Confirmation(1, FRESH_SEEDS),
                )
            )
            best = found[name][-1].best
            click.echo(f"{repeat} {name}: {best.score:.4f} {best.expression}", err=True)
    named = "" if fidelity is None else f" --fidelity {fidelity}"
    made_by = f"benchmarks/comparison.py {table}{named} --repeats {repeats} --budget {budget}"
    text = written(problem, [row_of(*pair) for pair in found.items()], budget, made_by)
    with replacing(page) as draft:
        draft.write_text(text, encoding="utf-8")
    click.echo(text)


def training_s(found: Found) -> float:
    """Return the seconds of all trainings that a search told its method of."""
    return sum(each.cost_s for each in found.evaluated)


def row_of(method: str, found: list[Found]) -> Row:
    """Return what a method found in all its repeats."""
    training = [training_s(one) for one in found]
    return Row(
        method,
        [one.best.score for one in found],
        # The reference is the last row of a confirmation.
        [one.confirmed[0].validation.mean for one in found if len(one.confirmed) > 1],
        [one.tested.fresh.mean for one in found if one.tested and one.tested.fresh],
        [len(one.evaluated) for one in found],
        training,
        [one.clock_s - spent for one, spent in zip(found, training, strict=True)],
        max((one.best for one in found), key=lambda best: best.score).expression,
    )


PROSE = """\
# Search methods at equal cost

```
python {made_by}
```

Table `{table}`, fidelity `{fidelity}`, by real training: {repeats} searches of each method, {seeds}
seeds a function, on {processor}. An optimiser trains {budget} functions and sees no other value of
the table. A method that trains in its own way may take as many seconds as the random search of the
same repeat; it finishes what it began, and begins again with another seed while seconds are left.

*Searched* is the validation accuracy that the search saw of its best function; *fresh* is that of
the same function trained again with {fresh} seeds that the search did not use; *test* is the test
accuracy of these trainings, shown once a search. Each is a mean over the searches with its 95 %
interval (Student's t); methods whose intervals overlap are not told apart. *Training* is the mean
time of the trainings that the method was told of; *besides* is the rest of its clock, a mean too:
Fisher spectra of the whole space, or a relaxed search.

"""


def written(problem: Problem, rows: list[Row], budget: int, made_by: str) -> str:
    """Return the page."""
    reference = problem.reference
    assert reference is not None  # noqa: S101  (a table's problem has one)
    rows = sorted(rows, key=lambda row: -float(np.mean(row.fresh or [0.0])))
    lines = ["| method | functions | searched | fresh | test | training | besides |"]
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
    prose = PROSE.format(
        made_by=made_by,
        table=problem.table,
        fidelity=problem.fidelity,
        repeats=len(rows[0].validation),
        seeds=len(problem.seeds),
        processor=processor(),
        budget=budget,
        fresh=FRESH_SEEDS,
    )
    return prose + "\n".join(lines)


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
