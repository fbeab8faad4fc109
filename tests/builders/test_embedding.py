"""The stored map; UMAP itself is not run here, it takes a minute to compile."""

from __future__ import annotations

import numpy as np

from act_bench.manifest import EMBEDDING_FILE, verified
from act_bench.space import load_space
from builders.embedded import read_about


def test_the_stored_map_says_how_it_was_made() -> None:
    about = read_about(verified(EMBEDDING_FILE))
    assert about["method"]["name"] == "UMAP"
    assert about["method"]["seed"] == 0


def test_equal_functions_lie_together() -> None:
    """Entries of one canonical class differ by rounding only, so the map should not part them."""
    import pyarrow.parquet as pq

    table = pq.read_table(verified(EMBEDDING_FILE))
    places = np.column_stack([table["x"], table["y"]])
    space = load_space()
    classes = np.array(space.canonical_class)
    outputs = space.outputs
    spread = np.linalg.norm(places.std(axis=0))
    apart = [
        np.linalg.norm(places[members] - places[members].mean(axis=0), axis=1).max()
        for members in (np.flatnonzero(classes == number) for number in np.unique(classes))
        if len(members) > 1 and np.isfinite(outputs[members]).all()
    ]
    assert len(apart) > 50
    assert np.quantile(apart, 0.9) < 0.1 * spread
