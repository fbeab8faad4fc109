"""The large space: its enumeration, and its classes on sub-spaces against brute force."""

from __future__ import annotations

from functools import partial
from itertools import product as pairs
from pathlib import Path

import mpmath
import numpy as np
import pytest

from act_bench.functions.equality import Scaled
from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import BASELINES, BINARY, NARY
from act_bench.spaces import large as large_space
from act_bench.spaces.large import SIZES, NotBuiltError, enumerate_large
from act_bench.spaces.paper import load_space
from builders.space.bounded import bounded_apply
from builders.space.classes import in_order
from builders.space.compositions import Floats, Layers, numbered, product
from builders.space.exact import binary, unary
from builders.space.reduction import (
    exact_partition,
    fingerprints,
    float32_partition,
    reduce_space,
)

FEW = ("zero", "identity", "negative", "exp", "relu")


def spelled(operators: tuple[str, ...]) -> list[str]:
    """Return the five schemas over some operators, by nested loops."""
    one = [f"{u}(x)" for u in operators]
    two = [f"{u}({f})" for u in operators for f in one]
    four = [f"{u}({v}({f}))" for u in operators for v in operators for f in two]
    pair = [f"{b}({f},{g})" for b in BINARY for f in one for g in one]
    return [
        *four,
        *(f"{u}({f})" for u in operators for f in pair),
        *(f"{b}({f},{g})" for b in BINARY for f in two for g in one),
        *(f"{b}({f},{g})" for b in BINARY for f in one for g in two),
        *(f"{n}({f},{g},{h})" for n in NARY for f, g, h in pairs(one, repeat=3)),
    ]


class Exact:
    """Values at a point with mpmath and its own operators; subexpressions are kept."""

    def __init__(self, point: str) -> None:
        self.known: dict[Expression, mpmath.mpf] = {parse("x"): mpmath.mpf(point)}

    def __call__(self, expression: Expression) -> mpmath.mpf:
        """Return the value of an expression."""
        if expression not in self.known:
            name, arguments = expression.operator, [self(e) for e in expression.arguments]
            name = {"sum_n": "add", "prod_n": "mul", "max_n": "max", "min_n": "min"}.get(name, name)
            value = arguments[0]
            if len(arguments) == 1:
                value = unary(name, value)
            for argument in arguments[1:]:
                value = binary(name, value, argument)
            self.known[expression] = value
        return self.known[expression]


@pytest.fixture(scope="module")
def names() -> list[str]:
    return enumerate_large("27")


def test_sizes() -> None:
    for variant, baselines in (("27", 8), ("31", 0)):
        u, b, n = len(large_space.VARIANTS[variant]), len(BINARY), len(NARY)
        assert SIZES[variant] == u**4 + 3 * b * u**3 + n * u**3 + baselines


def test_enumeration_is_that_of_nested_loops(names: list[str]) -> None:
    assert len(names) == SIZES["27"]
    whole = spelled(large_space.VARIANTS["27"])
    assert names[: len(whole)] == whole
    assert names[len(whole) :] == list(BASELINES)


def test_short_spellings_leave_out_identity_alone(names: list[str]) -> None:
    short = enumerate_large("27", short=True)
    assert len(names) == len(short)
    x = np.array([0.3, 1.7])
    for row in np.random.default_rng(4).integers(0, len(names), 200):
        assert "identity" not in short[row]
        f, g = parse(names[row]).to_numpy(), parse(short[row]).to_numpy()
        np.testing.assert_array_equal(f(x), g(x))


def test_exact_classes_of_a_small_space_are_those_of_mpmath() -> None:
    """Brute force: every expression by itself, on both sides of all crossings, with 60 digits."""
    told: list[float] = []
    last = partial(exact_partition, progress=told.append)
    found = reduce_space(FEW, exact_partition, last, commute=True).labels
    assert told == sorted(told)
    assert told[-1] == 1.0
    expressions = [parse(name) for name in spelled(FEW)]
    assert len(found) == len(expressions)
    with mpmath.workdps(60):
        keys = zip(
            *(
                [mpmath.nstr(value + 0, 40) for value in map(Exact(point), expressions)]
                for point in ("-2.313", "-1.171", "-0.7137", "-0.213", "0.3391", "0.771", "1.417")
            ),
            strict=True,
        )
    values: dict[tuple[str, ...], int] = {}
    expected = [values.setdefault(key, len(values)) for key in keys]
    np.testing.assert_array_equal(found, in_order(np.array(expected)))


def test_float32_classes_of_a_small_space_are_those_of_every_expression_by_itself() -> None:
    operators = ("zero", "negative", "reciprocal", "exp", "relu")
    unsigned = partial(float32_partition, signed=False)
    found = reduce_space(operators, float32_partition, unsigned, commute=False).labels
    points = load_space().points.astype(np.float32)
    values: dict[bytes, int] = {}
    expected = []
    for name in spelled(operators):
        results: list[Floats] = []
        with np.errstate(all="ignore"):
            for operator, inputs in parse(name).steps():
                arguments = [results[i] for i in inputs]
                results.append(points if operator == "x" else single(operator, arguments))
        outputs = results[-1] + np.float32(0)
        assert outputs.dtype == np.float32
        key = np.where(np.isnan(outputs), np.float32(np.nan), outputs).tobytes()
        expected.append(values.setdefault(key, len(values)))
    np.testing.assert_array_equal(found, in_order(np.array(expected)))


def single(operator: str, arguments: list[Floats]) -> Floats:
    """Compute an operator in float32, written out again."""
    u, *rest = arguments
    match operator:
        case "zero":
            return np.zeros_like(u)
        case "negative":
            return -u
        case "reciprocal":
            return np.reciprocal(u)
        case "exp":
            return np.exp(u)
        case "relu":
            return np.maximum(u, np.float32(0))
    functions = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
    functions |= {"pow": np.power, "max": np.maximum, "min": np.minimum}
    functions |= {"sum_n": np.add, "prod_n": np.multiply, "max_n": np.maximum, "min_n": np.minimum}
    for v in rest:
        u = functions[operator](u, v)
    return u


def test_a_tree_of_layers_has_the_values_of_its_expression() -> None:
    layers = Layers()
    x = np.zeros(1, np.int32)
    inner = layers.add(product(("square", "tanh"), x))
    outer = product(("sub", "max"), inner, inner)
    points = np.linspace(-2, 2, 7)
    values = layers.plain(outer, points)
    bounded = layers.bounded(outer, points).value
    for row, (operator, arguments) in enumerate(zip(*outer, strict=True)):
        left, right = (("square", "tanh")[node - 1] for node in arguments[:2])
        f = parse(f"{numbered()[operator]}({left}(x),{right}(x))").to_numpy()
        np.testing.assert_array_equal(values[row], f(points))
        np.testing.assert_allclose(bounded[row], f(points), rtol=1e-12)


@pytest.mark.parametrize(
    ("operator", "arguments", "known"),
    [
        ("exp", [(1000.0, 0.0)], False),  # overflows
        ("exp", [(1.0, 1.0)], True),
        ("reciprocal", [(0.0, 0.0)], True),  # a pole
        ("reciprocal", [(0.0, 1.0)], False),  # a zero by cancellation, of either sign
        ("reciprocal", [(1e-30, 1.0)], False),
        ("tanh", [(3.0, 1e16)], False),  # the error is larger than the value
        ("zero", [(3.0, np.inf)], True),
        ("mul", [(np.inf, 0.0), (0.0, 0.0)], True),  # NaN
        ("mul", [(np.inf, 0.0), (0.0, 1.0)], False),
        ("pow", [(-2.0, 1.0), (2.0, 0.0)], True),
        ("pow", [(-2.0, 1.0), (2.0, 1.0)], False),  # is the exponent whole?
        ("max", [(np.inf, np.inf), (2.0, 1.0)], False),
    ],
)
def test_what_is_known(operator: str, arguments: list[tuple[float, float]], known: bool) -> None:
    scaled = [Scaled(np.array([value]), np.array([scale])) for value, scale in arguments]
    with np.errstate(all="ignore"):
        found = bounded_apply(operator, scaled)
    assert bool(np.isfinite(found.scale[0])) is known
    if known and not np.isfinite(found.value[0]):
        assert found.scale[0] == 0


def test_true_zeros_and_whole_numbers_are_exact() -> None:
    below = Scaled(np.array([-1.5]), np.array([1.0]))
    for operator, value in (("relu", 0.0), ("one", 1.0)):
        found = bounded_apply(operator, [below])
        assert (found.value[0], found.scale[0]) == (value, 0)
        after = bounded_apply("exp", [found])
        assert bool(after.scale[0] == 0) is (value == 0)
    assert bounded_apply("tanh", [below]).scale[0] > 0


def test_fingerprints_tell_rows_apart() -> None:
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((5000, 80)).astype(np.float32)
    outputs[1] = outputs[0]
    outputs[2, 79] = np.nextafter(outputs[2, 79], np.float32(9))
    outputs[3] = outputs[2]
    outputs[3, 0] += np.float32(1e-6)
    marks = fingerprints(outputs)
    assert marks[0] == marks[1]
    assert len(np.unique(marks)) == len(outputs) - 1
    both = np.array([[0.0, 1], [-0.0, 1]], np.float32)
    assert len(np.unique(fingerprints(both, signed=True))) == 2
    assert len(np.unique(fingerprints(both))) == 1


def test_a_space_that_is_not_made_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path))
    with pytest.raises(NotBuiltError, match="act-bench space build"):
        large_space.scan()
    with pytest.raises(ValueError, match="expected a variant of 27, 31, got '28'"):
        large_space.scan("28")  # type: ignore[arg-type]
