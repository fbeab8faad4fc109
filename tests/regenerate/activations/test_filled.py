"""Entries with their limit at 0: the same elsewhere, and trained under a hash of their own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from act_bench import parse
from act_bench.spaces.limits import load_limits
from act_bench.spaces.paper import load_space
from regenerate.activations import tabulate
from regenerate.activations.filled import Filled, fill
from regenerate.activations.tabulation import to_float64
from regenerate.recipes import find
from regenerate.training.dispatch import train

ZEROS = np.array([0x0000, 0x8000])


@pytest.mark.parametrize("entry", sorted(load_limits())[::23])
def test_a_table_differs_at_0_alone_and_is_finite_there(entry: int) -> None:
    tree = parse(load_space().representatives[entry])
    written, filled = tabulate(tree), tabulate(fill(tree))
    elsewhere = np.setdiff1d(np.arange(1 << 16), ZEROS)
    for one, other in zip(written, filled, strict=True):
        np.testing.assert_array_equal(one[elsewhere], other[elsewhere])
    at_zero = np.stack([to_float64(part[ZEROS]) for part in filled])
    limit = load_limits()[entry]
    np.testing.assert_allclose(at_zero[0], limit.value, rtol=2**-8)
    np.testing.assert_allclose(at_zero[1], limit.slope, rtol=2**-8)


@pytest.mark.parametrize("entry", sorted(load_limits())[::23])
def test_the_module_has_finite_gradients_at_0(entry: int) -> None:
    tree, limit = parse(load_space().representatives[entry]), load_limits()[entry]
    x = torch.tensor([0.0, -0.0, 0.7, -0.7], dtype=torch.float64, requires_grad=True)
    y = fill(tree).to_torch()(x)
    y.sum().backward()
    assert y[:2].tolist() == [limit.value] * 2
    assert x.grad[:2].tolist() == [limit.slope] * 2
    np.testing.assert_allclose(y[2:].detach(), tree.to_numpy()([0.7, -0.7]), rtol=1e-12)
    np.testing.assert_allclose(x.grad[2:], tree.derivative()([0.7, -0.7]), rtol=1e-9)


def test_what_is_defined_and_what_is_no_entry_stay_as_they_are() -> None:
    for text in ("tanh(x)", "div(identity(x),abs(x))", "mul(x,tanh(softplus(x)))"):
        assert not isinstance(fill(parse(text)), Filled)


def test_training_with_the_limit_has_the_function_s_name_and_a_recipe_of_its_own() -> None:
    own = dataclasses.replace(find("mlp", "full"), epochs=1)
    filled = dataclasses.replace(own, undefined="limit")
    assert own.sha != filled.sha
    # The second layer sees exact zeros: x / |x|-like outputs are 0 nowhere, x^3 of 0 is 0/inf.
    tree = parse("div(square(x),reciprocal(x))")
    (before,), (after,) = train(own, tree, [0]), train(filled, tree, [0])
    assert before.expression == after.expression == "div(square(x),reciprocal(x))"
    assert (before.recipe_sha, after.recipe_sha) == (own.sha, filled.sha)
    # What is defined at 0 is trained as ever, to the last bit.
    (one,), (other,) = train(own, parse("tanh(x)"), [0]), train(filled, parse("tanh(x)"), [0])
    assert one.validation_loss == other.validation_loss
