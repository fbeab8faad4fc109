"""Sweeps: a fixed fair order, and nothing lost or done twice whatever happens."""

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regenerate.recipes import find
from regenerate.recipes.rates import with_rate
from regenerate.runs import parts
from regenerate.runs.run import Run
from regenerate.sweeps import sweep
from regenerate.sweeps.executor import LocalExecutor, SerialExecutor
from regenerate.sweeps.processes import WorkerDiedError
from regenerate.sweeps.sweep import Shard, SweepError, Task, plan
from regenerate.sweeps.time_limit import TimeLimit
from regenerate.training.dispatch import DeviceError
from tests.regenerate.tiny_mlp import TINY

FUNCTIONS = {f"{f}({g}(x))": 0 for f in ("relu", "tanh", "elu", "square") for g in ("erf", "abs")}
FUNCTIONS = {text: entry for entry, text in enumerate(FUNCTIONS)}


def run_sweep(folder, tasks, executor=None, recipe=TINY):
    sweep.sweep(recipe, tasks, folder, executor or SerialExecutor(), functions_per_part=2)


def comparable(table):
    """Return the rows without what the clock decides."""
    return table.drop_columns(["runtime_s"]).to_pylist()


def test_the_order_is_fixed_and_prefixes_and_shards_are_of_it():
    tasks = plan(FUNCTIONS, [0])
    assert [task.expression for task in tasks[:3]] == FIRST_THREE
    assert {task.expression: task.entry for task in tasks} == FUNCTIONS
    assert plan(dict(reversed(FUNCTIONS.items())), [0]) == tasks
    assert plan(FUNCTIONS, [0], limit=5) == tasks[:5]


FIRST_THREE = ["relu(erf(x))", "square(erf(x))", "relu(abs(x))"]  # by sha256sum


@given(st.integers(1, 12), st.integers(0, 12))
def test_shards_are_a_partition(count, limit):
    shards = [plan(FUNCTIONS, [0], limit=limit, shard=Shard(i + 1, count)) for i in range(count)]
    together = [task for shard in shards for task in shard]
    assert sorted(together) == sorted(plan(FUNCTIONS, [0], limit=limit))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "a/b", "1/0", "-1/2", "1/2/3"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(SweepError, match="such as 3/16"):
        Shard.parse(text)


def test_the_executor_says_which_device_its_workers_have(tmp_path):
    class Elsewhere(SerialExecutor):
        def choose_device(self, network, device):
            assert (network, device) == ("mlp", "auto")
            return "cuda"

    with pytest.raises(DeviceError, match=r"mlp trains on the cpu only, got device 'cuda'"):
        run_sweep(tmp_path / "sweep", plan(FUNCTIONS, [0], limit=1), Elsewhere())


def test_a_sweep_trains_everything_once_and_knows_it(tmp_path):
    tasks = plan(FUNCTIONS, [0, 1])
    told = []
    report = lambda left, outcomes: told.append((left, outcomes.total()))  # noqa: E731
    sweep.sweep(TINY, tasks, tmp_path, SerialExecutor(), functions_per_part=2, progress=report)
    assert told == [(8, 0), (6, 4), (4, 8), (2, 12), (0, 16)]
    merged = parts.merge([tmp_path])
    runs = [Run.from_row(row) for row in merged.to_pylist()]
    keys = [(run.entry, run.expression, run.seed) for run in runs]
    assert keys == [(entry, text, seed) for text, entry in FUNCTIONS.items() for seed in (0, 1)]
    assert {run.recipe_sha for run in runs} == {TINY.sha}
    assert sweep.pending(tasks, tmp_path) == []


def test_more_seeds_train_only_what_is_missing(tmp_path):
    run_sweep(tmp_path, plan(FUNCTIONS, [0], limit=4))
    first = parts.merge([tmp_path])
    tasks = plan(FUNCTIONS, [0, 1])
    left = sweep.pending(tasks, tmp_path)
    assert Counter(task.seeds for task in left) == {(1,): 4, (0, 1): 4}
    run_sweep(tmp_path, tasks)
    merged = parts.merge([tmp_path])
    assert merged.num_rows == 16
    kept = [row for row in merged.to_pylist() if row in first.to_pylist()]
    assert len(kept) == 4  # with their own runtimes: they were not trained again


PROGRAM = """
    import sys
    from pathlib import Path
    from regenerate.sweeps import sweep
    from regenerate.sweeps.executor import LocalExecutor
    from regenerate.recipes import Recipe

    if __name__ == "__main__":
        functions = {functions!r}
        recipe = {recipe!r}
        tasks = sweep.plan(functions, range(4))
        sweep.sweep(recipe, tasks, Path(sys.argv[1]), LocalExecutor(2), functions_per_part=2)
"""


def test_kill_9_in_the_middle_and_resume(tmp_path):
    names = ("erf", "abs", "tanh", "elu", "arctan", "swish", "softsign", "sigmoid")
    texts = [f"{f}({g}(x),{h}(x))" for f in ("add", "mul") for g in names for h in names]
    functions = {text: entry for entry, text in enumerate(texts)}
    recipe = dataclasses.replace(TINY, epochs=2)
    script, folder = tmp_path / "program.py", tmp_path / "parts"
    program = textwrap.dedent(PROGRAM).format(functions=functions, recipe=recipe)
    script.write_text(program)
    process = subprocess.Popen([sys.executable, script, folder], stdout=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 300
        while len(list(folder.glob("*.parquet"))) < 3:
            assert process.poll() is None, "the sweep ended before it could be killed"
            assert time.monotonic() < deadline, "no parts after five minutes"
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    tasks = plan(functions, range(4))
    with process.stdout as pipe:
        pipe.read()  # ends when the orphaned workers, which hold it too, have noticed
    survived = parts.merge([folder])
    assert 0 < survived.num_rows < 4 * len(functions)
    left = sweep.pending(tasks, folder)
    assert len(left) == len(functions) - survived.num_rows // 4
    run_sweep(folder, tasks, recipe=recipe)
    merged = parts.merge([folder])
    assert sum(part.table.num_rows for part in parts.read(folder)) == merged.num_rows  # not twice
    assert set(map(str, survived.to_pylist())) <= set(map(str, merged.to_pylist()))  # nothing lost
    run_sweep(tmp_path / "whole", tasks, recipe=recipe)
    assert comparable(merged) == comparable(parts.merge([tmp_path / "whole"]))


def leave(chunk):
    if chunk == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return chunk


def test_a_killed_worker_is_a_clear_error():
    with pytest.raises(WorkerDiedError, match="run the same command again"):
        list(LocalExecutor(1).run(leave, [0, 1, 2]))


def test_local_workers_share_the_cores():
    assert LocalExecutor(2, cores=8).threads == 4
    assert LocalExecutor(4, cores=2).threads == 1
    with pytest.raises(ValueError, match="at least 1"):
        LocalExecutor(0)


def test_a_full_disk_is_a_clear_error_and_loses_nothing(tmp_path, monkeypatch):
    tasks = plan(FUNCTIONS, [0])
    sync, written = os.fsync, []

    def until_full(file):
        if len(written) == 3:  # the marker and two parts
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(file)
        written.append(file)

    monkeypatch.setattr(os, "fsync", until_full)
    with pytest.raises(SweepError, match=r"No space left.*run the same command again"):
        run_sweep(tmp_path, tasks)
    assert len(sweep.pending(tasks, tmp_path)) == 4
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".parquet"}
    monkeypatch.setattr(os, "fsync", sync)
    run_sweep(tmp_path, tasks)
    assert parts.merge([tmp_path]).num_rows == 8


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SweepError, match="choose another --out"):
        run_sweep(tmp_path / "file", plan(FUNCTIONS, [0]))
    with pytest.raises(SweepError, match="choose another --out"):
        run_sweep(tmp_path / "file" / "below", plan(FUNCTIONS, [0]))


def test_a_folder_belongs_to_one_recipe(tmp_path):
    run_sweep(tmp_path, plan(FUNCTIONS, [0], limit=1))
    other = dataclasses.replace(TINY, learning_rate=0.2)
    with pytest.raises(SweepError, match=r"another recipe.*choose another --out"):
        run_sweep(tmp_path, plan(FUNCTIONS, [0]), recipe=other)
    marker = tmp_path / sweep.MARKER
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "data": "0" * 16}))
    with pytest.raises(SweepError, match="another data"):
        run_sweep(tmp_path, plan(FUNCTIONS, [0]))


def test_merge_keeps_one_of_equals_and_refuses_contradictions(tmp_path):
    run_sweep(tmp_path / "a", plan(FUNCTIONS, [0]))
    run_sweep(tmp_path / "b", plan(FUNCTIONS, [0]))
    merged = parts.merge([tmp_path / "a", tmp_path / "b"])
    assert comparable(merged) == comparable(parts.merge([tmp_path / "a"]))
    runs = [Run.from_row(row) for row in merged.to_pylist()]
    wrong = dataclasses.replace(runs[3], test_accuracy=0.123)
    (tmp_path / "c").mkdir()
    parts.write(tmp_path / "c" / "part-wrong.parquet", parts.to_table([wrong]))
    with pytest.raises(parts.PartError, match=r"1 runs.*different results") as caught:
        parts.merge([tmp_path / "a", tmp_path / "c"])
    assert wrong.expression in str(caught.value)


def test_merge_of_nothing_and_of_a_damaged_part(tmp_path):
    with pytest.raises(parts.PartError, match="no parts"):
        parts.merge([tmp_path])
    run_sweep(tmp_path, plan(FUNCTIONS, [0]))
    part = min(tmp_path.glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(parts.PartError, match=rf"{part.name} is damaged.*delete it"):
        sweep.pending(plan(FUNCTIONS, [0]), tmp_path)
    part.unlink()
    run_sweep(tmp_path, plan(FUNCTIONS, [0]))
    assert parts.merge([tmp_path]).num_rows == 8


def test_a_changed_bit_is_never_data(tmp_path):
    run_sweep(tmp_path, plan(FUNCTIONS, [0], limit=2))
    (part,) = tmp_path.glob("*.parquet")
    content = part.read_bytes()
    assert [each.sealed for each in parts.read(tmp_path)] == [True]
    rng = np.random.default_rng(4)
    for _ in range(400):
        place, bit = int(rng.integers(len(content))), int(rng.integers(8))
        flipped = bytearray(content)
        flipped[place] ^= 1 << bit
        part.write_bytes(flipped)
        with pytest.raises(parts.PartError, match=rf"{part.name} is damaged.*delete it"):
            parts.read(tmp_path)


def test_parts_of_older_versions_are_read_as_unverified(tmp_path):
    run_sweep(tmp_path, plan(FUNCTIONS, [0], limit=2))
    (part,) = parts.read(tmp_path)
    old = part.table.drop_columns(["learning_rate"])
    pq.write_table(old, part.path)
    (again,) = parts.read(tmp_path)
    assert not again.sealed
    assert again.table.drop_columns(["learning_rate"]) == old
    assert again.table["learning_rate"].null_count == old.num_rows  # TINY is no registered recipe
    assert "1 part without a checksum" in parts.unverified([again])
    assert part.path.name in parts.unverified([again])


def test_old_parts_of_a_registered_recipe_have_its_rate(tmp_path):
    recipe = find("mlp", "full")
    run_sweep(tmp_path, plan(FUNCTIONS, [0], limit=1), recipe=recipe)
    (part,) = parts.read(tmp_path)
    pq.write_table(part.table.drop_columns(["learning_rate"]), part.path)
    (again,) = parts.read(tmp_path)
    assert again.table["learning_rate"].to_pylist() == [recipe.learning_rate]


def test_a_foreign_part_is_refused(tmp_path):
    tasks = plan(FUNCTIONS, [0], limit=2)
    other = dataclasses.replace(TINY, learning_rate=0.2)
    run_sweep(tmp_path / "other", tasks, recipe=other)
    run_sweep(tmp_path / "own", tasks)
    (foreign,) = (tmp_path / "other").glob("*.parquet")
    foreign.rename(tmp_path / "own" / "part-foreign.parquet")
    with pytest.raises(parts.PartError, match=rf"recipe_sha {other.sha}.*has {TINY.sha}"):
        run_sweep(tmp_path / "own", tasks)
    (tmp_path / "own" / "part-foreign.parquet").unlink()
    table = parts.merge([tmp_path / "own"])
    name = table.schema.get_field_index("fidelity")
    renamed = table.set_column(name, "fidelity", pa.array(["full"] * table.num_rows))
    parts.write(tmp_path / "own" / "part-foreign.parquet", renamed)
    with pytest.raises(parts.PartError, match=r"part-foreign.parquet.*fidelity full.*has tiny"):
        run_sweep(tmp_path / "own", tasks)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "own" / "part-foreign.parquet")
    with pytest.raises(parts.PartError, match=r"holds no runs: the columns .* are missing"):
        run_sweep(tmp_path / "own", tasks)


def test_two_rates_of_one_entry_are_two_runs(tmp_path):
    tasks = plan(FUNCTIONS, [0, 1])
    for rate in (0.1, 0.4):
        run_sweep(tmp_path / str(rate), tasks, recipe=with_rate(TINY, rate))
    merged = parts.merge([tmp_path / "0.4", tmp_path / "0.1"])
    keys = [(row["entry"], row["learning_rate"], row["seed"]) for row in merged.to_pylist()]
    assert keys == [(e, r, s) for e in range(len(FUNCTIONS)) for r in (0.1, 0.4) for s in (0, 1)]
    alone = [parts.merge([tmp_path / rate]).to_pylist() for rate in ("0.1", "0.4")]
    assert sorted(map(str, merged.to_pylist())) == sorted(map(str, alone[0] + alone[1]))


def test_what_a_kill_leaves_behind_is_no_part(tmp_path):
    tasks = plan(FUNCTIONS, [0])
    run_sweep(tmp_path, tasks[:2])
    part = next(tmp_path.glob("*.parquet"))
    part.rename(part.with_name(f"{part.name}.123.draft"))
    assert sweep.pending(tasks[:2], tmp_path) == tasks[:2]


def test_tasks_name_the_entry_of_their_runs(tmp_path):
    run_sweep(tmp_path, [Task("relu(x)", 2912, (5,))])
    (row,) = parts.merge([tmp_path]).to_pylist()
    assert (row["expression"], row["entry"], row["seed"]) == ("relu(x)", 2912, 5)


@pytest.mark.parametrize("executor", [SerialExecutor(), LocalExecutor(2, cores=2)])
def test_a_sweep_ends_in_time_and_goes_on(tmp_path, executor, monkeypatch):
    threads = lambda workers, _: ThreadPoolExecutor(workers)  # noqa: E731
    monkeypatch.setattr("regenerate.sweeps.executor.worker_pool", threads)  # processes are slow
    tasks = plan(FUNCTIONS, [0])
    none = TimeLimit(60, expected_s=61)
    sweep.sweep(TINY, tasks, tmp_path, executor, functions_per_part=1, limit=none)
    assert not list(tmp_path.glob("*.parquet"))

    class Hour(TimeLimit):
        """Every function takes an hour."""

        def took(self, seconds):
            super().took(3600)

    sweep.sweep(TINY, tasks, tmp_path, executor, functions_per_part=1, limit=Hour(60))
    begun = parts.merge([tmp_path]).num_rows
    assert begun == (1 if isinstance(executor, SerialExecutor) else 2)
    run_sweep(tmp_path, tasks)
    assert parts.merge([tmp_path]).num_rows == len(tasks)
