"""``act-bench push``: publish the dataset on the Hugging Face Hub."""

from __future__ import annotations

import json
import tempfile
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option
from act_bench.cli._progress import working


@click.command(cls=Command)
@click.argument("repo_id")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="An exported folder; default: a fresh export.",
)
@click.option("--tag", help="Default: v and the version of act-bench.")
@click.option("--public", is_flag=True, help="Make a new repository public; default: private.")
@click.option("--dry-run", is_flag=True, help="List what would be sent; send nothing.")
@json_option
def command(
    repo_id: str,
    *,
    folder: Path | None,
    tag: str | None,
    public: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    r"""Publish the dataset as REPO_ID on the Hugging Face Hub: one commit, then a tag.

    \b
      act-bench push me/act-bench --dry-run
      hf auth login && act-bench push me/act-bench
      act-bench push me/act-bench --folder ./act-bench --tag v0.1.0

    A new repository is private unless --public is given; one that exists stays as it is. A tag
    that exists is an error: a version that was published does not change.
    """
    from act_bench.publishing.export import export
    from act_bench.publishing.hub import push, uploads

    tag = tag or f"v{version('act-bench')}"
    made = nullcontext(folder) if folder else tempfile.TemporaryDirectory()
    with working("list" if dry_run else "push"), made as chosen:
        source = Path(chosen)
        if folder is None:
            export(source, url=f"https://huggingface.co/datasets/{repo_id}")
        files = uploads(source)
        pushed = None if dry_run else push(source, repo_id, tag, private=not public)
    size = sum(file.bytes for file in files)
    if as_json:
        document = {
            "repo_id": repo_id,
            "tag": tag,
            "files": [file._asdict() for file in files],
            "bytes": size,
            "commit": pushed.commit if pushed else None,
            "url": pushed.url if pushed else None,
        }
        click.echo(json.dumps(document))
        return
    for file in files:
        click.echo(f"{file.bytes:>12,}  {file.sha256[:12]}  {file.path}")
    click.echo(f"{len(files)} files, {size / 1e6:.1f} MB, tag {tag}")
    if pushed is None:
        click.echo("Nothing was sent (--dry-run).")
    else:
        click.echo(f"{pushed.url} at commit {pushed.commit}")
        click.echo(f"To fetch it: act-bench download {repo_id} --revision {pushed.commit}")
