"""``act-bench export``: the dataset as a Hugging Face dataset repository in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option
from act_bench.cli._progress import working
from act_bench.publishing.export import export


@click.command(cls=Command)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the files of an earlier export in FOLDER.")
@click.option(
    "--traces",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with traces of searches, as of `act-bench simulate --protocol`, to publish too.",
)
@json_option
def command(folder: Path, *, force: bool, traces: Path | None, as_json: bool) -> None:
    r"""Write the dataset to FOLDER as a Hugging Face dataset repository.

    Plain `datasets` reads it, offline and without this package:

    \b
      act-bench export ./act-bench
      python -c 'import datasets; print(datasets.load_dataset("act-bench", "mlp"))'
      act-bench export ./with-traces --traces leaderboard

    The folder's name is the first argument of load_dataset; run Python in the folder above it.
    """
    with working("export"):
        files = export(folder, force=force, traces=traces)
    size = sum(file.stat().st_size for file in files)
    if as_json:
        click.echo(
            json.dumps({"folder": str(folder), "bytes": size, "files": _names(files, folder)})
        )
    else:
        click.echo(f"{folder}: {len(files)} files, {size / 1e6:.1f} MB")


def _names(files: list[Path], folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]
