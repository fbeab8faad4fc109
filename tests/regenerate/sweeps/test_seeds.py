"""The seeds of one function at once: where they train, with how many threads, and what they tell.

Threads stand in for the spawned processes of ``worker_pool``, which ``test_sweep`` tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch

from act_bench.errors import ArgumentError
from act_bench.functions.expression import parse
from regenerate.recipes import find
from regenerate.runs.run import Run
from regenerate.sweeps import processes, seeds
from regenerate.sweeps.seeds import recorded_threads, train_at_once

RELU = parse("relu(x)")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Trainings that take no time, and what each was told; two cores."""
    calls: list[dict[str, Any]] = []

    def train(recipe: Any, expression: Any, chosen: Any, **options: Any) -> list[Run]:
        progress = options.pop("progress")
        progress(0.5)
        calls.append({"seeds": tuple(chosen), "threads": torch.get_num_threads(), **options})
        progress(1.0)
        row = dict.fromkeys(Run.__dataclass_fields__, 0.0) | {
            "versions": json.dumps({"threads": 1})
        }
        return [Run(**(row | {"seed": seed})) for seed in chosen]

    @contextmanager
    def pool(workers: int, threads: int, reports: Any) -> Iterator[ThreadPoolExecutor]:
        calls.append({"workers": workers, "threads": threads})
        monkeypatch.setattr(processes, "_reports", reports)
        with ThreadPoolExecutor(workers) as started:
            yield started

    monkeypatch.setattr(seeds, "train", train)
    monkeypatch.setattr(seeds, "worker_pool", pool)
    monkeypatch.setattr(seeds, "available_cores", lambda: 2)
    return calls


def test_each_seed_has_a_process_and_all_tell_how_far_they_are(trained: list[Any]) -> None:
    told: list[float] = []
    runs = train_at_once(
        find("resnet", "proxy"), RELU, [3, 0, 5], device="cpu", progress=told.append
    )
    assert [run.seed for run in runs] == [3, 0, 5]
    assert trained[0] == {"workers": 2, "threads": 1}
    assert sorted(call["seeds"] for call in trained[1:]) == [(0,), (3,), (5,)]
    assert told == sorted(told)
    assert (len(told), told[-1]) == (6, 1.0)


@pytest.mark.parametrize(
    ("table", "count", "threads"), [("mlp", 3, 1), ("resnet", 1, 1), ("resnet", 3, 2)]
)
def test_what_gains_nothing_by_processes_stays(
    trained: list[Any], table: str, count: int, threads: int
) -> None:
    before = torch.get_num_threads()
    recipe = find(table, "full" if table == "mlp" else "proxy")
    train_at_once(
        recipe, RELU, range(count), threads=threads, device="cpu", progress=lambda _: None
    )
    [call] = trained
    assert (call["seeds"], call["threads"]) == (tuple(range(count)), threads)
    assert torch.get_num_threads() == before


def test_threads_are_those_of_most_runs_of_the_record(trained: list[Any]) -> None:
    runs = train_at_once(find("mlp", "full"), RELU, [0, 1, 2], progress=lambda _: None)
    runs[0] = replace(runs[0], versions=json.dumps({"threads": 4}))
    assert recorded_threads(runs) == 1
    assert recorded_threads(runs[:1]) == 4
    assert recorded_threads([]) == 1


@pytest.mark.parametrize(("chosen", "threads"), [([0, 0], 1), ([-1], 1), ([0], 0), ([0], True)])
def test_arguments_are_checked_before_anything_starts(
    trained: list[Any], chosen: list[int], threads: int
) -> None:
    with pytest.raises(ArgumentError):
        train_at_once(find("mlp", "full"), RELU, chosen, threads=threads)
    assert trained == []
