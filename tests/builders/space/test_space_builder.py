"""Making space.parquet again, and what the builder refuses."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from act_bench.files.manifest import SPACE_FILE
from act_bench.spaces.paper import enumerate_space, load_space, read_space
from builders.embedded import BuildError, read_about
from builders.space.entries import build, check_refinement, main, read_entries

SPACE = load_space()
ENTRIES = np.array([SPACE.entry_of[name] for name in SPACE.expressions])


def write_csv(path, names, entries):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["expression", "class_n80"])
        writer.writerows(zip(names, entries, strict=True))
    return path


def test_building_again_gives_the_embedded_space(tmp_path):
    source = write_csv(tmp_path / "entries.csv", enumerate_space(), ENTRIES)
    arguments = ["build", "--entries", str(source), "--folder", str(tmp_path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert "5103 expressions, 2913 entries, 2791 canonical classes" in result.output
    again = read_space(tmp_path / SPACE_FILE)
    assert again.entry_of == SPACE.entry_of
    assert again.canonical_class == SPACE.canonical_class
    np.testing.assert_array_equal(again.points, SPACE.points)
    # Last bits are SciPy's and the machine's.
    np.testing.assert_allclose(again.grid, SPACE.grid, rtol=0, atol=1e-9)
    np.testing.assert_allclose(again.outputs, SPACE.outputs, rtol=1.2e-7, atol=1e-45)
    assert "builders.space build" in read_about(tmp_path / SPACE_FILE)["made"]
    stored = pq.read_table(tmp_path / SPACE_FILE)
    assert stored.num_rows == 5103
    assert stored.column_names == ["expression", "entry", "canonical_class", "outputs"]


def test_rows_in_another_order_are_refused(tmp_path):
    names = list(enumerate_space())
    names[5], names[6] = names[6], names[5]
    source = write_csv(tmp_path / "entries.csv", names, ENTRIES)
    with pytest.raises(BuildError, match=r"expected add\(zero\(x\),reciprocal\(x\)\) in row 5"):
        read_entries(source)


@pytest.mark.parametrize("entries", [ENTRIES[::-1], np.zeros_like(ENTRIES), ENTRIES + 1])
def test_entries_with_other_numbers_are_refused(tmp_path, entries):
    source = write_csv(tmp_path / "entries.csv", enumerate_space(), entries)
    with pytest.raises(BuildError, match="order of first appearance"):
        read_entries(source)


def test_an_entry_with_two_classes_is_refused(tmp_path):
    mixed = ENTRIES.copy()
    mixed[mixed == 2] = 3
    with pytest.raises(BuildError, match=r"1 hold several, the first are add\(zero\(x\),identity"):
        build(mixed, tmp_path)
    with pytest.raises(BuildError, match="2 hold several"):
        check_refinement(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 2, 3, 4]))
