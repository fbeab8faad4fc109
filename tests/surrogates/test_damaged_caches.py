"""Caches that are damaged are made again, with a warning that names the file."""

import re

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import builders.space.large
from act_bench.cli import main
from act_bench.errors import ActBenchError
from act_bench.files import sealed
from act_bench.spaces import large
from surrogates import embeddings
from surrogates.features import output_part

PLACES = np.random.default_rng(0).normal(size=(40, 2))
PARTS = [output_part(np.eye(40, dtype=np.float32))]


def damaged(content, place, bit, cut):
    changed = bytearray(content)
    place %= len(changed)
    if cut:
        return bytes(changed[:place])
    changed[place] ^= 1 << bit
    return bytes(changed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cache for the module, whose maps cost nothing."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("ACT_BENCH_CACHE", str(folder))
        monkeypatch.setattr(embeddings, "umap_places", lambda parts, settings: PLACES)
        monkeypatch.setattr(builders.space.large, "write", write)
        yield folder


def write(variant="27", progress=None):
    """Make a large space of three functions."""
    names = ["relu(x)", "elu(x)", "tanh(x)"]
    columns = {"expression": names, "class": [0, 1, 2], "entry": [20, 21, None]}
    types = {"class": pl.UInt32, "entry": pl.Int16}
    frame = pl.DataFrame(columns, schema_overrides=types)
    expressions = frame.with_columns(float32_class="class")
    outputs = pl.Series("outputs", np.zeros((3, 80), np.float32), dtype=pl.Array(pl.Float32, 80))
    functions = frame.with_columns(pl.lit(1, pl.UInt32).alias("expressions"), outputs)
    sealed.write(large.expressions_file(variant), expressions.to_arrow())
    sealed.write(large.outputs_file(variant), functions.to_arrow())


@settings(max_examples=15)
@given(st.integers(0, 1 << 20), st.integers(0, 7), st.booleans())
def test_a_damaged_map_is_made_again(folder, place, bit, cut):
    assert np.array_equal(embeddings.cached_places(PARTS), PLACES)
    (file,) = (folder / "umap").iterdir()
    whole = file.read_bytes()
    file.write_bytes(damaged(whole, place, bit, cut))
    with pytest.warns(UserWarning, match=f"{re.escape(str(file))} is damaged .*made again"):
        assert np.array_equal(embeddings.cached_places(PARTS), PLACES)
    assert file.read_bytes() == whole


def test_a_map_is_made_where_no_cache_can_be_written(folder, monkeypatch):
    for file in (folder / "umap").glob("*"):
        file.unlink()

    def full(path, table):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed, "write", full)
    assert np.array_equal(embeddings.cached_places(PARTS), PLACES)


@settings(max_examples=15)
@given(st.integers(0, 1 << 20), st.integers(0, 7), st.booleans(), st.booleans())
def test_a_damaged_large_space_is_refused_and_made_again(folder, place, bit, cut, first):
    builders.space.large.build()
    scans = {large.expressions_file(): large.scan, large.outputs_file(): large.scan_outputs}
    file = list(scans)[first]
    whole = file.read_bytes()
    file.write_bytes(damaged(whole, place, bit, cut))
    with pytest.raises(ActBenchError, match=f"{re.escape(str(file))} is damaged .*space build"):
        scans[file]().collect()
    with pytest.warns(UserWarning, match=re.escape(str(file))):
        builders.space.large.build()
    assert file.read_bytes() == whole
    assert scans[file]().collect().height == 3


@pytest.mark.parametrize("command", ["show", "neighbours", "build"])
def test_commands_make_a_damaged_large_space_again(folder, command):
    builders.space.large.build()
    file = large.outputs_file()
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    arguments = ["relu(x)"] if command == "neighbours" else []
    with pytest.warns(UserWarning, match=re.escape(str(file))):
        result = CliRunner().invoke(main, ["space", command, *arguments])
    assert result.exit_code == 0
    assert file.read_bytes() == whole
