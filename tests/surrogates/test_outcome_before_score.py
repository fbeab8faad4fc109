"""What trained comes before what diverged; scores of one's own have a floor; data are named."""

# mypy: disable-error-code="arg-type, index"
# Wrong types are given on purpose, and a store that is made up.

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from act_bench.errors import ActBenchError, ArgumentError
from surrogates.live import Budget, Confirmation, search
from surrogates.live.confirm import Candidate, confirm
from surrogates.live.user_network.address import AddressError, load_function
from surrogates.live.user_network.examples import NetworkError, with_classes
from surrogates.live.user_network.network import OWN, network_problem

NONE = Confirmation(0, 0)


def make_model(activation):
    return nn.Sequential(nn.Linear(2, 4), activation(), nn.Linear(4, 2))


def load_data():
    inputs = torch.linspace(-1, 1, 32)[:, None] * torch.tensor([1.0, -0.5])
    labels = (inputs[:, 0] > 0).long()
    return (inputs, labels), (inputs, labels)


@pytest.mark.parametrize("shift", [-1000.0, -1.0, 0.0, 1000.0])
def test_the_best_trained_whatever_the_sign_of_the_scores(tmp_path, shift):
    seen = []

    def train(network, splits, seed):
        seen.append(seed)
        return math.nan if len(seen) % 2 else shift + len(seen) / 100

    problem = network_problem(make_model, load_data, train_model=train, floor=shift - 1)
    found = search(
        problem, tmp_path, method="random", budget=Budget(np.int64(4)), confirmation=NONE
    )
    assert [each.outcome for each in found.evaluated] == ["diverged", "ok"] * 2
    assert found.evaluated[0].score == shift - 1
    assert found.best.score == shift + 0.04
    assert found.tested.expression == found.best.expression


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "returns a score of your own.*give floor"),
        ({"floor": -1.0, "chance": 0.1}, "got both"),
        ({"floor": math.nan}, "floor must be a finite number"),
        ({"floor": True}, "floor must be a finite number"),
        ({"chance": math.inf}, "chance must be a finite number"),
    ],
)
def test_a_score_of_ones_own_states_its_floor(arguments, words):
    def train(network, splits, seed):
        return 0.0

    with pytest.raises(ActBenchError, match=words):
        network_problem(make_model, load_data, train_model=train, **arguments)


def test_a_floor_without_a_score_of_ones_own_is_refused():
    with pytest.raises(NetworkError, match="floor is for a score of your own"):
        network_problem(make_model, load_data, floor=0.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-3.0, "score -3, below the stated floor -2"),
        ("good", "returned 'good', expected a score"),
        ((1.0, 2.0, 3.0), "expected a score, or a pair"),
        (None, "returned None, expected a score"),
    ],
)
def test_scores_below_the_floor_or_of_another_kind_end_the_search(tmp_path, value, words):
    def train(network, splits, seed):
        return value

    problem = network_problem(make_model, load_data, train_model=train, floor=-2.0)
    with pytest.raises(NetworkError, match=words):
        search(problem, tmp_path, method="random", budget=Budget(1), confirmation=NONE)


class Store:
    """A store of what was trained already: expression -> validation accuracies."""

    parts_folder = None

    def __init__(self, runs):
        self.known = runs

    def missing(self, expression, seeds):
        return []

    def runs(self, expression, seeds):
        class Trained:
            def __init__(self, accuracy):
                self.validation_accuracy = accuracy
                self.runtime_s = 0.0
                self.test_accuracy = self.test_loss = self.validation_loss = None
                self.outcome = "diverged" if accuracy is None else "ok"

        return [Trained(accuracy) for accuracy in self.known[expression]]


def test_confirmation_ranks_what_diverged_last_though_chance_is_above_all():
    runs = {
        "a": [None, None, -5.0],
        "b": [-9.0, -9.0, -9.0],
        "c": [None, -9.0, -9.0],
        "d": [None] * 3,
    }
    candidates = [Candidate(name, None, "found", 0.0) for name in runs]
    rows = confirm(Store(runs), None, candidates, 3, chance=0.5)
    assert [row.candidate.expression for row in rows] == ["b", "c", "a", "d"]


LABELS = {
    "int32": lambda y: y.int(),
    "uint8": lambda y: y.byte(),
    "bool": lambda y: y.bool(),
    "column": lambda y: y[:, None],
    "one-hot": lambda y: nn.functional.one_hot(y, 2),
    "one-hot float": lambda y: nn.functional.one_hot(y, 2).float(),
    "one-hot bool": lambda y: nn.functional.one_hot(y, 2).bool(),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_other_types_train_as_classes_do(tmp_path, kind):
    def other():
        return tuple((x, LABELS[kind](y)) for x, y in load_data())

    scores = []
    for number, load in enumerate((load_data, other)):
        problem = network_problem(make_model, load)
        runs = problem.trainer("tanh(x)", [0])
        scores.append((problem.chance, runs[0].validation_accuracy, runs[0].train_loss, number > 1))
    assert scores[0] == scores[1]


def bad_data(change):
    return lambda: tuple(change(x, y) for x, y in load_data())


BAD = {
    "labels from 0 on, got -1": bad_data(lambda x, y: (x, y - 1)),
    "labels go up to 7.*scores for 2 classes": bad_data(lambda x, y: (x, y + 6)),
    "no chance level": bad_data(lambda x, y: (x, y.float())),
    "or one-hot rows": bad_data(lambda x, y: (x, torch.full((32, 2), 0.5))),
    "cannot read its inputs, float64": bad_data(lambda x, y: (x.double(), y)),
    "cannot read its inputs, int64": bad_data(lambda x, y: (x.long(), y)),
    r"cannot read its inputs.*\(32, 3\)": bad_data(lambda x, y: (torch.zeros(32, 3), y)),
    "returned a NoneType": lambda: None,
    "ended in KeyError": lambda: {}["inputs"],
    "of shapes": bad_data(lambda x, y: (x.numpy(), y.numpy())),
}


@pytest.mark.parametrize("words", BAD)
def test_data_of_a_wrong_kind_are_named(words):
    with pytest.raises(NetworkError, match=words):
        network_problem(make_model, BAD[words]).trainer("tanh(x)", [0])


MODELS = {
    "returned a NoneType": lambda activation: None,
    "ended in TypeError": lambda activation: activation(1, 2, 3),
    r"class scores \(32, classes\).*float32\[32, 2, 1\]": lambda activation: nn.Sequential(
        nn.Linear(2, 2), nn.Unflatten(1, (2, 1))
    ),
}


@pytest.mark.parametrize("words", MODELS)
def test_networks_of_a_wrong_kind_are_named(words):
    def model(activation):
        return MODELS[words](activation)

    with pytest.raises(NetworkError, match=words):
        network_problem(model, load_data, recipe=OWN).trainer("tanh(x)", [0])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def make(:\n", r"broken\.py, line 1: invalid syntax"),
        ("1 / 0\n", "importing broken ended in ZeroDivisionError"),
        ("import nothing_like_this\n", "no module nothing_like_this"),
        ("def make_modle(): ...\n", "broken has no make_model; did you mean 'make_modle'"),
        ("make_model = 3\n", "expected a function, got 3"),
    ],
)
def test_addresses_say_what_is_wrong(tmp_path, monkeypatch, source, words):
    import sys

    (tmp_path / "broken.py").write_text(source)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    try:
        with pytest.raises(AddressError, match=words):
            load_function(f"{tmp_path / 'broken.py'}:make_model")
    finally:
        sys.modules.pop("broken", None)


@pytest.mark.parametrize(
    "arguments",
    [{"evaluations": 0}, {"evaluations": True}, {"evaluations": 1.5}, {"seconds": 0},
     {"seconds": -1}, {"seconds": math.nan}, {"seconds": math.inf}],
)  # fmt: skip
def test_budgets_allow_something(arguments):
    with pytest.raises(ArgumentError, match="a budget's"):
        Budget(**arguments)


def test_labels_of_several_classes_at_once_are_refused():
    with pytest.raises(NetworkError, match="one-hot rows"):
        with_classes([(torch.zeros(2, 1), torch.tensor([[1, 1], [0, 1]]))])
