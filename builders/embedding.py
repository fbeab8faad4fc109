"""Make the stored maps: UMAP of the functions in two dimensions.

``python -m builders.embedding --outputs`` makes ``embedding.parquet``, the map by outputs: UMAP
with its defaults on the 80 outputs of each entry, as in Figure 3 of the poster of Bingham and
Miikkulainen (NeurIPS 2023). ``python -m builders.embedding --table mlp`` makes
``mlp-embedding.parquet``, the maps by Fisher spectra and by the union of both, of the functions
with a valid spectrum. Without options, all that there can be are made. Each takes about a minute.
With ``--check`` they are made again and compared with those that are embedded, number by number;
with the same versions of the libraries nothing differs but the rounding of the map by outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from act_bench.files.manifest import DATA_FOLDER, EMBEDDING_FILE, verified
from act_bench.publishing.parquet import write_table
from act_bench.spaces.paper import finite_outputs, load_space
from act_bench.tables.distances import DEFAULT_WEIGHTING, layer_weights
from act_bench.tables.files import table_files
from act_bench.tables.maps import MAP_COLUMNS, map_name, spectra_sha
from act_bench.tables.registry import TABLES, import_own_tables, table_info
from act_bench.tables.schema import EMBEDDING_COLUMNS, UnknownNameError
from act_bench.tables.spectra import Spectra, fisher_name, load_spectra
from builders.command import table_folder_option
from builders.embedded import origin, write_manifest
from surrogates.embeddings import LIBRARIES, UMAP, umap_places
from surrogates.features import Part, output_part, spectrum_part

SEED: Final = UMAP.seed
ROUNDING: Final = 1e-4
"""How far a map that was made again may lie from the stored one; maps are 9 to 36 wide."""


def embed(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the coordinates of functions by outputs.

    Parameters
    ----------
    outputs : ndarray, shape (functions, points)
        May hold infinities and NaN; see ``act_bench.spaces.paper.finite_outputs``.

    Returns
    -------
    ndarray, shape (functions, 2)
        float32, centered; no unit.
    """
    part = Part(finite_outputs(outputs).astype(np.float64), "euclidean")
    return umap_places([part]).astype(np.float32)


def embed_spectra(outputs: NDArray[np.float32], spectra: Spectra) -> dict[str, NDArray[np.float32]]:
    """Return the coordinates of functions by spectra, ``fim``, and by both, ``union``.

    Parameters
    ----------
    outputs : ndarray, shape (functions, points)
    spectra : Spectra
        Of the same functions.

    Returns
    -------
    dict of str to ndarray, shape (functions, 2)
        float32; NaN for a function without a valid spectrum.
    """
    valid = np.asarray(spectra.valid)
    weights = layer_weights([layer.weights for layer in spectra.layers])
    by_outputs = output_part(finite_outputs(outputs)[valid])
    by_spectra = spectrum_part(spectra.quantiles[valid], weights)
    found = {}
    for name, parts in (("fim", [by_spectra]), ("union", [by_outputs, by_spectra])):
        places = np.full((len(valid), UMAP.dimensions), np.nan, dtype=np.float32)
        places[valid] = umap_places(parts)
        found[name] = places
    return found


def build(folder: Path) -> pa.Table:
    """Write the map by outputs and the manifest to ``folder``; return the table."""
    places = embed(load_space().outputs)
    columns = {"x": places[:, 0], "y": places[:, 1]}
    table = pa.table({"entry": np.arange(len(places), dtype=np.int32), **columns})
    about = _about("--outputs", {"neighbours": UMAP.euclidean_neighbours})
    write_table(table, EMBEDDING_COLUMNS, folder / EMBEDDING_FILE, about)
    write_manifest(folder)
    return table


def build_table(name: str, folder: Path) -> pa.Table:
    """Write the maps by a table's spectra and the manifest to ``folder``; return the table."""
    spectra = load_spectra(name)
    columns: dict[str, pa.Array] = {"entry": pa.array(np.arange(len(spectra.valid)), pa.int32())}
    for feature, places in embed_spectra(load_space().outputs, spectra).items():
        for axis, values in zip("xy", places.T, strict=True):
            columns[f"{feature}_{axis}"] = pa.array(values, mask=np.isnan(values))
    table = pa.table(columns)
    method: dict[str, object] = {
        "outputs": {"metric": "euclidean", "neighbours": UMAP.euclidean_neighbours},
        "fim": {"metric": "manhattan", "neighbours": UMAP.manhattan_neighbours},
        "union": "fuzzy union of both graphs",
        "weighting": DEFAULT_WEIGHTING,
    }
    about = _about(f"--table {name}", method)
    about |= {"table": name, "spectra_sha": spectra_sha(spectra)}
    write_table(table, MAP_COLUMNS, folder / map_name(name), about)
    write_manifest(folder)
    return table


def _about(option: str, method: dict[str, object]) -> dict[str, object]:
    versions = {library: version(library) for library in LIBRARIES}
    return {
        **origin(f"python -m builders.embedding {option}"),
        "method": {"name": "UMAP", "seed": SEED} | versions | method,
    }


@click.command()
@click.option("--outputs", is_flag=True, help="The map by outputs, embedding.parquet.")
@click.option(
    "--table",
    "tables",
    multiple=True,
    help="The maps by the spectra of a table; may be given several times.",
)
@table_folder_option
@click.option("--check", is_flag=True, help="Write nothing; compare with the embedded files.")
def main(outputs: bool, tables: tuple[str, ...], folder: Path | None, check: bool) -> None:
    """Make the stored maps and the manifest; without options, all that there can be."""
    import_own_tables()
    if not outputs and not tables:
        outputs = True
        tables = tuple(name for name in TABLES if fisher_name(name) in table_files(name))
    makers = {EMBEDDING_FILE: (build, DATA_FOLDER)} if outputs else {}
    for name in tables:
        try:
            own = table_info(name).folder or DATA_FOLDER
        except UnknownNameError as error:
            raise click.BadParameter(str(error), param_hint="--table") from error
        makers[map_name(name)] = partial(build_table, name), own
    for file, (make, own) in makers.items():
        if check:
            compare(file, make, own)
        else:
            click.echo(f"{file}: {make(folder or own).num_rows} rows")


def compare(file: str, make: Callable[[Path], pa.Table], folder: Path) -> None:
    """Make a file again and say whether it has the numbers of the embedded one.

    Raises
    ------
    click.ClickException
        It has others, beyond `ROUNDING`; exit code 1.
    """
    with TemporaryDirectory() as beside:
        make(Path(beside))
        again, known = _numbers(Path(beside) / file), _numbers(verified(file, folder))
    if np.array_equal(again, known, equal_nan=True):
        click.echo(f"{file}: made again, the same numbers")
        return
    if again.shape != known.shape or not np.allclose(
        again, known, rtol=0, atol=ROUNDING, equal_nan=True
    ):
        raise click.ClickException(
            f"{file}: made again, it has other numbers than the embedded one. UMAP's places differ "
            f"between versions of its libraries; the file was made with those in its metadata"
        )
    apart = np.nanmax(np.abs(again - known))
    click.echo(f"{file}: made again, the same within {apart:.1g}")


def _numbers(path: Path) -> NDArray[np.float64]:
    table = pq.read_table(path)
    return np.column_stack([column.to_numpy().astype(np.float64) for column in table.columns])


if __name__ == "__main__":
    main()
