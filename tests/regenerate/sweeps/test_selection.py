"""The functions that get more seeds: the best, the baselines and a fair sample, always the same."""

import importlib
import json

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from act_bench.tables.registry import TABLES
from regenerate.recipes import find
from regenerate.runs import parts
from regenerate.runs.run import Run
from regenerate.sweeps import selection as module
from regenerate.sweeps.selection import Selection, first_seed, tuned, without_recorded
from regenerate.sweeps.sweep import SweepError, Task, claim, shuffled

SWEEP = importlib.import_module("act_bench.cli.sweep").command
SPACE = load_space()
RECIPE = find("mlp", "full")
INFO = TABLES["mlp"]
FINGERPRINT = "420ae8afe12c7447"


def made_up_run(expression, accuracy, seed=0):
    """A run as a sweep writes it; accuracy None is a diverged one."""
    return Run(
        expression=expression,
        entry=SPACE.entry_of[expression],
        fidelity="full",
        seed=seed,
        outcome="diverged" if accuracy is None else "ok",
        train_accuracy=accuracy,
        validation_accuracy=accuracy,
        test_accuracy=accuracy,
        train_loss=None if accuracy is None else 1.0,
        validation_loss=None if accuracy is None else 1.0,
        test_loss=None if accuracy is None else 1.0,
        train_loss_curve=(),
        validation_loss_curve=(),
        validation_accuracy_curve=(),
        runtime_s=0.1,
        images_seen=1,
        device="cpu",
        recipe_sha=RECIPE.sha,
        versions=json.dumps({"data": FINGERPRINT}),
    )


@pytest.fixture
def reached():
    """Made-up accuracies of all entries with many ties; a third diverged."""
    rng = np.random.default_rng(5)
    values = rng.integers(10, 60, len(SPACE.representatives)) / 100
    lost = rng.random(len(values)) < 1 / 3
    return {
        text: None if gone else float(value)
        for text, value, gone in zip(SPACE.representatives, values, lost, strict=True)
    }


@pytest.fixture
def folder(tmp_path, reached):
    """A finished sweep with the first seed, in two parts."""
    folder = tmp_path / "parts"
    claim(folder, RECIPE, FINGERPRINT)
    runs = [made_up_run(text, value) for text, value in reached.items()]
    parts.write(folder / "part-a.parquet", parts.to_table(runs[:1000]))
    parts.write(folder / "part-b.parquet", parts.to_table(runs[1000:]))
    return folder


def test_the_choice_is_the_best_the_baselines_and_others(folder, reached):
    chosen = Selection.parse("best:300,baselines,random:100").choose(
        SPACE, first_seed(folder, INFO)
    )
    assert all(SPACE.entry_of[text] == entry for text, entry in chosen.items())
    baselines = {SPACE.representatives[SPACE.resolve(name).entry] for name in BASELINES}
    best = list(chosen)[:300]
    assert all(reached[text] is not None for text in best)
    worst = min(reached[text] for text in best)
    left_out = set(reached) - set(best)
    assert max(reached[text] or 0.0 for text in left_out) <= worst
    others = [text for text in chosen if text not in best and text not in baselines]
    assert len(others) == 100
    assert len(chosen) == len({*best, *baselines}) + 100
    diverged = sum(reached[text] is None for text in others)
    assert 20 <= diverged <= 60  # whatever they reached: a third of all, more of what is not best
    expected = [text for text in shuffled(reached) if text not in {*best, *baselines}]
    assert others == expected[:100]


def test_later_seeds_do_not_change_the_choice(folder):
    selection = Selection(best=50, random=10)
    before = selection.choose(SPACE, first_seed(folder, INFO))
    worst = list(SPACE.representatives)[-60:]
    runs = [made_up_run(text, 0.99, seed=1) for text in worst]
    parts.write(folder / "part-c.parquet", parts.to_table(runs))
    assert selection.choose(SPACE, first_seed(folder, INFO)) == before


def test_ties_are_broken_by_the_order_of_all_sweeps(tmp_path):
    runs = [made_up_run(text, 0.5) for text in SPACE.representatives]
    parts.write(tmp_path / "part-a.parquet", parts.to_table(runs))
    chosen = Selection(best=40).choose(SPACE, first_seed(tmp_path, INFO))
    assert list(chosen) == shuffled(SPACE.representatives)[:40]


def test_an_unfinished_sweep_is_refused(folder):
    (folder / "part-a.parquet").unlink()
    with pytest.raises(SweepError, match=r"1,000 of 2,913 entries have no run with seed 0"):
        Selection(best=1).choose(SPACE, first_seed(folder, INFO))


@pytest.mark.parametrize(
    "text", ["", "best", "best:0", "best:-1", "random", "baselines:8", "best:1,best:2", "worst:3"]
)
def test_what_is_no_selection_is_refused(text):
    with pytest.raises(SweepError, match="expected some of best:N, baselines and random:N"):
        Selection.parse(text)


@pytest.mark.usefixtures("in_this_process")
def test_sweep_trains_more_seeds_of_the_chosen_and_nothing_else(folder):
    arguments = [
        "mlp", "--seeds", "2", "--select", "random:3", "--jobs", "1", "--executor", "local",
        "--out", str(folder), "--json",
    ]  # fmt: skip
    done = CliRunner().invoke(SWEEP, arguments)
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["functions"], summary["trained_now"]) == (3, 3)
    rows = pq.read_table(summary["merged"], columns=["expression", "seed"]).to_pylist()
    later = {row["expression"] for row in rows if row["seed"] == 1}
    assert later == set(shuffled(SPACE.representatives)[:3])
    assert len(rows) == 2913 + 3
    assert json.loads(CliRunner().invoke(SWEEP, arguments).stdout)["trained_now"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--select", "worst:3"), 2, "best:300,baselines,random:100"),
        (("--select", "best:3", "--expressions", __file__), 2, "got --select and --expressions"),
        (("--select", "best:3"), 3, "--seeds 1 first"),
    ],
)
def test_sweep_says_what_is_wrong_with_a_selection(tmp_path, arguments, code, words):
    result = CliRunner().invoke(SWEEP, ["mlp", "--out", str(tmp_path / "none"), *arguments])
    assert result.exit_code == code, result.output
    assert words in " ".join(result.stderr.split())


def test_fresh_seeds_are_of_what_is_tuned_to_a_rate(monkeypatch, reached):
    """Best by the tuned table; each trained at its own rate, and only seeds that are not there."""
    rates = {
        text: None if value is None else (0.1, 0.4)[n % 2]
        for n, (text, value) in enumerate(reached.items())
    }
    table = pl.DataFrame(
        [(text, value, rates[text]) for text, value in reached.items()],
        schema={"expression": pl.String, "validation_accuracy": pl.Float64, "rate": pl.Float64},
        orient="row",
    )
    monkeypatch.setattr(module, "load_table", lambda *arguments, **named: table)
    found = tuned(INFO)
    assert found.reached == reached
    chosen = Selection.parse("best:300,baselines,random:100").choose(SPACE, found.reached)
    by_rate = [{t for t in chosen if found.rate[t] == rate} for rate in (0.1, 0.4)]
    assert all(by_rate)
    assert not set.intersection(*by_rate)
    assert all(reached[text] is not None for text in set.union(*by_rate))


def test_recorded_seeds_are_not_trained_again(monkeypatch):
    runs = pl.DataFrame({"expression": ["a", "a", "b"], "seed": [0, 1, 0]})
    monkeypatch.setattr(module, "load_runs", lambda *arguments, **named: runs)
    tasks = [Task("a", 0, (0, 1)), Task("b", 1, (0, 1, 2)), Task("c", 2, (0,))]
    assert without_recorded(tasks, INFO, 0.1) == [Task("b", 1, (1, 2)), Task("c", 2, (0,))]
