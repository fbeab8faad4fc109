"""Folders of others, or damaged ones: a sentence that names the file, never a traceback."""

import dataclasses
import json
import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from act_bench.cli import main
from act_bench.errors import ActBenchError
from regenerate.grafs import Settings
from regenerate.grafs import search as grafs
from regenerate.recipes import find
from regenerate.runs.store import SearchFolderError
from regenerate.sweeps.executor import SerialExecutor
from regenerate.sweeps.sweep import SweepError, claim, plan, sweep
from surrogates.live import Budget, Confirmation, search, table_problem

TINY = dataclasses.replace(find("mlp", "full"), epochs=1, widths=(8,), train_images=100)
NONE = Confirmation(0, 0)


def run_search(folder, functions=3):
    problem = table_problem("mlp", seeds=[0], recipe=TINY)
    return search(
        problem, folder, method="knn", budget=Budget(functions), confirmation=NONE, reveal=False
    )


@pytest.fixture(scope="module")
def genuine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("genuine") / "search"
    run_search(folder)
    return folder


@pytest.fixture
def folder(genuine, tmp_path):
    return shutil.copytree(genuine, tmp_path / "search")


def verified(folder):
    """Return the exit code and the output of `act-bench verify`, which must end in a sentence."""
    result = CliRunner().invoke(main, ["verify", str(folder / "trace.jsonl")])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert len(result.output) < 5_000
    return result.exit_code, result.output


def test_a_genuine_search_is_verified(folder):
    assert verified(folder)[0] == 0


MARKERS = {
    "no JSON": "{",
    "nothing": "",
    "zeros": "\x00" * 100,
    "no object": "[]",
    "nested without end": "[" * 100_000,
    "4,000 digits": '{"seeds": [' + "9" * 4_000 + "]}",
    "another encoding": '{"a": "\xe9"}'.encode("latin-1"),
    "no fields": "{}",
    "no space": {"space": None},
    "a space that there is not": {"space": "x" * 1_000},
    "seeds in text": {"seeds": ["0"]},
    "seeds in lists": {"seeds": [[0]]},
    "one seed": {"seeds": 0},
    "chance in text": {"chance": "0.1"},
    "a table of no name": {"table": None},
    "a fidelity in a list": {"fidelity": ["full"]},
}


@pytest.mark.parametrize("content", MARKERS.values(), ids=MARKERS)
def test_a_broken_marker_is_named(folder, content):
    marker = folder / "search.json"
    if isinstance(content, dict):
        content = json.dumps(json.loads(marker.read_text()) | content)
    marker.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, output = verified(folder)
    assert code == 3
    assert "search.json is damaged" in output
    with pytest.raises(SearchFolderError, match="search"):
        run_search(folder)


def foreign(genuine, **columns):
    """Return the rows of a part with other columns."""
    table = pq.read_table(next((genuine / "runs").glob("*.parquet")))
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        typed = (
            values if isinstance(values, pa.Array) else pa.array(values, table.schema.types[place])
        )
        table = table.set_column(place, name, typed)
    return table


FOREIGN = {
    "other columns": lambda genuine: pa.table({"x": [1, 2]}),
    "no columns": lambda genuine: pa.table({}),
    "no function": lambda genuine: foreign(genuine, expression=[None]),
    "no seed": lambda genuine: foreign(genuine, seed=[None]),
    "no outcome": lambda genuine: foreign(genuine, outcome=[None]),
    "an outcome that there is not": lambda genuine: foreign(genuine, outcome=["x" * 1_000]),
    "no accuracy": lambda genuine: foreign(genuine, validation_accuracy=[None]),
    "no curve": lambda genuine: foreign(genuine, validation_accuracy_curve=[None]),
    "no seconds": lambda genuine: foreign(genuine, runtime_s=[None]),
    "a seed in text": lambda genuine: foreign(genuine, seed=pa.array(["x"])),
    "text that is no UTF-8": lambda genuine: foreign(
        genuine,
        expression=pa.Array.from_buffers(
            pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
        ),
    ),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_foreign_parquet_among_the_runs_is_named(folder, genuine, make):
    pq.write_table(make(genuine), folder / "runs" / "foreign.parquet")
    code, output = verified(folder)
    assert code == 3
    assert "foreign.parquet" in output


def test_what_is_no_file_among_the_runs_is_named(folder):
    os.mkfifo(folder / "runs" / "pipe.parquet")
    code, output = verified(folder)
    assert (code, "pipe.parquet is damaged (it is no regular file)" in output) == (3, True)


@pytest.mark.parametrize("entry", [99_999, -1, 10**50])
def test_an_entry_that_the_space_has_not_is_a_verdict(folder, entry):
    trace = folder / "trace.jsonl"
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    lines[1]["entry"] = entry
    trace.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, output = verified(folder)
    assert code == 1
    assert "(line 2)" in output


RESULTS = {
    "no JSON": "{",
    "no object": "[]",
    "no fields": "{}",
    "nested without end": "[" * 100_000,
    "a budget in text": '{"tested": {}, "budget": "x"}',
    "tested in text": '{"tested": "x", "budget": [3, null]}',
}


@pytest.mark.parametrize("content", RESULTS.values(), ids=RESULTS)
def test_a_damaged_result_is_named(folder, content):
    (folder / "result.json").write_text(content)
    with pytest.raises(SearchFolderError, match=r"result\.json is damaged .*: delete it"):
        run_search(folder)


@pytest.fixture(scope="module")
def sweep_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("genuine") / "sweep"
    sweep(TINY, plan({"relu(x)": 20}, [0]), folder, SerialExecutor())
    return folder


@pytest.mark.parametrize("content", ["{", "", "[]", "[" * 100_000, "9" * 5_000, '"\\ud800"'])
def test_a_damaged_marker_of_a_sweep_is_named(sweep_folder, tmp_path, content):
    folder = shutil.copytree(sweep_folder, tmp_path / "sweep")
    (folder / "sweep.json").write_text(content)
    with pytest.raises(SweepError, match=r"sweep\.json is damaged"):
        claim(folder, TINY, "x")


def test_a_marker_of_another_sweep_is_not_repeated_whole(tmp_path):
    (tmp_path / "sweep.json").write_text(json.dumps({"recipe": "x" * 10**6}))
    with pytest.raises(SweepError, match="another data") as caught:
        claim(tmp_path, TINY, "x")
    assert len(str(caught.value)) < 1_000


@settings(max_examples=20)
@given(st.integers(0, 1 << 20), st.integers(0, 7), st.booleans(), st.integers(0, 9))
def test_any_flipped_bit_or_cut_in_a_folder_is_a_sentence(
    genuine, tmp_path_factory, place, bit, cut, which
):
    folder = shutil.copytree(genuine, tmp_path_factory.mktemp("flipped") / "search")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    file = files[which % len(files)]
    content = bytearray(file.read_bytes())
    place %= len(content)
    if cut:
        content = content[:place]
    else:
        content[place] ^= 1 << bit
    file.write_bytes(content)
    code, output = verified(folder)
    assert code in (0, 1, 3)
    if file.suffix == ".parquet":  # of these no bit may pass
        assert code == 3
        assert file.name in output


SMALL = dataclasses.replace(find("mlp", "full"), epochs=1)
STAGES = Settings(stages=2, steps=1, first_drop=1, warm_start=1, architecture_rate=0.01)


def run_grafs(folder):
    return grafs("mlp", "full", seed=0, out=folder, recipe=SMALL, settings=STAGES, retrainings=1)


@pytest.fixture(scope="module")
def grafs_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("genuine") / "grafs"
    run_grafs(folder)
    return folder


def test_a_genuine_checkpoint_is_gone_on_with(grafs_folder, tmp_path):
    folder = shutil.copytree(grafs_folder, tmp_path / "grafs")
    first = run_grafs(folder)
    again = run_grafs(folder)
    assert again.expression == first.expression
    assert again.history == first.history
    assert again.runs == first.runs


@settings(max_examples=10)
@given(st.integers(0, 1 << 20), st.integers(0, 7), st.booleans())
def test_a_damaged_checkpoint_is_named(grafs_folder, tmp_path_factory, place, bit, cut):
    folder = shutil.copytree(grafs_folder, tmp_path_factory.mktemp("flipped") / "grafs")
    file = folder / "grafs.pt"
    content = bytearray(file.read_bytes())
    place = int(place / (1 << 20) * (len(content) - 1))
    if cut:
        content = content[:place]
    else:
        content[place] ^= 1 << bit
    file.write_bytes(content)
    with pytest.raises(ActBenchError, match=r"grafs\.pt is damaged .* delete it"):
        run_grafs(folder)


def test_a_foreign_checkpoint_is_named(grafs_folder, tmp_path):
    folder = shutil.copytree(grafs_folder, tmp_path / "grafs")
    torch.save({"stage": 3}, folder / "grafs.pt")
    with pytest.raises(ActBenchError, match=r"grafs\.pt is damaged"):
        run_grafs(folder)
