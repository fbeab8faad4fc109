"""Searching for a user's own network: any model, any data, and any training of theirs."""

import dataclasses
import math
from functools import partial
from typing import Any

import polars as pl
import pytest
import torch
from torch import nn

from act_bench.functions.catalogue import find
from act_bench.spaces.paper import load_space
from regenerate.runs.store import SearchFolderError
from regenerate.training.optimizers import torch_optimizer
from surrogates.live import Budget, Confirmation, search
from surrogates.live.methods import MethodError
from surrogates.live.replay import verify_search
from surrogates.live.spectra import compute_spectra, network_spectrum, read_spectra
from surrogates.live.user_network.address import AddressError, load_function
from surrogates.live.user_network.examples import NetworkError, fingerprint
from surrogates.live.user_network.network import OWN, NetworkTrainer, network_problem

SHORT = dataclasses.replace(OWN, epochs=2, batch_size=16)
NONE = Confirmation(0, 0)


def make_model(activation):
    return nn.Sequential(
        nn.Linear(2, 8), activation(), nn.Dropout(0.1), nn.Linear(8, 8), activation(),
        nn.Linear(8, 2),
    )  # fmt: skip


def load_data():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(3, 64, 2, generator=generator)
    labels = (inputs.prod(-1) > 0).long()
    return list(zip(inputs, labels, strict=True))


def load_two():
    return load_data()[:2]


def test_a_run_depends_on_its_seed_and_on_nothing_else():
    trainer = NetworkTrainer(make_model, load_data, SHORT)
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    first, other = trainer("tanh(x)", [3, 4])
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(8)
    (again,) = trainer("tanh(x)", [3])
    assert dataclasses.replace(again, runtime_s=0) == dataclasses.replace(first, runtime_s=0)
    assert other.validation_loss != first.validation_loss
    assert (first.images_seen, len(first.validation_accuracy_curve)) == (2 * 64, 2)


def test_the_loop_learns_and_says_what_diverged():
    recipe = dataclasses.replace(OWN, epochs=30, learning_rate=0.05)
    trainer = NetworkTrainer(make_model, load_data, recipe)
    learned, failed = trainer("tanh(x)", [0])[0], trainer("div(one(x),zero(x))", [0])[0]
    assert learned.train_accuracy > 0.75
    assert learned.test_accuracy is not None
    assert (failed.outcome, failed.validation_accuracy) == ("diverged", None)


def test_a_search_with_a_loop_of_ones_own(tmp_path):
    seen = []

    def train(network, splits, seed):
        seen.append(seed)
        value = float(network(splits[1][0]).mean().detach())
        return (math.nan if len(seen) == 2 else value, 0.25)

    problem = network_problem(make_model, load_data, train_model=train, chance=-1.0, seeds=[0, 5])
    found = search(problem, tmp_path, method="random", budget=Budget(3), confirmation=NONE)
    assert seen == [0, 5] * 3
    assert [each.outcome for each in found.evaluated] == ["diverged", "ok", "ok"]
    assert found.evaluated[0].score == -1.0
    assert found.tested.accuracy == 0.25
    assert all(check.passed for check in verify_search(tmp_path / "trace.jsonl"))


def test_what_trained_beats_what_diverged_whatever_the_scores(tmp_path):
    """A user's own score, minus a loss: chance is above all of it, and still diverged is last."""
    seen = []

    def train(network, splits, seed):
        seen.append(seed)
        return (math.nan if len(seen) == 1 else -100.0 - len(seen), 0.25)

    problem = network_problem(make_model, load_data, train_model=train, chance=0.5, seeds=[0])
    found = search(problem, tmp_path, method="random", budget=Budget(3), confirmation=NONE)
    assert [each.score for each in found.evaluated] == [0.5, -102.0, -103.0]
    assert (found.best.outcome, found.best.score) == ("ok", -102.0)
    assert found.tested.expression == found.best.expression


def test_without_test_data_nothing_is_shown(tmp_path):
    problem = network_problem(make_model, load_two, recipe=SHORT)
    found = search(problem, tmp_path, method="knn", budget=Budget(3), confirmation=NONE)
    assert found.tested.accuracy is None
    assert found.best.validation_accuracy is not None


def test_spectra_of_ones_own_network_are_computed_once_and_searched_with(tmp_path, monkeypatch):
    problem = network_problem(make_model, load_data, recipe=SHORT)
    with pytest.raises(MethodError, match="Fisher spectra of your network"):
        search(problem, tmp_path / "a", method="gp-ei:features=fim", budget=Budget(2))
    few = list(load_space().representatives)[60:64]
    trainer: Any = problem.trainer
    calls = []

    def spectrum(expression):
        calls.append(str(expression))
        if len(calls) == 3:
            (tmp_path / "spectra" / ".000002-4711.parquet").write_bytes(b"torn by kill -9")
            raise KeyboardInterrupt
        inputs, labels = load_data()[0]
        network = trainer.network(str(expression), 0)
        return network_spectrum(network, inputs, labels, "mine")

    monkeypatch.setattr("surrogates.live.spectra._CHUNK", 2)
    with pytest.raises(KeyboardInterrupt):
        compute_spectra(tmp_path, few, spectrum)
    compute_spectra(tmp_path, few, spectrum)
    compute_spectra(tmp_path, few, spectrum)
    assert calls == [*few[:2], few[2], *few[2:]]  # what was written is not computed again
    vectors, valid = read_spectra(tmp_path / "spectra.parquet")
    assert vectors.shape == (4, 3 * 128)
    assert valid.tolist() == [module_valid(trainer, text) for text in few]
    # Older versions wrote no checksum, and other types of the same values.
    pl.read_parquet(tmp_path / "spectra.parquet").write_parquet(tmp_path / "old.parquet")
    assert (read_spectra(tmp_path / "old.parquet")[0] == vectors).all()
    torn = (tmp_path / "spectra.parquet").read_bytes()[:-1]
    (tmp_path / "torn.parquet").write_bytes(torn)
    with pytest.raises(SearchFolderError, match=r"torn.parquet is damaged.*delete it"):
        read_spectra(tmp_path / "torn.parquet")


def module_valid(trainer, text):
    from regenerate.fisher import FisherConvention, InvalidSpectrumError, Labels, fisher_spectrum

    inputs, labels = load_data()[0]
    convention = FisherConvention(
        table="mine", batch=(0, 64), labels=Labels.PREDICTED_SAMPLE, dtype="float32"
    )
    try:
        fisher_spectrum(trainer.network(text, 0), inputs, convention, labels)
    except InvalidSpectrumError:
        return False
    return True


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (lambda: [(torch.zeros(2), torch.zeros(2))], "returned 1 splits"),
        (lambda: [(torch.zeros(2), torch.zeros(3))] * 2, "of shapes"),
        (lambda: [(torch.zeros(2, 1), torch.zeros(2))] * 2, "no chance level"),
    ],
)
def test_data_that_are_not_as_described_are_refused(load, words):
    with pytest.raises(NetworkError, match=words):
        network_problem(make_model, load)


def test_a_network_has_a_name_of_its_own():
    with pytest.raises(NetworkError, match="another name"):
        network_problem(make_model, load_data, name="mlp")
    with pytest.raises(NetworkError, match="got a lambda"):
        network_problem(lambda activation: make_model(activation), load_data, name="own")
    models = (partial(make_model, seed=n) for n in (4, 400))  # type: ignore[call-arg]  # not called
    narrow, wide = (network_problem(model, load_data) for model in models)
    assert narrow.table != wide.table


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dtype", "bfloat16"),
        ("optimizer", "muon"),
        ("train_images", 10),
        ("augmentation", "flip"),
        ("undefined", "limit"),
    ],
)
def test_a_recipe_that_the_loop_would_not_follow_is_refused(field, value):
    recipe = dataclasses.replace(OWN, **{field: value})
    with pytest.raises(ValueError, match=f"the trainer of own needs a recipe with {field}"):
        network_problem(make_model, load_data, recipe=recipe)


def test_a_training_of_ones_own_has_no_recipe():
    def train(network, splits, seed):
        return 0.5

    named = dataclasses.replace(OWN, fidelity="short")
    problem = network_problem(make_model, load_data, train_model=train, floor=0.0, recipe=named)
    assert problem.fidelity == "short"
    with pytest.raises(NetworkError, match="leave out the recipe"):
        network_problem(make_model, load_data, train_model=train, floor=0.0, recipe=SHORT)


def test_spectra_are_of_the_space_of_the_paper():
    with pytest.raises(NetworkError, match="space paper, got the space 'swish'"):
        network_problem(make_model, load_data, space="swish", fisher=True)


def test_what_a_function_learns_does_not_decay():
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = torch.nn.Linear(2, 2)
            self.activation = find("prelu").to_torch()

    decays = [group["weight_decay"] for group in torch_optimizer(OWN, Own()).param_groups]
    assert decays == [OWN.weight_decay, 0.0]


def test_numbers_that_numpy_does_not_have_have_a_fingerprint():
    halves = [(torch.zeros(2, 3, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.int64))]
    others = [(torch.ones(2, 3, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.int64))]
    assert fingerprint(halves) != fingerprint(others)


def test_functions_are_found_by_address(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "own_net_file.py").write_text("def make(): return 3\nnumber = 4\n")
    (tmp_path / "json.py").write_text("def make(): return 5\n")
    assert load_function(f"{tmp_path}/own_net_file.py:make")() == 3
    for address, words in [
        (f"{tmp_path}/own_net_file.py:absent", "has no absent"),
        (f"{tmp_path}/own_net_file.py:number", "expected a function"),
        (f"{tmp_path}/absent.py:make", "no file"),
        ("no_such_module:make", "no module no_such_module"),
        (f"{tmp_path}/json.py:make", "another module has the name json already.*rename the file"),
        ("make", "expected my_module:function"),
    ]:
        with pytest.raises(AddressError, match=words):
            load_function(address)
