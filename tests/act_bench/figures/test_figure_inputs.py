"""What enters a function: drawn from the embedded file, or from a network of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from act_bench.cli import plot
from act_bench.errors import ArgumentTypeError
from act_bench.figures import FigureError, Request, draw
from act_bench.figures.inputs import read_distributions
from act_bench.functions.expression import ParseError
from act_bench.tables.inputs.distributions import MOMENTS, load_inputs
from act_bench.tables.schema import UnknownNameError

NETWORK = """
import torch
from torch import nn

def make_model(activation):
    return nn.Sequential(nn.Linear(4, 8), activation(), nn.Linear(8, 2))

def load_data():
    inputs = torch.linspace(-1, 1, 256).reshape(64, 4)
    labels = (inputs.sum(1) > 0).long()
    return (inputs, labels), (inputs, labels)
"""


def test_embedded_distributions_are_drawn_in_any_spelling() -> None:
    rows = load_inputs("mlp", "add(zero(x),relu(x))")
    assert set(rows["chosen_as"]) == {"baseline"}
    assert rows["counts"].arr.sum().to_list() == rows["inputs"].to_list()
    found = read_distributions(Request(("mlp",), expression="max(x,zero(x))"))
    assert found.expression == "add(zero(x),relu(x))"
    assert set(found.counts) == set(MOMENTS)
    before, after = draw("inputs", Request(("mlp",), expression="relu")).axes[:2]
    assert before.get_xlabel() == "input"
    heights = [patch.get_data().values for patch in before.patches[::2]]  # type: ignore[attr-defined]
    for moment, values in zip(MOMENTS, heights, strict=True):
        counts = found.counts[moment].sum(0)
        np.testing.assert_allclose(values.sum() * 0.25, counts[1:-1].sum() / counts.sum())
    assert after.get_ylabel() == "f(input)"


def test_the_file_has_baselines_named_functions_and_the_best() -> None:
    rows = load_inputs("mlp")
    functions = rows.unique("expression")
    counts = dict(functions.group_by("chosen_as").len().rows())
    assert counts["baseline"] == 8
    assert counts["best"] <= 20
    assert {"golu", "crrelu", "gelu(x)"} <= set(functions["expression"])
    ok = rows.filter(outcome="ok").group_by("expression").len()
    assert set(ok["len"]) == {4}, "two places at two moments"


def test_inputs_of_a_function_by_any_spelling() -> None:
    known = load_inputs("mlp", "add(zero(x),relu(x))")
    assert known.height == 4
    for text in ("relu", "ReLU", "max(x, zero(x))"):
        assert load_inputs("mlp", text).equals(known)
    with pytest.raises(UnknownNameError, match=r"mlp has no inputs of mul\(.*\), but of \d+"):
        load_inputs("mlp", "mul(cosh(x),erf(x))")
    with pytest.raises(ParseError):
        load_inputs("mlp", "nonsense")
    with pytest.raises(ArgumentTypeError, match="expected the text of an expression, got int"):
        load_inputs("mlp", 3)  # type: ignore[arg-type]


def test_a_network_of_your_own(tmp_path: Path) -> None:
    module = tmp_path / "own_network_of_inputs.py"
    module.write_text(NETWORK, encoding="utf-8")
    out = tmp_path / "inputs.png"
    arguments = ["inputs", "tanh(x)", "--model", f"{module}:make_model", "--data",
                 f"{module}:load_data", "--output", str(out)]  # fmt: skip
    result = CliRunner().invoke(plot.command, arguments)
    assert result.exit_code == 0, result.output
    assert out.stat().st_size > 1000


def test_what_is_missing_is_said() -> None:
    for request in (
        Request(("mlp",)),
        Request(("mlp", "cnn"), expression="relu(x)"),
        Request(("mlp",), expression="relu(x)", model="a:b", data="a:c"),
    ):
        with pytest.raises(FigureError, match="one function in one network"):
            draw("inputs", request)
    with pytest.raises(FigureError, match="belong together"):
        draw("inputs", Request(expression="relu(x)", model="a:b"))
