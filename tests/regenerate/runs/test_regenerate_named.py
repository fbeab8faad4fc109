"""``act-bench regenerate NAME --table cnn``: the command for functions that papers name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from act_bench.cli import main
from act_bench.functions.catalogue import CATALOGUE
from regenerate import data
from regenerate.recipes import RECIPES
from tests.regenerate.stripes import striped

# What issues and papers call by name: formula and source of each are in the catalogue.
BASELINES = ("elu", "relu", "selu", "sigmoid", "softplus", "softsign", "swish", "tanh")
SWISH_PAPER = (
    "swish_beta",
    "max_x_sigmoid",
    "cos_minus_x",
    "min_x_sin",
    "arctan_squared_minus_x",
    "max_x_tanh",
    "sinc_plus_x",
    "x_arcsinh_squared",
)
OTHERS = ("gelu", "mish", "elish", "crrelu", "prelu", "celu")


@pytest.fixture
def tiny_cnn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bright rows in noise in the place of CIFAR-10, and recipes that take a second."""

    made = striped(100, 50, 50)
    monkeypatch.setattr(data, "load", lambda *_, **__: made)
    small: dict[str, Any] = {
        "width": 1 / 12,
        "image_size": 16,
        "train_images": None,
        "epochs": 1,
        "batch_size": 20,
    }
    for key, recipe in RECIPES.items():
        if recipe.table == "cnn":
            monkeypatch.setitem(RECIPES, key, dataclasses.replace(recipe, **small))


def test_the_catalogue_has_what_papers_name():
    assert {*BASELINES, *SWISH_PAPER, *OTHERS} <= CATALOGUE.keys()
    learned = {name for name, function in CATALOGUE.items() if function.parameter is not None}
    assert learned == {"crrelu", "prelu", "swish_beta", "xielu"}
    for function in CATALOGUE.values():
        assert function.formula
        assert function.source


def test_the_discoveries_of_the_poster_are_in_the_catalogue():
    from act_bench.tables.catalogued.literature import load_literature

    reported = load_literature()
    poster = reported.filter(reported["source"] == "bingham2023")
    assert {f"Table {number}" for number in (1, 2, 3)} <= set(poster["table"])
    assert set(reported["function"]) <= CATALOGUE.keys()


@pytest.mark.usefixtures("tiny_cnn")
@pytest.mark.parametrize("name", ["crrelu", "swish_beta", "gelu", "min_x_sin"])
def test_a_named_function_is_trained_in_the_cnn(name: str, tmp_path: Path) -> None:
    arguments = f"regenerate {name} --table cnn --seeds 1 --device cpu --json --data-dir"
    done = CliRunner().invoke(main, [*arguments.split(), str(tmp_path)])
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    [run] = made["retrained"]
    assert run["outcome"] == "ok"
    assert 0 <= run["validation_accuracy"] <= 1
    assert made["comparison"]["verdict"] == "no record"
