"""``python -m builders.fisher TABLE``: the spectra of all entries, resumable, and embedded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from act_bench.files.manifest import DATA_FOLDER
from act_bench.spaces.paper import load_space
from act_bench.tables.registry import import_own_tables, table_info
from act_bench.tables.spectra import Labels, fisher_name, true_label_file
from builders.fisher.build import build_parts, embed, write
from builders.fisher.changes import entries_without_gradient, write_changes
from builders.fisher.merge import merge
from regenerate.fisher import convention as fisher
from regenerate.fisher.networks import setting


@click.command()
@click.argument("table")
@click.option(
    "--parts",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the parts.  [default: sweeps/TABLE-fisher; with true labels TABLE-fisher-true]",
)
@click.option(
    "--shard",
    type=(int, int),
    default=(1, 1),
    metavar="I N",
    help="Only every N-th part from the I-th on, without embedding.",
)
@click.option(
    "--labels",
    type=click.Choice(["predicted", "true"]),
    default="predicted",
    show_default=True,
    help="Labels of the Fisher information. Spectra by the data's own, as in the published code, "
    "are not embedded: they go to the cache folder.",
)
@click.option(
    "--without-gradient",
    "without_gradient",
    is_flag=True,
    help="Only the entries whose embedded spectrum is invalid for its gradients: their parts and "
    "a list of what changed, without embedding.",
)
@click.option(
    "--merge",
    "merged",
    is_flag=True,
    help="With --without-gradient: embed them; all other rows of the file keep their bits.",
)
@click.option("--device", default="cpu", show_default=True, help="A torch device.")
@click.option(
    "--data-dir",
    type=click.Path(exists=True, path_type=Path),
    help="Folder with the images, for data sets that do not come with a library.",
)
@click.option(
    "--folder",
    type=click.Path(exists=True, path_type=Path),
    help="Where the file goes.  [default: the folder of the table; with true labels the cache]",
)
def main(
    table: str,
    parts: Path | None,
    shard: tuple[int, int],
    labels: Labels,
    without_gradient: bool,
    merged: bool,
    device: str,
    data_dir: Path | None,
    folder: Path | None,
) -> None:
    """Compute the Fisher spectra of all entries of TABLE and embed them.

    Stop it at any moment and run it again to resume.
    """
    import_own_tables()
    true = labels == "true"
    if true and without_gradient:
        raise click.UsageError("--without-gradient is of the embedded spectra: leave out --labels")
    if merged and not without_gradient:
        raise click.UsageError("--merge is of the spectra of --without-gradient: give both")
    purpose = "fisher-again" if without_gradient else "fisher-true" if true else "fisher"
    parts = parts or Path("sweeps") / f"{table}-{purpose}"
    expressions = load_space().representatives
    try:
        own = table_info(table).folder or DATA_FOLDER
        folder = folder or (true_label_file(table).parent if true else own)
        found = setting(table, device=device, data_dir=data_dir)
        if true:
            convention = replace(found.convention, labels=fisher.Labels.TRUE)
            found = replace(found, convention=convention)
        entries = entries_without_gradient(table) if without_gradient else None
        for done, total in build_parts(found, expressions, parts, shard, entries=entries):
            click.echo(f"{done} of {total} entries", err=True)
        if shard != (1, 1):
            return
        if without_gradient:
            path = write_changes(table, expressions, parts)
            click.echo(f"{path}: {len(path.read_text(encoding='utf-8').splitlines()) - 1} changed")
            if merged:
                merge(found.convention, parts, folder)
                click.echo(f"{folder / fisher_name(table)}: has them; all other rows as before")
        elif true:
            path = folder / true_label_file(table).name
            path.parent.mkdir(parents=True, exist_ok=True)
            write(found.convention, len(expressions), parts, path, " --labels true")
            click.echo(f"{path}: {len(expressions)} rows")
        else:
            record = embed(found.convention, len(expressions), parts, folder)
            name = f"{table}-fisher.parquet"
            click.echo(f"{name}: {record[name].rows} rows, {record[name].bytes} bytes")
    except (ValueError, FileNotFoundError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
