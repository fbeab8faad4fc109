"""The report on a GPU, rehearsed: the same command on a CPU, with tiny networks and images."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from act_bench.tables.registry import TABLES
from builders.reports.gpu import checks, speed
from builders.reports.gpu.checks import DeviceCheckError
from builders.reports.gpu.command import main, rehearsal
from builders.reports.gpu.session import Session, SessionError
from builders.reports.gpu.steps import step_flops
from builders.reports.gpu.worklist import (
    PER_STRATUM,
    STRATA,
    _sample,
    entry_scores,
    from_file,
    worklist,
)
from regenerate.data import cifar10
from regenerate.recipes import find
from regenerate.runs import parts
from regenerate.training.step import Outcome

FUNCTIONS = (
    "relu(x)\ncrrelu  # learns\ntanh(x)\nmul(x,tanh(sinh(x)))  # outside the space\nelu(x)\n"
)
KEYS = ["activations", "recording cnn", "peak_flops", "speed cnn", "trained cnn"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with CIFAR-10 as the Hub has it, but for its size."""
    folder = tmp_path_factory.mktemp("cifar10")
    random = np.random.default_rng(0)
    for part, count in (("train", 100), ("test", 20)):
        encoded = []
        for _ in range(count):
            buffer = folder / "image.png"
            Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(buffer)
            encoded.append({"bytes": buffer.read_bytes(), "path": "image.png"})
        labels = (np.arange(count) % 10).tolist()
        table = pa.table({"img": encoded, "label": labels})
        pq.write_table(table, folder / f"{part}-00000-of-00001.parquet")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ACT_BENCH_CUDA_GRAPHS", "0")  # the command sets it


def arguments(tmp_path: Path, images: Path, out: str) -> list[str]:
    listed = tmp_path / "functions.txt"
    listed.write_text(FUNCTIONS)
    chosen = ["--table", "cnn", "--expressions", str(listed), "--device", "cpu"]
    folders = ["--out", str(tmp_path / out), "--data-dir", str(images)]
    return ["--minutes", "10", *chosen, *folders]


def comparable(out: Path) -> list[dict[str, Any]]:
    """Return the runs of both folders without what the clock decides."""
    recipe = rehearsal(find("cnn", "full"))
    merged = parts.merge([out / "cnn-rehearsal", out / "cnn-rehearsal-named"], recipe)
    return merged.drop_columns(["runtime_s", "versions"]).to_pylist()


PROGRAM = """
import os
import signal
import sys

from act_bench.files import resumable
from builders.reports.gpu import command, speed
from regenerate.data import cifar10

write, written = resumable.write_part, []


def write_two(path, table, error):
    write(path, table, error)
    written.extend([path] * path.name.startswith("part-"))
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)


resumable.write_part = write_two
cifar10.load.__kwdefaults__["fingerprint"] = None  # these are not the images of CIFAR-10

if __name__ == "__main__":
    speed.AT_ONCE = {"cpu": ()}
    command.main(sys.argv[1:])
"""


def test_a_rehearsal_is_killed_and_goes_on(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads(workers: int, _: int) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(workers)

    monkeypatch.setattr(speed, "worker_pool", threads)  # processes would take seconds to start
    monkeypatch.setattr(speed, "GAIN", 100.0)
    monkeypatch.setitem(cifar10.load.__kwdefaults__, "fingerprint", None)
    done = CliRunner().invoke(main, arguments(tmp_path, images, "whole"), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "rehearsal" in done.output
    report = json.loads((tmp_path / "whole" / "report.json").read_text())
    assert [key for key in report if key in KEYS] == KEYS
    assert report["recording cnn"] == {"identical": True, "difference": 0.0, "repeated": 0.0}
    assert report["trained cnn"]["listed"] == sum(report["trained cnn"]["runs"].values()) == 5
    whole = comparable(tmp_path / "whole")
    assert {row["fidelity"] for row in whole} == {"rehearsal"}
    assert sorted(row["entry"] is None for row in whole) == [False, False, False, True, True]

    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    killed = tmp_path / "killed"
    process = subprocess.run(
        [sys.executable, program, *arguments(tmp_path, images, "killed")],
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.returncode == -signal.SIGKILL
    before = json.loads((killed / "report.json").read_text())
    written = {path: path.stat().st_mtime_ns for path in killed.glob("*/*.parquet")}
    assert "trained cnn" not in before
    assert len(written) == 2
    done = CliRunner().invoke(main, arguments(tmp_path, images, "killed"), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    after = json.loads((killed / "report.json").read_text())
    assert before.items() <= after.items()  # no stage was done again
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert comparable(killed) == whole


def test_several_at_once_do_not_wait_for_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "worker_pool", lambda workers, _: ThreadPoolExecutor(workers))
    recipe = rehearsal(find("cnn", "full"))
    assert speed.at_once_images_per_s(recipe, "cpu", 0.01, 2) > 0
    measure, called = speed.images_per_s, []

    def full(*options: Any, **more: Any) -> float:
        called.append(options)
        if len(called) == 2:
            raise torch.OutOfMemoryError("the memory is full")
        return measure(*options, **more)

    monkeypatch.setattr(speed, "images_per_s", full)
    start = time.monotonic()
    assert speed.at_once_images_per_s(recipe, "cpu", 0.01, 3) == 0
    assert time.monotonic() - start < speed._PATIENCE_S


def test_the_list_begins_with_what_is_most_useful() -> None:
    listed = worklist("cnn", (0, 1))
    texts = [task.expression for task in listed]
    assert len(texts) == len(set(texts)) > 100
    assert {task.seeds for task in listed} == {(0, 1)}
    space, scores = load_space(), entry_scores(TABLES["cnn"])
    baselines = [task.entry for task in listed[: len(BASELINES)]]
    assert set(baselines) == {space.resolve(name).entry for name in BASELINES}
    reached = [scores[entry] for entry in baselines if entry is not None]
    assert reached == sorted(reached, reverse=True)
    best = [scores[task.entry] for task in listed[len(BASELINES) :][:20] if task.entry is not None]
    assert best == sorted(best, reverse=True)
    assert best[0] == max(score for entry, score in scores.items() if entry not in baselines)
    assert {"crrelu", "mish(x)"} <= {text for text in texts if text not in space.entry_of}


def test_every_prefix_of_the_sample_has_some_of_each_stratum() -> None:
    ranked = list(range(0, 2000, 4))
    sample = _sample(ranked)
    assert len(set(sample)) == STRATA * PER_STRATUM
    for start in range(0, len(sample), STRATA):
        assert [ranked.index(n) // 100 for n in sample[start : start + STRATA]] == list(
            range(STRATA)
        )
    assert sorted(_sample([5, 9])) == [5, 9]
    assert _sample([]) == []


def test_a_list_of_ones_own_keeps_its_order(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(FUNCTIONS + "relu(x)\n")
    found = from_file(tmp_path / "list.txt")
    assert [task.expression for task in found] == [
        "add(zero(x),relu(x))", "crrelu", "add(zero(x),tanh(x))", "mul(x,tanh(sinh(x)))",
        "add(zero(x),elu(x))",
    ]  # fmt: skip
    assert [task.entry is None for task in found] == [False, True, False, True, False]


def test_the_entries_of_the_list_can_be_printed() -> None:
    done = CliRunner().invoke(main, ["--list", "--table", "cnn"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) == sum(t.entry is not None for t in worklist("cnn"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--table", "mlp"], "mlp has no image network"), (["--fidelity", "best"], "no recipe")],
)
def test_what_cannot_be_trained_here_is_refused(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(main, [*arguments, "--table", "cnn"])
    assert done.exit_code == 2
    assert message in done.output


def test_a_folder_belongs_to_one_device(tmp_path: Path) -> None:
    Session(tmp_path, {"device": "one"}).once("peak", lambda: 1.0)
    with pytest.raises(SessionError, match=r"another device: one, not other; choose another --out"):
        Session(tmp_path, {"device": "other"})
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(SessionError, match=r"report.json is damaged.*delete it"):
        Session(tmp_path, {"device": "one"})


def test_a_recording_that_errs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(job: Any) -> tuple[Any, Outcome]:
        loss, gradient = job()
        return lambda: None, (loss, gradient * 1.1)

    monkeypatch.setattr(checks, "rerun", stale)
    with pytest.raises(DeviceCheckError, match=r"all_cnn_c: .* off by 0.1 of its norm"):
        checks.check_recording(rehearsal(find("cnn", "full")), "cpu")


def test_operations_are_those_of_the_convolutions() -> None:
    recipe = find("cnn", "full")
    # The published network: products of output places, kernel and channels, of its nine layers.
    layers = [
        (32, 3, 3, 96), (32, 3, 96, 96), (16, 3, 96, 96), (16, 3, 96, 192), (16, 3, 192, 192),
        (8, 3, 192, 192), (6, 3, 192, 192), (6, 1, 192, 192), (6, 1, 192, 10),
    ]  # fmt: skip
    products = [side**2 * kernel**2 * a * b for side, kernel, a, b in layers]
    expected = 2 * recipe.batch_size * (3 * sum(products) - products[0])
    assert step_flops(recipe) == pytest.approx(expected, rel=0.01)
