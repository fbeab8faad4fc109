"""Make ``embedding.parquet``: a map of the entries, UMAP of their outputs in two dimensions.

``python -m builders.embedding`` takes about half a minute. UMAP (McInnes, Healy and Melville 2018,
arXiv 1802.03426) with its defaults on the 80 outputs of each entry, as in Figure 3 of the poster
of Bingham and Miikkulainen (NeurIPS 2023). The seed is fixed and the coordinates are stored, so
that nobody has to wait for UMAP or wonder about its draws: they differ between versions.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Final

import click
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from act_bench.manifest import DATA_FOLDER, EMBEDDING_FILE, LICENCE
from act_bench.schema import EMBEDDING_COLUMNS
from act_bench.space import finite_outputs, load_space
from builders.embedded import write_manifest, write_table

SEED: Final = 0


def embed(outputs: NDArray[np.float32], seed: int = SEED) -> NDArray[np.float32]:
    """Return coordinates of functions in a plane.

    Parameters
    ----------
    outputs : ndarray, shape (functions, points)
        May hold infinities and NaN; see ``act_bench.space.finite_outputs``.
    seed : int
        Of UMAP's draws.

    Returns
    -------
    ndarray, shape (functions, 2)
        float32, centred; no unit.
    """
    import umap

    # One thread: with a seed UMAP uses one anyway, and warns if it is not told so.
    model = umap.UMAP(n_components=2, metric="euclidean", random_state=seed, n_jobs=1)
    places = np.asarray(model.fit_transform(finite_outputs(outputs)), dtype=np.float32)
    centred: NDArray[np.float32] = places - places.mean(axis=0)
    return centred


def build(folder: Path) -> pa.Table:
    """Write the coordinates and the manifest to ``folder``; return the table."""
    places = embed(load_space().outputs)
    table = pa.table(
        {
            "entry": np.arange(len(places), dtype=np.int32),
            "x": places[:, 0],
            "y": places[:, 1],
        }
    )
    about = {
        "made": "python -m builders.embedding",
        "licence": LICENCE,
        "version": version("act-bench"),
        "method": {
            "name": "UMAP",
            "umap-learn": version("umap-learn"),
            "numba": version("numba"),
            "numpy": version("numpy"),
            "seed": SEED,
        },
    }
    write_table(table, EMBEDDING_COLUMNS, folder / EMBEDDING_FILE, about)
    write_manifest(folder)
    return table


@click.command()
@click.option(
    "--folder",
    type=click.Path(exists=True, path_type=Path),
    default=DATA_FOLDER,
    help="Where the file goes; act_bench/data if not given.",
)
def main(folder: Path) -> None:
    """Make embedding.parquet and the manifest."""
    click.echo(f"{EMBEDDING_FILE}: {build(folder).num_rows} rows")


if __name__ == "__main__":
    main()
