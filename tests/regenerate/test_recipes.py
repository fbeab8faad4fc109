"""Recipes: stable hashes, and complete errors."""

import dataclasses
import hashlib
import json

import pytest

from regenerate.recipes import RECIPES, Recipe, UnknownRecipeError, find

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
    other = {str: "other", int: 7, float: 0.7, bool: True, tuple: (3,), type(None): 5}[type(value)]
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


def test_recipes_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLAIN.epochs = 2
