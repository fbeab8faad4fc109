"""The digest of a user's code: what changes it, and what a search does then."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

from regenerate.runs.store import SearchFolderError
from surrogates.live import Budget, Confirmation, search
from surrogates.live.user_network.code import code_behind
from surrogates.live.user_network.network import network_problem

LAYERS = """
from torch import nn

class Scaled(nn.Linear):
    def forward(self, inputs):
        return 2 * super().forward(inputs)
"""
NETWORK = """
import torch
from torch import nn
import layers_of_a_user
from layers_of_a_user import Scaled

WIDTH = 8

def head():
    return nn.Linear(WIDTH, 2)

def make_model(activation):
    # two layers
    return nn.Sequential(Scaled(2, WIDTH), activation(), head())

def load_data():
    inputs = torch.linspace(-1, 1, 64)[:, None] * torch.tensor([1.0, -0.5])
    return [(inputs, (inputs[:, 0] > 0).long())] * 2
"""


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return what writes the user's two modules and imports them anew."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(network: str = NETWORK, layers: str = LAYERS):
        for name, text in (("layers_of_a_user", layers), ("network_of_a_user", network)):
            (tmp_path / f"{name}.py").write_text(text)
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        for cached in tmp_path.rglob("*.pyc"):
            cached.unlink()
        return importlib.import_module("network_of_a_user")

    yield write
    for name in ("layers_of_a_user", "network_of_a_user"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("WIDTH = 8", "WIDTH = 16", True),
        ("nn.Linear(WIDTH, 2)", "nn.Linear(WIDTH, 2, bias=False)", True),
        ("activation(), head()", "activation(), nn.Dropout(0.5), head()", True),
        ("# two layers", "# two layers, the first of them scaled", False),
        ("return nn.Linear(WIDTH, 2)", "return nn.Linear(\n        WIDTH, 2\n    )", False),
        ("def load_data", "def other(activation):\n    return head()\n\ndef load_data", False),
    ],
)
def test_code_that_is_used_counts_but_no_comment_layout_or_other_code(user, old, new, counts):
    before = code_behind(user().make_model)
    assert (code_behind(user(NETWORK.replace(old, new)).make_model) != before) == counts


def test_what_the_network_is_made_of_counts_in_other_files_too(user):
    before = code_behind(user().make_model)
    changed = LAYERS.replace("2 * super", "3 * super")
    assert code_behind(user(layers=changed).make_model) != before
    by_module = NETWORK.replace("Scaled(2", "layers_of_a_user.Scaled(2")
    first = code_behind(user(by_module).make_model)
    assert code_behind(user(by_module, changed).make_model) != first


def test_what_a_function_closes_over_counts():
    def of(width):
        def make_model(activation):
            return width, activation

        return make_model

    assert code_behind(of(1)) == code_behind(of(1)) != code_behind(of(2))


def test_constants_are_written_alike_in_every_process(user):
    """Sets have another order in each, and objects another address."""
    plain = NETWORK.replace("WIDTH = 8", "WIDTH, KINDS, TOOLS = 8, {'a', 'b'}, [print, object()]")
    network = plain.replace("# two layers", "len(KINDS), len(TOOLS)")
    here = code_behind(user(network).make_model)
    script = (
        "import network_of_a_user; from surrogates.live.user_network.code import code_behind; "
        "print(code_behind(network_of_a_user.make_model))"
    )
    folder = Path(user(network).__file__).parent
    for seed in "12":
        paths = os.pathsep.join([str(folder), *sys.path])
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": paths}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, check=True
        )
        assert done.stdout.decode().strip() == here
    assert code_behind(user(network.replace("'b'", "'c'")).make_model) != here


def test_a_method_counts_with_its_class():
    class Maker:
        def make(self, activation):
            return activation

    assert code_behind(Maker().make) not in (code_behind(), code_behind(Maker.make))


def test_an_object_counts_by_its_class_and_what_has_no_source_by_its_name():
    class Maker:
        def __call__(self, activation):
            return activation

    assert code_behind(Maker()) != code_behind()
    typed = FunctionType((lambda activation: activation).__code__.replace(co_filename="typed"), {})
    assert code_behind(typed) != code_behind()


def test_a_search_is_not_continued_with_a_network_that_changed(user, tmp_path):
    def run(network):
        problem = network_problem(network.make_model, network.load_data)
        out, none = tmp_path / "out", Confirmation(0, 0)
        return search(
            problem, out, method="random", budget=Budget(2), confirmation=none, reveal=False
        )

    first = run(user())
    assert run(user(NETWORK.replace("# two", "# 2"))) == first
    with pytest.raises(SearchFolderError, match="with another code"):
        run(user(NETWORK.replace("WIDTH = 8", "WIDTH = 4")))
