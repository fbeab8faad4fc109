"""A full or read-only disk: the file that was to be written is named, and no draft stays.

The disk is full by the limit that a process has on the size of its files, which every library that
writes obeys.
"""

import errno
import json
import os
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

import builders.space.large
from act_bench.cli import explore, export, main, space  # noqa: F401  (a full disk stops imports too)
from act_bench.files import sealed
from act_bench.spaces.large import expressions_file

SIMULATE = ("simulate", "mlp", "--trials", "2", "--evaluations", "5", "--optimizers", "random")
EVALUATE = ("evaluate-surrogates", "mlp", "--features", "outputs", "--regressors", "knn")
COMMANDS = {
    "simulate": ((*SIMULATE, "--output", "made", "--figures", "none"), "made/steps.parquet"),
    "simulate --traces": (
        (*SIMULATE, "--output", "made", "--traces", "traces", "--figures", "none"),
        "traces/random-0.jsonl",
    ),
    "evaluate-surrogates": (
        (*EVALUATE, "--sizes", "10", "--splits", "2", "--output", "made"),
        "made/evaluation.parquet",
    ),
    "explore": (("explore", "page.html"), "page.html"),
    "regenerate": (("regenerate", "relu(x)", "--seeds", "1", "--certificate", "c.json"), "c.json"),
    "export": (("export", "made"), "made"),
    "space build": (("space", "build"), "large-space-27.parquet"),
}


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    """Work in an empty folder, with nothing to compute that the test is not about."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    table = pa.table({"x": list(range(10_000))})
    monkeypatch.setattr(
        builders.space.large,
        "write",
        lambda variant, _: sealed.write(expressions_file(variant), table),
    )
    monkeypatch.setattr("act_bench.publishing.export.front_matter", str)
    monkeypatch.setattr("act_bench.publishing.export.croissant", lambda *_: {})
    monkeypatch.setattr("act_bench.explore.collect", lambda: {"x": "x" * 10_000})


@contextmanager
def full_disk(limit):
    """No file may have more than so many bytes."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture(scope="module", autouse=True)
def _imported(tmp_path_factory):
    """Run the commands that import much, so that a full disk meets nothing but them."""
    folder = tmp_path_factory.mktemp("first")
    runner = CliRunner()
    for command in ("simulate", "evaluate-surrogates", "regenerate"):
        arguments = [each.replace("made", str(folder)) for each in COMMANDS[command][0]]
        arguments = [each.replace("c.json", str(folder / "c.json")) for each in arguments]
        assert runner.invoke(main, arguments).exit_code == 0


@pytest.mark.parametrize("limit", [100])
@pytest.mark.parametrize(("arguments", "named"), COMMANDS.values(), ids=COMMANDS)
def test_a_full_disk_is_named_by_the_file(tmp_path, arguments, named, limit):
    with full_disk(limit):
        result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == 3
    assert f"{named}: File too large" in result.output
    assert files(tmp_path) == ["cache"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize(("arguments", "named"), COMMANDS.values(), ids=COMMANDS)
def test_a_disk_that_refuses_a_file_is_named(tmp_path, monkeypatch, arguments, named, number):
    real = os.open

    def refuse(path, flags, *arguments, **options):
        if flags & os.O_CREAT and tmp_path in Path(os.fsdecode(path)).absolute().parents:
            raise OSError(number, os.strerror(number))  # some drivers name no file
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    if arguments[0] == "export":
        monkeypatch.setattr(
            "pathlib.Path.write_bytes", lambda path, content: refuse(path, os.O_CREAT)
        )
    result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == 3
    assert f"{named}: {os.strerror(number)}" in result.output
    assert files(tmp_path) == ["cache"]


def test_what_was_there_stays(tmp_path):
    (tmp_path / "c.json").write_text('"old"')
    with full_disk(20):
        result = CliRunner().invoke(main, COMMANDS["regenerate"][0])
    assert result.exit_code == 3
    assert json.loads((tmp_path / "c.json").read_text()) == "old"
