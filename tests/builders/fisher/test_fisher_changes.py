"""The spectra that depend on the slopes of training are made again, and compared."""

from __future__ import annotations

from act_bench.spaces.paper import load_space
from builders.fisher.build import build_parts
from builders.fisher.changes import entries_without_gradient, write_changes
from regenerate.fisher.networks import setting


def test_made_again_spectra_of_the_digits_exist(tmp_path):
    chosen = [2770, 2776]
    lost = entries_without_gradient("mlp")
    assert set(chosen) < set(lost)
    expressions = load_space().representatives
    digits = setting("mlp")
    assert [*build_parts(digits, expressions, tmp_path, entries=[2712, *chosen])] == [0, 3]
    assert [*build_parts(digits, expressions, tmp_path, entries=[2712, *chosen])] == [3]
    rows = write_changes("mlp", expressions, tmp_path).read_text().splitlines()
    assert rows[0] == "entry,expression,before,after"
    assert [int(row.partition(",")[0]) for row in rows[1:]] == chosen
    assert all(row.endswith("not finite,") for row in rows[1:])
