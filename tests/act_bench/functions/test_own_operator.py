"""An operator of a user's own: spelled, evaluated, differentiated, trained and enumerated."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_bench.functions.equality import TOLERANCE, evaluate, separation
from act_bench.functions.expression import Expression, ParseError, parse
from act_bench.functions.operators import (
    ALL_OPERATORS,
    OPERATORS,
    UNARY,
    Operator,
    operators_of,
    register,
    registered,
    unregister,
)
from act_bench.testing import expressions

torch = pytest.importorskip("torch")

TWIN = Operator(
    "twin",
    1,
    "tanh(x), once more",
    numpy=lambda x: np.tanh(x),
    derivative=lambda x: np.square(1 / np.cosh(x)),
    torch=lambda x: torch.tanh(x),
    spaces={"mine": 0},
)
GAP = Operator(
    "gap",
    2,
    "(u - v)^2",
    numpy=lambda u, v: np.square(u - v),
    derivative=lambda u, v: (2 * (u - v), 2 * (v - u)),
    torch=lambda u, v: torch.square(u - v),
    commutative=True,
    spaces={"mine": 0},
)
POINTS = np.array([-2.0, -0.3, 0.0, 0.7, 3.1])


@pytest.fixture(autouse=True)
def _own() -> Iterator[None]:
    with registered(TWIN, GAP):
        yield


def test_it_is_spelled_and_computed_like_the_others() -> None:
    f, g = parse("gap(twin(x), relu(x))"), parse("square(sub(tanh(x),relu(x)))")
    assert str(f) == "gap(twin(x),relu(x))"
    np.testing.assert_array_equal(f.to_numpy()(POINTS), g.to_numpy()(POINTS))
    np.testing.assert_allclose(f.derivative()(POINTS), g.derivative()(POINTS), rtol=1e-15)
    x = torch.tensor(POINTS, requires_grad=True)
    y = f.to_torch()(x)
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), f.to_numpy()(POINTS), rtol=1e-14)
    np.testing.assert_allclose(x.grad.numpy(), f.derivative()(POINTS), rtol=1e-13)
    assert separation(evaluate(f, POINTS), evaluate(g, POINTS)) < TOLERANCE


def test_it_trains_composed_and_tabulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from regenerate import data
    from regenerate.activations import tabulate
    from regenerate.recipes import Recipe
    from regenerate.runs.run import Run
    from regenerate.training.dispatch import train
    from tests.regenerate.tiny_mlp import TINY

    random = np.random.default_rng(0)

    def split(count: int) -> data.Split:
        images = random.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        return data.Split(images, np.arange(count) % 10)

    made = data.ImageData("cifar10", 10, 255, split(20), split(10), split(10))
    tabulated = Recipe(
        table="cnn",
        fidelity="tiny",
        network="all_cnn_c",
        dataset="cifar10",
        epochs=1,
        batch_size=20,
        optimizer="sgd",
        learning_rate=0.05,
        width=1 / 12,
        image_size=16,
        initialization="data_dependent",
        dtype="bfloat16",
        activation="tabulated",
    )

    def losses(recipe: Recipe, text: str) -> tuple[str, float | None, float | None]:
        (run,) = train(recipe, parse(text), [0], device="cpu", data_dir=tmp_path)
        assert isinstance(run, Run)
        return run.outcome, run.train_loss, run.validation_loss

    for own, known in (("twin(x)", "tanh(x)"), ("gap(twin(x),x)", "square(sub(tanh(x),x))")):
        assert losses(TINY, own) == losses(TINY, known)
    monkeypatch.setattr(data, "load", lambda *_: made)
    twin = tabulate(parse("twin(x)"))
    np.testing.assert_array_equal(twin.packed, tabulate(parse("tanh(x)")).packed)
    assert losses(tabulated, "twin(x)")[0] == "ok"


def test_it_is_enumerated_from_its_name() -> None:
    from act_bench.spaces.edits import alphabet, edits
    from builders.space.compositions import Layers, numbered, product

    assert (operators_of("mine", 1), operators_of("mine", 2)) == (("twin",), ("gap",))
    layers = Layers()
    inner = layers.add(product(("relu", "twin"), np.array([0], np.int32)))
    rows = product(("gap",), inner, inner)
    assert {numbered()[number] for number in rows.operator} == {"gap"}
    found = layers.bounded(rows, POINTS).value
    expected = [f"gap({u}(x),{v}(x))" for u in ("relu", "twin") for v in ("relu", "twin")]
    np.testing.assert_array_equal(found, [parse(text).to_numpy()(POINTS) for text in expected])
    assert len(set(rows.keys(commute=True))) == 3
    own = {1: ("relu", "twin"), 2: ("add", "gap")}
    assert alphabet(map(parse, ["gap(twin(x),relu(x))", "add(x,x)"])) == own
    changed = set(map(str, edits(parse("add(relu(x),relu(x))"), own)))
    assert {"gap(relu(x),relu(x))", "add(twin(x),relu(x))"} <= changed


@settings(max_examples=20)
@given(st.data())
def test_strategies_draw_it(draws: st.DataObject) -> None:
    with registered(dataclasses.replace(TWIN, name="drawn")):
        f = draws.draw(expressions(unary=("drawn",), binary=("gap",), nary=(), max_leaves=3))
        assert {part.operator for part in f.walk()} <= {"x", "drawn", "gap"}
        assert f.to_numpy()(POINTS).shape == POINTS.shape


def test_what_was_not_given_is_asked_for() -> None:
    with registered(Operator("half", 1, "x / 2", numpy=lambda x: x / 2)):
        f = parse("half(x)")
        assert f.to_numpy()([4.0]).tolist() == [2.0]
        with pytest.raises(NotImplementedError, match=r"'half'.*without derivative: give it"):
            f.derivative()([4.0])
        with pytest.raises(NotImplementedError, match=r"'half'.*without torch"):
            f.to_torch()(torch.zeros(1))


def test_operators_of_n_arguments_are_folded_and_may_take_three() -> None:
    ring = dataclasses.replace(GAP, name="gap_n", arity=None)
    blend = Operator(
        "blend",
        3,
        "u + v w",
        numpy=lambda u, v, w: u + v * w,
        derivative=lambda u, v, w: (np.ones_like(u), w, v),
        torch=lambda u, v, w: u + v * w,
    )
    with registered(ring, blend):
        one = parse("gap_n(x,relu(x),tanh(x))").to_numpy()(POINTS)
        np.testing.assert_array_equal(one, parse("gap(gap(x,relu(x)),tanh(x))").to_numpy()(POINTS))
        f, g = parse("blend(x,x,square(x))"), parse("add(x,mul(x,square(x)))")
        np.testing.assert_array_equal(f.to_numpy()(POINTS), g.to_numpy()(POINTS))
        np.testing.assert_array_equal(f.derivative()(POINTS), g.derivative()(POINTS))
        with pytest.raises(ParseError, match="blend takes 3 arguments, got 1"):
            parse("blend(x)")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "relu"}, r"'relu' is taken by max\(x, 0\)"),
        ({"name": "twin"}, "'twin' is taken"),
        ({"name": "x"}, "not the variable x"),
        ({"name": "2fold"}, "not beginning with a digit"),
        ({"name": "a b"}, "expected letters"),
        ({"name": "none", "arity": 0}, "at least 1 argument"),
        ({"name": "third", "spaces": {"paper": 27}}, "those of the papers"),
    ],
)
def test_what_cannot_be_registered(changes: dict[str, Any], message: str) -> None:
    before = dict(ALL_OPERATORS)
    with pytest.raises(ValueError, match=message):
        register(dataclasses.replace(TWIN, **changes))
    assert dict(ALL_OPERATORS) == before


def test_it_is_taken_out_again() -> None:
    unregister("twin")
    try:
        assert "twin" not in OPERATORS
        assert "twin" not in UNARY
        with pytest.raises(ParseError, match="unknown operator 'twin'"):
            parse("twin(x)")
        for name in ("twin", "relu"):
            with pytest.raises(ValueError, match=f"no operator '{name}' was registered"):
                unregister(name)
    finally:
        register(TWIN)


def test_a_failure_takes_back_what_came_before() -> None:
    with (
        pytest.raises(ValueError, match="is taken"),
        registered(dataclasses.replace(TWIN, name="a"), TWIN),
    ):
        pass
    assert "a" not in ALL_OPERATORS
    assert isinstance(parse("twin(x)"), Expression)


def test_each_place_in_a_space_is_taken_once() -> None:
    places: dict[tuple[str, int | None], list[int]] = {}
    for operator in ALL_OPERATORS.values():
        for space, place in operator.spaces.items():
            places.setdefault((space, operator.arity), []).append(place)
    for where, taken in places.items():
        assert sorted(taken) == list(range(len(taken))), where


def test_a_module_compiles_copies_and_pickles() -> None:
    import copy
    import pickle

    module = parse("max(relu(x),mul(0.5,gelu(x)))").to_torch()
    x = torch.tensor(POINTS)
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    for other in (compiled, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):  # noqa: S301 - our own bytes
        assert torch.equal(other(x), module(x))
