"""Sweeps on a Ray cluster of two workers: the same rows, also when workers are killed."""

import importlib
import json
import os
import signal
import socket
import sys
from functools import partial

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from regenerate.runs import parts
from regenerate.sweeps import sweep
from regenerate.sweeps.executor import SerialExecutor
from regenerate.sweeps.processes import WorkerDiedError
from regenerate.sweeps.sweep import plan
from regenerate.training.dispatch import DeviceError
from tests.regenerate.tiny_mlp import TINY

ray = pytest.importorskip("ray")

from regenerate.sweeps.executor_ray import RayExecutor  # noqa: E402  (needs ray)

SWEEP = importlib.import_module("act_bench.cli.sweep").command
TEXTS = [f"{f}({g}(x))" for f in ("relu", "tanh", "elu") for g in ("erf", "abs", "exp", "cosh")]
FUNCTIONS = {text: entry for entry, text in enumerate(TEXTS)}


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Two workers on this machine, for all tests here: starting them takes some seconds."""
    # Workers cannot import a test file by its name, so what they are to run is sent whole.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    RayExecutor(2)
    yield
    ray.shutdown()


def dying_once(folder, doomed, work, chunk):
    """Note the attempt; the first time that the doomed function is trained, die with its runs."""
    first = not (folder / f"{chunk[0].entry}").exists()
    with (folder / f"{chunk[0].entry}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    done = work(chunk)
    if first and chunk[0].entry == doomed:
        os.kill(os.getpid(), signal.SIGKILL)
    return done


class WithADeath(RayExecutor):
    """Two workers, one of which is killed in the middle."""

    def __init__(self, folder, doomed):
        super().__init__(2)
        self.folder, self.doomed = folder, doomed

    def run(self, work, chunks):
        return super().run(partial(dying_once, self.folder, self.doomed, work), chunks)


def test_a_killed_worker_loses_the_chunk_in_hand_and_nothing_else(tmp_path):
    attempts = tmp_path / "attempts"
    attempts.mkdir()
    tasks = plan(FUNCTIONS, [0, 1])
    doomed = tasks[4].entry  # the third of six chunks begins with it
    left = []
    told = lambda remaining, outcomes: left.append(remaining)  # noqa: E731
    sweep.sweep(
        TINY,
        tasks,
        tmp_path / "ray",
        WithADeath(attempts, doomed),
        functions_per_part=2,
        progress=told,
    )
    assert left == [12, 10, 8, 6, 4, 2, 0]
    workers = {int(path.name): path.read_text().split() for path in attempts.iterdir()}
    assert {entry: len(pids) for entry, pids in workers.items()} == {
        task.entry: 2 if task.entry == doomed else 1 for task in tasks[::2]
    }
    assert len(set(workers[doomed])) == 2  # another worker did it again
    merged = parts.merge([tmp_path / "ray"])
    written = sum(part.table.num_rows for part in parts.read(tmp_path / "ray"))
    assert written == merged.num_rows == 24
    sweep.sweep(TINY, tasks, tmp_path / "serial", SerialExecutor(), functions_per_part=2)
    serial = parts.merge([tmp_path / "serial"])
    clock = ["runtime_s"]
    assert merged.drop_columns(clock).to_pylist() == serial.drop_columns(clock).to_pylist()


def always_dying(chunk):
    if chunk == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return chunk


def test_a_chunk_that_kills_every_worker_is_a_clear_error():
    with pytest.raises(WorkerDiedError, match=r"each of 1 attempts.*run the same command again"):
        list(RayExecutor(1, retries=0).run(always_dying, [0, 1, 2]))


def test_the_error_of_the_work_comes_out_as_itself(tmp_path):
    def fail(chunk):
        (tmp_path / str(chunk)).touch()
        raise DeviceError(f"no such thing: {chunk}")

    with pytest.raises(DeviceError, match="no such thing: 0"):
        list(RayExecutor(1).run(fail, range(50)))
    assert len(list(tmp_path.iterdir())) <= 2  # the others were dropped


def test_a_device_that_the_cluster_lacks_is_refused_and_auto_takes_what_it_has():
    workers = RayExecutor(2)
    assert workers.choose_device("all_cnn_c", "auto") == "cpu"
    assert workers.choose_device("all_cnn_c", "cpu") == "cpu"
    with pytest.raises(DeviceError, match="a machine with 1 GPUs in the Ray cluster"):
        workers.choose_device("all_cnn_c", "cuda")
    with pytest.raises(DeviceError, match="cpu only"):
        workers.choose_device("mlp", "cuda")


def test_workers_on_a_gpu_reserve_their_share_of_it(monkeypatch):
    asked = []
    real = ray.remote

    class Recorder:
        def __init__(self, function):
            self.function = real(function)

        def options(self, **options):
            asked.append(options["num_gpus"])
            return self.function.options(**options | {"num_gpus": 0})

    monkeypatch.setattr(ray, "remote", Recorder)
    machines = [{"Alive": True, "Resources": {"GPU": 2.0}}, {"Alive": True, "Resources": {}}]
    monkeypatch.setattr(ray, "nodes", lambda: machines)
    workers = RayExecutor(2, gpus=0.25)
    assert workers.choose_device("all_cnn_c", "auto") == "cuda"
    assert list(workers.run(abs, [-1])) == [1]
    assert workers.choose_device("mlp", "auto") == "cpu"
    assert list(workers.run(abs, [-1])) == [1]
    assert asked == [0.25, 0]


def test_wrong_parameters_are_refused():
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        RayExecutor(0)
    with pytest.raises(ValueError, match="must be above 0"):
        RayExecutor(1, gpus=0)


def test_an_address_where_no_cluster_is_is_a_clear_error(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(WorkerDiedError, match=rf"no Ray cluster answers at '{free}'"):
        RayExecutor(address=free)
    monkeypatch.setenv("RAY_ADDRESS", f"ray://{free}")
    with pytest.raises(WorkerDiedError, match=rf"at 'ray://{free}'.*ray start --head"):
        RayExecutor()


def test_the_command_sweeps_with_ray(tmp_path):
    arguments = [
        "mlp", "--executor", "ray", "--seeds", "1", "--limit", "1", "--json",
        "--out", str(tmp_path / "parts"),
    ]  # fmt: skip
    done = CliRunner().invoke(SWEEP, arguments)
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["executor"], summary["trained_now"], summary["runs"]) == ("ray", 1, 1)
    assert pq.read_table(summary["merged"]).num_rows == 1


def test_without_ray_the_command_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "regenerate.sweeps.executor_ray")
    monkeypatch.setitem(sys.modules, "ray", None)
    arguments = ["mlp", "--executor", "ray", "--out", str(tmp_path / "parts")]
    result = CliRunner().invoke(SWEEP, arguments)
    assert result.exit_code == 3, result.output
    assert "pip install 'act-bench[ray]'" in " ".join(result.stderr.split())
