"""The command search: clean JSON, clear errors, exit codes that mean something."""

import dataclasses
import importlib
import json
import sys

import pytest
from click.testing import CliRunner

from regenerate import recipes

SEARCH = importlib.import_module("act_bench.cli.search").command
VERIFY = importlib.import_module("act_bench.cli.verify").command

NETWORK = """
import torch
from torch import nn

def make_model(activation):
    return nn.Sequential(nn.Linear(2, 4), activation(), nn.Linear(4, 2))

def load_data():
    inputs = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    labels = (inputs.prod(1) > 0).long()
    return (inputs[:40], labels[:40]), (inputs[40:], labels[40:])

number = 3
"""


@pytest.fixture(autouse=True)
def _tiny(tmp_path, monkeypatch):
    """The recipe of mlp, made tiny; and a file with a network."""
    tiny = dataclasses.replace(recipes.find("mlp", "full"), epochs=2, widths=(8,), train_images=100)
    monkeypatch.setitem(recipes.RECIPES, ("mlp", "full"), tiny)
    monkeypatch.setattr(sys, "path", [*sys.path])
    # Each test's file is another one of the same name.
    monkeypatch.delitem(sys.modules, "live_cli_network", raising=False)
    (tmp_path / "live_cli_network.py").write_text(NETWORK)


def call(*arguments, command=SEARCH):
    return CliRunner().invoke(command, list(map(str, arguments)))


def test_a_search_of_a_table_and_its_trace(tmp_path):
    options = ("--table", "mlp", "--method", "knn", "--seeds", 1, "--out", tmp_path / "out")
    done = call(*options, "--budget", 4, "--confirm", "1x2", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["evaluations"] == 4
    assert [row["role"] for row in document["confirmed"]] == ["found", "best of the table"]
    assert document["tested"]["accuracy"] is not None
    assert "best so far" in done.stderr
    again = call(*options, "--budget", 4, "--confirm", "1x2")
    assert again.exit_code == 0, again.output
    assert "shown once" in again.stdout
    assert document["best"]["expression"] in again.stdout
    verified = call(tmp_path / "out" / "trace.jsonl", command=VERIFY)
    assert verified.exit_code == 0, verified.output
    over = call(*options, "--budget", 5)
    assert over.exit_code == 3
    assert "is over" in " ".join(over.stderr.split())


def test_a_search_for_ones_own_network(tmp_path):
    place = tmp_path / "live_cli_network.py"
    done = call(
        "--model", f"{place}:make_model", "--data", f"{place}:load_data", "--epochs", 2,
        "--method", "random", "--budget", 2, "--confirm", 0, "--sealed", "--out", tmp_path / "own",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "best of 2 functions" in done.stdout
    assert "test is sealed" in done.stdout
    recorded = json.loads((tmp_path / "own" / "search.json").read_text())
    assert recorded["model"] == "live_cli_network:make_model"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "give either --table, or --model and --data"),
        (("--table", "mlp", "--model", "a:b"), 2, "give either --table"),
        (("--model", "a:b"), 2, "--model needs --data"),
        (("--table", "mlp", "--epochs", "3"), 2, "for your own network"),
        (("--model", "a:b", "--data", "a:c", "--train", "a:d", "--epochs", "3"), 2, "own training"),
        (("--table", "mlp", "--method", "nonsense"), 2, "choose from random"),
        (("--table", "mlp", "--method", "halving"), 2, "stops trainings early"),
        (("--table", "mlp", "--method", "knn:neighbors=2"), 2, "one of the settings"),
        (("--table", "mlp", "--confirm", "three"), 2, "such as 3x5"),
        (("--table", "mlp", "--fidelity", "proxy"), 2, "choose from full"),
        (("--table", "mlp", "--device", "cuda"), 2, "on the cpu only"),
        (("--model", "FILE:absent", "--data", "FILE:load_data"), 2, "has no absent"),
        (("--model", "FILE:make_model", "--data", "FILE:number"), 2, "expected a function"),
        (("--table", "mlp", "--out", "FILE/below"), 3, "choose another --out"),
    ],
)
def test_search_says_what_is_wrong(tmp_path, arguments, code, words):
    file = str(tmp_path / "live_cli_network.py")
    out = () if "--out" in arguments else ("--out", str(tmp_path / "out"))
    result = call(*(text.replace("FILE", file) for text in arguments), *out)
    assert result.exit_code == code, result.output
    assert words in " ".join(result.stderr.split())
