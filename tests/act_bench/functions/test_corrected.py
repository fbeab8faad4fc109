"""Functions with their entropy correction: values, modules, the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from act_bench import parse
from act_bench.cli.eafo import command
from act_bench.functions.catalogue import find
from act_bench.functions.corrected import correct
from act_bench.functions.entropy import Measured
from act_bench.functions.operators import SWISH_OPERATORS

torch = pytest.importorskip("torch")
X = np.linspace(-4, 4, 161)


def test_relu_becomes_crrelu_in_all_three_forms() -> None:
    corrected, crrelu = correct(parse("relu(x)")), find("crrelu")
    expected = crrelu.to_numpy()(X)
    np.testing.assert_allclose(corrected.to_numpy()(X), expected, atol=1e-7)
    written = corrected.expression()
    assert written is not None
    np.testing.assert_allclose(written.to_numpy()(X), expected, atol=1e-15)
    x = torch.tensor(X, requires_grad=True)
    y = torch.tensor(X, requires_grad=True)
    module, other = corrected.to_torch((1,)).double(), crrelu.to_torch((1,)).double()
    module(x).sum().backward()
    other(y).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), atol=5e-5)  # linear in between
    learned = [next(each.parameters()).grad for each in (module, other)]
    slopes = [float(grad) for grad in learned if grad is not None]
    assert slopes[0] == pytest.approx(slopes[1], abs=1e-3)


def test_module_has_the_values_of_numpy_in_any_dtype_and_beyond_the_table() -> None:
    sample = np.random.default_rng(1).gamma(2.0, size=5000)
    corrected = correct(parse("tanh(x)"), Measured(sample), "gamma")
    wide = np.concatenate([X, [-1e6, 1e6]])
    found = corrected.to_torch().double()(torch.tensor(wide)).detach().numpy()
    # eps itself is a float32 number
    np.testing.assert_allclose(found, corrected.to_numpy()(wide), atol=1e-8)
    half = corrected.to_torch()(torch.tensor(wide, dtype=torch.bfloat16))
    assert half.dtype == torch.bfloat16
    assert str(corrected) == "eafo(tanh(x);gamma)"


def test_a_function_that_learns_is_refused() -> None:
    with pytest.raises(ValueError, match="prelu learns a: correct a fixed function"):
        correct(find("prelu"))
    with pytest.raises(ValueError, match="learns its beta: correct a fixed function"):
        correct(parse("gate(scale(x),identity(x))", SWISH_OPERATORS))


def test_command_trains_both_and_writes_the_table(tmp_path: Path) -> None:
    out = tmp_path / "relu.csv"
    arguments = ["relu(x)", "--train", "--seeds", "1", "--json", "--out", str(out)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    assert document["corrected_expression"].startswith("add(relu(x),")
    plain, corrected = document["trained"]
    assert plain["function"] == "relu(x)"
    assert corrected["function"] == "eafo(relu(x);gaussian)"
    assert plain["values"] != corrected["values"]
    rows = np.genfromtxt(out, delimiter=",", names=True)
    np.testing.assert_allclose(rows["corrected"], rows["function"] + 0.01 * rows["term"])


def test_command_measures_densities_and_explains_what_it_cannot() -> None:
    result = CliRunner().invoke(command, ["tanh(x)", "--density", "measured", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    assert document["corrected_expression"] is None
    assert 0 < document["entropy_nats"] < np.log(2)
    assert CliRunner().invoke(command, ["relux(x)"]).exit_code == 4
    wrong = CliRunner().invoke(command, ["x", "--density", "measured", "--table", "cnn"])
    assert wrong.exit_code == 2
