"""``act-bench features``."""

from __future__ import annotations

import json

import numpy as np
from click.testing import CliRunner

from act_bench.cli import LazyGroup
from act_bench.space import load_space
from act_bench.spectra import load_spectra


def run(*arguments: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(LazyGroup("act-bench"), ["features", *arguments])
    return found.exit_code, found.stdout, found.stderr


def test_json_is_what_the_table_holds() -> None:
    code, out, _ = run("elu(x)", "--json")
    document = json.loads(out)
    entry = load_space().resolve("elu(x)").entry
    assert code == 0
    assert document["fim_valid"]
    assert [layer["weights"] for layer in document["layers"]] == [4160, 4160, 650]
    expected = load_spectra("mlp").quantiles[entry]
    np.testing.assert_allclose(document["fim_quantiles"], expected, atol=0.02)
    np.testing.assert_allclose(document["outputs"], load_space().outputs[entry], rtol=1e-6)


def test_expression_outside_the_space_has_features() -> None:
    code, out, _ = run("sinh(tanh(erf(x)))")
    assert code == 0
    assert "4,160" in out


def test_invalid_spectrum_is_an_answer_with_its_reason() -> None:
    code, out, _ = run("div(x,zero(x))", "--json")
    document = json.loads(out)
    assert code == 0
    assert not document["fim_valid"]
    assert document["fim_quantiles"] is None
    assert document["fim_reason"] == "inputs of layer 2: not finite"
    assert None in document["outputs"]


def test_a_text_that_is_no_expression_has_exit_code_4() -> None:
    code, _, err = run("relu(")
    assert code == 4
    assert "relu(" in err
