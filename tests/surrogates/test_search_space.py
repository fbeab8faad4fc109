"""Edits, neighbours and distances of a search space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given

from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import BINARY, SPACE_UNARY, UNARY
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.spaces.edits import alphabet, edits
from act_bench.testing import expressions
from surrogates.protocol import SearchSpace

MakeData = Callable[..., BenchmarkData]


@pytest.fixture(scope="module")
def space(make_data: MakeData) -> SearchSpace:
    return SearchSpace.of(make_data())


def _operators(tree: Expression) -> list[str]:
    return [tree.operator, *(name for a in tree.arguments for name in _operators(a))]


@given(expressions(nary=()))
def test_an_edit_changes_one_operator_or_moves_arguments(tree: Expression) -> None:
    before = _operators(tree)
    for edit in edits(tree, {1: UNARY, 2: BINARY}):
        after = _operators(edit)
        same_shape = len(before) == len(after)
        changed = sum(a != b for a, b in zip(before, after, strict=True)) if same_shape else 0
        copied_or_swapped = edit.size != tree.size or set(after) <= set(before)
        assert changed == 1 or copied_or_swapped
        assert parse(str(edit)) == edit


def test_edits_of_the_space_reach_every_expression_beside() -> None:
    tree = parse("sub(relu(x),elu(x))")
    found = {str(edit) for edit in edits(tree, {1: SPACE_UNARY, 2: BINARY})}
    expected = {f"{b}(relu(x),elu(x))" for b in BINARY if b != "sub"}
    expected |= {f"sub({u}(x),elu(x))" for u in SPACE_UNARY if u != "relu"}
    expected |= {f"sub(relu(x),{u}(x))" for u in SPACE_UNARY if u != "elu"}
    expected |= {"sub(elu(x),relu(x))"}
    assert found == expected


def test_alphabet_of_the_space_is_the_papers(space: SearchSpace, make_data: MakeData) -> None:
    found = alphabet(parse(text) for text in make_data().space.expressions)
    assert {arity: set(names) for arity, names in found.items()} == {
        1: set(SPACE_UNARY),
        2: set(BINARY),
    }


def test_neighbours_go_both_ways_and_leave_out_oneself(space: SearchSpace) -> None:
    for position in range(0, len(space), 97):
        neighbours = space.neighbours(position)
        assert position not in neighbours
        assert len(set(neighbours)) == len(neighbours) > 0
        for other in neighbours[::25]:
            assert position in space.neighbours(other)


def test_distances_are_equation_3(space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    for a, b in rng.integers(len(space), size=(20, 2)):
        offset = space.outputs[a] - space.outputs[b]
        expected = np.linalg.norm(offset) / np.sqrt(len(offset))
        assert space.distances(int(a))[b] == pytest.approx(expected, rel=1e-12)
        assert space.distances(int(a))[a] == 0


def test_any_spelling_is_found_and_others_are_not(space: SearchSpace) -> None:
    assert space.find("relu(x)") == space.find("max(zero(x),identity(x))")
    assert space.find("sinh(sinh(x))") is None


def test_a_part_of_the_space_has_positions_of_its_own(make_data: MakeData) -> None:
    missing = tuple(range(0, 2913, 2))
    data = make_data(missing=missing)
    part = SearchSpace.of(data)
    assert part.entries == tuple(range(1, 2913, 2))
    assert part.expressions[5] == data.space.representatives[11]
    assert part.find(data.space.representatives[10]) is None
    assert max(part.neighbours(0)) < len(part)


def test_outputs_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        SearchSpace([0], [["exp(x)"]], [[np.inf]])
    with pytest.raises(ValueError, match="one of each"):
        SearchSpace([0, 1], [["exp(x)"]], [[0.0]])
