"""Write what the guard compares with: run only where a number is meant to change.

``python tests/guard/make.py tables`` the SHA-256 of each entry's tabulated value and slope;
``python tests/guard/make.py traces`` a search by each optimizer on each table, or by those given;
``python tests/guard/make.py records --data-dir CIFAR10 --data-dir IMAGENETTE`` trainings of ten
entries of each image table, minutes long; ``... check`` repeats these and compares to the last bit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import click
import torch

from act_bench.functions.expression import parse
from act_bench.search.loading import load_data
from act_bench.spaces.paper import load_space
from act_bench.tables.files import tables_with_data
from regenerate.activations import tabulate
from regenerate.recipes import find
from regenerate.runs.certificate import results
from regenerate.runs.environment import same_platform
from regenerate.runs.run import Run
from regenerate.sweeps.sweep import shuffled
from regenerate.training.dispatch import train
from surrogates.optimizers import NAMES, find_optimizer
from surrogates.simulation import simulate

FOLDER = Path(__file__).parent
HASHES = FOLDER / "tables.txt"
TRACES = FOLDER / "traces"
RECORDS = FOLDER / "records.json"
EVALUATIONS = 30
IMAGE_TABLES = {"cnn": "cifar10", "resnet": "cifar10", "vit": "imagenette160"}


def table_digest(expression: str) -> str:
    """Return the SHA-256 of what training looks up: f and f' at all 65,536 bfloat16 inputs."""
    tables = tabulate(parse(expression))
    return hashlib.sha256(tables.value.tobytes() + tables.slope.tobytes()).hexdigest()


def record(table: str, entry: int, images: Path) -> Run:
    """Train an entry of a table with seed 0."""
    torch.set_num_threads(1)
    expression = parse(load_space().representatives[entry])
    folder = images / IMAGE_TABLES[table]
    (run,) = train(find(table, "proxy"), expression, [0], device="cpu", data_dir=folder)
    return run


@click.group()
def main() -> None:
    """Write or check what the guard compares with."""


@main.command()
def tables() -> None:
    """Write the hashes of the tabulated functions, one per line, in the order of the entries."""
    lines = [table_digest(text) for text in load_space().representatives]
    HASHES.write_text("\n".join(lines) + "\n", encoding="ascii")


@main.command()
@click.option("--table", "chosen", multiple=True, help="May be repeated.  [default: all with data]")
@click.option("--optimizer", "names", multiple=True, help="May be repeated.  [default: all]")
def traces(chosen: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Write a trace of each optimizer on each table."""
    TRACES.mkdir(exist_ok=True)
    for table in chosen or tables_with_data():
        for name in names or NAMES:
            folder = TRACES / table
            folder.mkdir(exist_ok=True)
            simulate(
                load_data(table),
                {name: find_optimizer(name)},
                trials=1,
                evaluations=EVALUATIONS,
                traces=folder,
            )


@main.command()
@click.argument("images", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Repeat the trainings and compare.")
def records(images: Path, check: bool) -> None:
    """Train ten entries of each image table; IMAGES has the folders cifar10 and imagenette160."""
    known = json.loads(RECORDS.read_text()) if check else {}
    found: dict[str, list[dict[str, object]]] = {}
    differing = 0
    for table in IMAGE_TABLES:
        data = load_data(table)
        order = [load_space().entry_of[text] for text in shuffled(load_space().representatives)]
        chosen = [entry for entry in order if data.outcome[entry] == "ok"][:8]
        chosen += [entry for entry in order if data.outcome[entry] == "diverged"][:2]
        found[table] = []
        for number, entry in enumerate(chosen):
            run = record(table, entry, images)
            row = dataclasses.asdict(dataclasses.replace(run, entry=entry))
            found[table].append(row)
            verdict = ""
            if check:
                before = Run.from_row(known[table][number])
                same = results(before) == results(Run.from_row(row))
                differing += not same
                platform = same_platform([before.versions, run.versions])
                verdict = "the same" if same else f"DIFFERENT (same platform: {platform})"
            click.echo(f"{table} {run.expression} {run.validation_accuracy} {verdict}")
    if not check:
        RECORDS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if differing:
        raise click.ClickException(f"{differing} records differ")


if __name__ == "__main__":
    main()
