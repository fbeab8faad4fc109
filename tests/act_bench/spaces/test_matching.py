"""Spellings by rule against values, and matching by stored outputs against all expressions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from act_bench.functions.equality import (
    TOLERANCE,
    UNIT_ROUNDOFF,
    evaluate,
    separation,
    space_values,
)
from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import BINARY, SPACE_UNARY, light
from act_bench.functions.operators.deferred import _Deferred, lightly
from act_bench.spaces.matching import CLOSE, equal_entries, listed
from act_bench.spaces.paper import load_space

SPACE = load_space()
PLAIN = ("x", *(f"{u}(x)" for u in SPACE_UNARY))
deep = st.recursive(
    st.sampled_from(PLAIN).map(parse),
    lambda inner: st.one_of(
        st.builds(Expression, st.sampled_from(SPACE_UNARY), inner),
        st.builds(Expression, st.sampled_from(BINARY), inner, inner),
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def everything():
    return space_values(SPACE.grid)


def by_all_values(expression, everything):
    """The classes of all expressions of the space with the values of an expression."""
    asked = evaluate(expression, SPACE.grid)
    equal = np.flatnonzero(separation(everything, asked) < TOLERANCE)
    return {SPACE.canonical_class[SPACE.entry_of[SPACE.expressions[row]]] for row in equal}


@pytest.mark.parametrize("text", [*PLAIN, *(f"negative({u})" for u in PLAIN)])
def test_a_rule_gives_the_spelling_that_values_give(text):
    expression = parse(text)
    entries = equal_entries(expression, SPACE)
    assert SPACE.entry_of[listed(expression)] in entries
    assert SPACE.resolve(text) == (entries[0], "numerical")
    assert len({SPACE.canonical_class[entry] for entry in entries}) == 1


@settings(max_examples=40)
@given(st.sampled_from(BINARY), st.sampled_from(PLAIN), st.sampled_from(PLAIN))
def test_pairs_with_x_are_pairs_with_the_identity(binary, left, right):
    found = listed(parse(f"{binary}({left},{right})"))
    assert found in SPACE.entry_of
    assert found.replace("identity(x)", "x") == f"{binary}({left},{right})".replace(
        "identity(x)", "x"
    )


@settings(max_examples=25, deadline=None)
@given(deep)
def test_entries_are_those_of_a_comparison_with_every_expression(everything, expression):
    entries = equal_entries(expression, SPACE)
    assert entries == sorted(entries)
    assert {SPACE.canonical_class[e] for e in entries} == by_all_values(expression, everything)


def test_stored_outputs_leave_no_entry_out():
    value, scale = space_values(SPACE.points)
    finite = np.isfinite(value)
    allowed = TOLERANCE * UNIT_ROUNDOFF * scale[finite]
    assert (allowed < 0.1 * CLOSE * np.maximum(np.abs(value[finite]), 1)).all()


def test_named_functions_of_the_space_are_found():
    for name, text in {
        "relu": "relu(x)",
        "SiLU": "swish(x)",
        "negative_elu": "negative(elu(x))",
    }.items():
        assert SPACE.resolve(name) == SPACE.resolve(text)


@pytest.mark.parametrize("name", light.__all__)
def test_light_functions_are_scipys_but_for_rounding(name):
    small = np.geomspace(1e-12, 59.0, 200)
    x = np.concatenate([-small, [0.0], small, [np.nan]])
    with np.errstate(all="ignore"):  # as everywhere in evaluations
        ours, theirs = getattr(light, name)(x), getattr(special, name)(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-300)
    far = np.array([-np.inf, -700.0, 100.0, np.inf])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(
            getattr(light, name)(far), getattr(special, name)(far), rtol=1e-12, atol=1e-300
        )


def test_light_functions_stand_in_only_in_their_block_and_only_for_what_is_not_imported():
    module = "act_bench.functions.operators.light"
    lazy = _Deferred("json.tool", light=module)  # stands for a module nobody imported
    with lightly():
        assert lazy.expit is light.expit
    with pytest.raises(AttributeError):
        _ = lazy.expit
    loaded = _Deferred("scipy.special", light=module)
    with lightly():
        assert loaded.expit is special.expit
