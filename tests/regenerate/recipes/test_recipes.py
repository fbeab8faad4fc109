"""Recipes: stable hashes, and complete errors."""

import dataclasses
import hashlib
import json
import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from act_bench.functions.expression import parse
from regenerate.recipes import RECIPES, Recipe, UnknownRecipeError, find
from regenerate.training.dispatch import DeviceError, choose_device, train

PLAIN = Recipe(
    table="mlp",
    fidelity="tiny",
    network="mlp",
    dataset="digits",
    epochs=1,
    batch_size=50,
    optimizer="sgd",
    learning_rate=0.1,
)
REQUIRED = {
    "table", "fidelity", "network", "dataset", "epochs", "batch_size", "optimizer", "learning_rate",
}  # fmt: skip


def test_sha_is_of_the_settings_that_are_not_defaults():
    text = (
        '{"batch_size":50,"dataset":"digits","epochs":1,"fidelity":"tiny","learning_rate":0.1,'
        '"network":"mlp","optimizer":"sgd","table":"mlp"}'
    )
    assert PLAIN.canonical_json() == text
    assert PLAIN.sha == hashlib.sha256(text.encode()).hexdigest()[:12]


@pytest.mark.parametrize("field", dataclasses.fields(Recipe), ids=lambda field: field.name)
def test_every_setting_is_in_the_hash(field):
    value = getattr(PLAIN, field.name)
    kind = get_type_hints(Recipe)[field.name]
    if get_origin(kind) is Literal:
        other = next(each for each in get_args(kind) if each != value)
    elif value is None:
        other = 0.5 if float in get_args(kind) else 5
    else:
        other = {str: "other", int: 7, float: 0.7, bool: True, tuple: (3,)}[type(value)]
    changed = dataclasses.replace(PLAIN, **{field.name: other})
    assert changed.sha != PLAIN.sha
    assert field.name in json.loads(changed.canonical_json())


def test_a_new_optional_field_keeps_the_hashes():
    optional = {f.name for f in dataclasses.fields(Recipe)} - REQUIRED
    assert optional.isdisjoint(json.loads(PLAIN.canonical_json()))


def test_recipes_are_found_by_their_own_table_and_fidelity():
    for (table, fidelity), recipe in RECIPES.items():
        assert find(table, fidelity) is recipe
        assert (recipe.table, recipe.fidelity) == (table, fidelity)
    assert len({recipe.sha for recipe in RECIPES.values()}) == len(RECIPES)


def test_an_unknown_recipe_names_those_that_there_are():
    with pytest.raises(UnknownRecipeError, match=r"mlp-half.*mlp-full"):
        find("mlp", "half")


def test_the_learning_rate_must_have_time_to_fall():
    full = find("vit", "full")  # 5 epochs of warm-up, 5 at the end
    with pytest.raises(ValueError, match=r"some of 10 epochs .* got 5 and 5"):
        dataclasses.replace(full, epochs=10)
    assert dataclasses.replace(full, epochs=3).epochs == 3  # ends in its warm-up


@pytest.mark.parametrize(
    ("table", "changes", "words"),
    [
        ("mlp", {"augmentation": "crop"}, "needs a recipe with augmentation 'none'; mlp-full"),
        ("mlp", {"loss": "binary_cross_entropy"}, "loss 'cross_entropy'"),
        ("mlp", {"batch_size": 600}, "batch_size from 1 to the 599 training images"),
        ("cnn", {"dtype": "float32"}, "dtype 'bfloat16'; cnn-full has 'float32'"),
        ("cnn", {"widths": (8,)}, "widths ()"),
    ],
)
def test_trainers_refuse_what_they_would_not_follow(table, changes, words):
    recipe = dataclasses.replace(find(table, "full"), **changes)
    with pytest.raises(ValueError, match=re.escape(words)):
        train(recipe, parse("relu(x)"), [0])


def test_what_is_no_recipe_and_what_is_no_function_is_named():
    nothing: Any = None
    text: Any = "relu(x)"
    with pytest.raises(TypeError, match=r"expected a recipe, .*got None"):
        train(nothing, parse(text), [0])
    with pytest.raises(TypeError, match=r"expected an expression.*got 'relu\(x\)'"):
        train(find("mlp", "full"), text, [0])


@pytest.mark.parametrize("device", ["gpu", "mps", "cpu:0", "cuda:x", "cuda:", "cuda:2"])
def test_devices_that_are_none_are_named(monkeypatch, device):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(DeviceError, match=repr(device)):
        choose_device("all_cnn_c", device)
    assert choose_device("all_cnn_c", "cuda:1") == "cuda:1"


def test_recipes_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLAIN.epochs = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("learning_rate", -0.1, "above 0, got -0.1"),
        ("momentum", 1.0, "at least 0 and below 1"),
        ("weight_decay", -1e-4, "at least 0"),
        ("clip_norm", 0.0, "above 0"),
        ("label_smoothing", 2.0, "from 0 to 1"),
        ("train_images", -5, "at least 1"),
        ("widths", (8, 0), "at least 1, got 0"),
        ("evaluation_crop", 1.5, "at most 1"),
        ("optimizer", "lion", "one of sgd, adamw, muon, got 'lion'"),
        ("schedule", "warm", "one of constant, linear"),
        ("initialization", "xavier", "one of he, lecun"),
    ],
)
def test_values_that_make_no_sense_are_refused(field: str, value: object, words: str) -> None:
    changed: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=f"{field} must be .*{words}"):
        dataclasses.replace(find("mlp", "full"), **changed)
