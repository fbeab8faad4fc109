"""``act-bench download``: fetch a pinned version of the dataset and check it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option
from act_bench.cli._progress import working


@click.command(cls=Command)
@click.argument("repo_id")
@click.option("--revision", required=True, help="The whole hash of a commit: 40 hex digits.")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("act-bench"),
    show_default=True,
    help="Folder to write to.",
)
@json_option
def command(repo_id: str, *, revision: str, folder: Path, as_json: bool) -> None:
    r"""Fetch the dataset REPO_ID from the Hugging Face Hub at one commit, and check every file.

    \b
      act-bench download me/act-bench --revision 0123456789abcdef0123456789abcdef01234567
      python -c 'import datasets; print(datasets.load_dataset("act-bench", "mlp"))'

    Every data file is checked against the SHA-256 in the manifest of that commit. A download that
    breaks off continues at the next call. Exit code 3: a file is damaged or missing.
    """
    from act_bench.publishing.hub import pull

    with working(f"download {repo_id}"):
        checked = pull(repo_id, revision, folder)
    if as_json:
        document = {
            "repo_id": repo_id,
            "revision": revision,
            "folder": str(folder),
            "verified": checked,
        }
        click.echo(json.dumps(document))
    else:
        click.echo(f"{folder}: {len(checked)} data files verified, {repo_id} at {revision}")
