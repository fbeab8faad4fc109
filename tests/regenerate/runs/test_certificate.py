"""Certificates: the comparison's rules, and the record found again by training."""

import dataclasses
import json
from functools import cache

import numpy as np
import pytest
from scipy import stats

from act_bench import load_runs
from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from regenerate.recipes import find
from regenerate.runs.certificate import Certificate, compare, find_record, results
from regenerate.runs.environment import environment, same_platform
from regenerate.runs.run import Run
from regenerate.training.dispatch import train

RECIPE = find("mlp", "full")
RUN = Run(
    expression="relu(x)",
    entry=12,
    fidelity="full",
    seed=0,
    outcome="ok",
    train_accuracy=0.9,
    validation_accuracy=0.5,
    test_accuracy=0.25,
    train_loss=1.0,
    validation_loss=2.0,
    test_loss=3.0,
    train_loss_curve=(2.5,),
    validation_loss_curve=(2.5,),
    validation_accuracy_curve=(0.5,),
    runtime_s=0.125,
    images_seen=100,
    device="cpu",
    recipe_sha=RECIPE.sha,
    versions=environment("feedbeef"),
)


def runs(*accuracies, first_seed=0):
    """Return runs with these validation accuracies, None for a diverged one."""
    return [
        dataclasses.replace(
            RUN,
            seed=seed,
            outcome="ok" if accuracy is not None else "diverged",
            validation_accuracy=accuracy,
            validation_loss=accuracy,
        )
        for seed, accuracy in enumerate(accuracies, first_seed)
    ]


def test_z_is_the_pooled_two_sample_statistic():
    new, old = [0.50, 0.53, 0.49], [0.51, 0.52, 0.54, 0.50, 0.55]
    comparison = compare(runs(*new, first_seed=100), runs(*old))
    assert comparison.z == pytest.approx(stats.ttest_ind(new, old).statistic)
    assert comparison.difference == pytest.approx(np.mean(new) - np.mean(old))
    assert comparison.verdict == "agrees"
    assert comparison.shared_seeds == ()


def test_same_seeds_are_exact_only_if_everything_is_the_same():
    record = runs(0.5, 0.6, 0.7)
    assert compare(record[:2], record).verdict == "exact"
    assert compare(record[:2], record).identical_seeds == (0, 1)
    other = [record[0], dataclasses.replace(record[1], train_loss=1.0 + 1e-15)]
    comparison = compare(other, record)
    assert comparison.verdict == "agrees"
    assert comparison.identical_seeds == (0,)
    assert comparison.shared_seeds == (0, 1)


def test_far_off_differs():
    comparison = compare(runs(0.9, 0.91, first_seed=50), runs(0.5, 0.51, 0.52))
    assert comparison.verdict == "differs"
    assert comparison.z > 3


def test_outcomes_are_compared_first():
    assert compare(runs(None, None, first_seed=9), runs(0.5, 0.6)).verdict == "differs"
    assert compare(runs(0.5, 0.6, first_seed=9), runs(None, 0.5)).verdict == "differs"
    assert compare(runs(None, first_seed=9), runs(None, None)).verdict == "agrees"
    assert compare(runs(None), runs(None, None)).verdict == "exact"


def test_too_few_runs_are_undecided():
    comparison = compare(runs(0.5, first_seed=9), runs(0.6))
    assert (comparison.verdict, comparison.z) == ("undecided", None)
    assert compare(runs(0.5, 0.52, first_seed=9), runs(0.6)).z < 0


def test_no_noise_gives_no_z():
    assert compare(runs(0.1, first_seed=9), runs(0.1, 0.1)).verdict == "agrees"
    assert compare(runs(0.2, first_seed=9), runs(0.1, 0.1)).verdict == "undecided"


def test_without_a_record_there_is_nothing_to_compare():
    assert compare(runs(0.5), []).verdict == "no record"
    with pytest.raises(ValueError, match="at least one"):
        compare([], runs(0.5))
    with pytest.raises(ValueError, match="different recipes"):
        compare(runs(0.5), [dataclasses.replace(RUN, recipe_sha="else")])


def test_platforms_are_told_apart():
    facts = json.loads(RUN.versions)
    newer = json.dumps({**facts, "act_bench": "9.9", "python": "3.99"})
    elsewhere = json.dumps({**facts, "instructions": "DEFAULT"})
    assert same_platform([RUN.versions, newer])
    assert not same_platform([RUN.versions, elsewhere])
    assert not compare(runs(0.5), [dataclasses.replace(RUN, versions=elsewhere)]).same_platform


def test_certificate_is_complete_json(tmp_path):
    retrained, record = runs(0.5, None), runs(0.5, 0.6)
    made = Certificate(
        expression="relu(x)",
        entry=12,
        recipe=RECIPE,
        retrained=tuple(retrained),
        record=tuple(record),
        comparison=compare(retrained, record),
    )
    made.write(tmp_path / "relu.json")
    read = json.loads((tmp_path / "relu.json").read_text())
    assert [path.name for path in tmp_path.iterdir()] == ["relu.json"]
    assert read["recipe_sha"] == RECIPE.sha
    assert read["recipe"]["learning_rate"] == RECIPE.learning_rate
    assert read["retrained_environments"] == [json.loads(RUN.versions)]
    assert [run["validation_accuracy"] for run in read["retrained"]] == [0.5, None]
    assert read["comparison"]["verdict"] == made.comparison.verdict


@cache
def ten_entries():
    rng = np.random.default_rng(2913)
    return sorted(rng.choice(2913, size=10, replace=False).tolist())


@pytest.mark.parametrize("position", range(10))
def test_training_finds_the_record_again(position):
    """To the last bit on the platform of the record, elsewhere within the noise of the seeds."""
    entry = ten_entries()[position]
    record = find_record(RECIPE, entry)
    assert [run.seed for run in record] == list(range(10))
    expression = load_space().representatives[entry]
    assert {run.expression for run in record} == {expression}
    retrained = train(RECIPE, parse(expression), range(10))
    comparison = compare(retrained, record)
    if comparison.same_platform:
        assert list(map(results, retrained)) == list(map(results, record))
        assert comparison.verdict == "exact"
    else:
        assert comparison.verdict in ("exact", "agrees")


def test_the_record_has_all_outcomes_among_the_ten():
    """So that finding them again says something about each."""
    embedded = load_runs("mlp", columns=["entry", "outcome", "validation_accuracy"])
    ten = embedded.filter(embedded["entry"].is_in(ten_entries()))
    assert {"ok", "diverged"} == set(ten["outcome"])
    assert max(ten["validation_accuracy"].drop_nulls().to_list()) > 0.8
