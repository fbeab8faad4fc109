"""Every function's module is an object of its own, and differentiates in every way of torch."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from act_bench.errors import ActBenchError
from act_bench.functions.catalogue import CATALOGUE
from act_bench.functions.corrected import correct
from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import ALL_OPERATORS, Operator, registered

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")
POINTS = torch.tensor([-1.3, -0.4, 0.7, 1.9], dtype=torch.float64)
STEP = 1e-6
ARGUMENTS = (parse("x"), parse("tanh(x)"), parse("swish(x)"))


def _of(name: str) -> Expression:
    return Expression(name, *ARGUMENTS[: ALL_OPERATORS[name].arity])


FUNCTIONS = {
    **{f"operator {name}": _of(name) for name in ALL_OPERATORS},
    **{f"catalogue {name}": function for name, function in CATALOGUE.items()},
}
KINDS = [*FUNCTIONS, "corrected relu(x)", "corrected tanh(x)", "corrected cos_minus_x"]
every_kind = pytest.mark.parametrize("kind", KINDS)
# torch.func loads decompositions that torch itself still scripts.
transforms = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


@cache
def function(kind: str):
    if kind.startswith("corrected"):
        name = kind.partition(" ")[2]
        return correct(CATALOGUE[name] if name in CATALOGUE else parse(name))
    return FUNCTIONS[kind]


def module(kind: str) -> torch.nn.Module:
    """A new module in float64, what it learns moved from where it starts."""
    made = function(kind).to_torch().double()
    for parameter in made.parameters():
        parameter.data += 0.25
    return made


def outputs(made: torch.nn.Module) -> torch.Tensor:
    return made(POINTS).detach().clone()


def slopes(made: torch.nn.Module, x: torch.Tensor = POINTS) -> torch.Tensor:
    x = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(made(x).sum(), x)
    return found


def saved_and_loaded(made: torch.nn.Module) -> torch.nn.Module:
    buffer = io.BytesIO()
    torch.save(made, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda made: pickle.loads(pickle.dumps(made)),  # noqa: S301 - our own
    "torch.save": saved_and_loaded,
    "AveragedModel": lambda made: torch.optim.swa_utils.AveragedModel(made).module,
}


@every_kind
@pytest.mark.parametrize("way", COPIES)
def test_a_copy_is_the_same_function_with_a_state_of_its_own(kind: str, way: str) -> None:
    original = module(kind)
    before = outputs(original)
    twin = COPIES[way](original)
    torch.testing.assert_close(outputs(twin), before, rtol=0, atol=0, equal_nan=True)
    assert str(twin) == str(original)
    for parameter in twin.parameters():
        parameter.data += 1.0
    for buffer in twin.buffers():
        buffer.zero_()
    torch.testing.assert_close(outputs(original), before, rtol=0, atol=0, equal_nan=True)
    if list(twin.parameters()):
        assert not torch.equal(outputs(twin).nan_to_num(), before.nan_to_num())


@every_kind
def test_the_state_is_all_that_is_learned(kind: str) -> None:
    original, other = module(kind), function(kind).to_torch().double()
    before = outputs(other)
    state = {name: value.clone() for name, value in original.state_dict().items()}
    called = torch.func.functional_call(other, state, (POINTS,)).detach()
    torch.testing.assert_close(called, outputs(original), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(outputs(other), before, rtol=0, atol=0, equal_nan=True)
    other.load_state_dict(state)
    torch.testing.assert_close(outputs(other), outputs(original), rtol=0, atol=0, equal_nan=True)


@every_kind
@transforms
def test_forward_mode_and_vmap_have_the_slope_of_backward(kind: str) -> None:
    made = module(kind)
    expected = slopes(made)
    forward = torch.func.jvp(made, (POINTS,), (torch.ones_like(POINTS),))[1]
    torch.testing.assert_close(forward, expected, rtol=1e-12, atol=1e-12, equal_nan=True)
    each = torch.func.vmap(torch.func.grad(made))(POINTS)
    torch.testing.assert_close(each, expected, rtol=1e-12, atol=1e-12, equal_nan=True)


@every_kind
@transforms
def test_the_second_derivative_is_that_of_the_slope(kind: str) -> None:
    made = module(kind)
    hessian = torch.func.hessian(lambda x: made(x).sum())(POINTS).diagonal()
    expected = (slopes(made, POINTS + STEP) - slopes(made, POINTS - STEP)) / (2 * STEP)
    torch.testing.assert_close(hessian, expected, rtol=1e-4, atol=1e-6, equal_nan=True)


@every_kind
def test_half_precision_differentiates(kind: str) -> None:
    for dtype in (torch.bfloat16, torch.float16):
        x = POINTS.to(dtype).requires_grad_()
        y = function(kind).to_torch()(x)
        y.sum().backward()
        assert y.dtype == x.grad.dtype == dtype


@every_kind
def test_integers_and_booleans_are_the_numbers_that_they_are(kind: str) -> None:
    made = function(kind).to_torch()
    for whole in (torch.tensor([-2, 0, 3]), torch.tensor([True, False])):
        found = made(whole)
        assert found.dtype == torch.get_default_dtype()
        torch.testing.assert_close(found, made(whole.float()), rtol=0, atol=0, equal_nan=True)
        truth = function(kind).to_numpy()
        np.testing.assert_array_equal(truth(whole.numpy()), truth(whole.double().numpy()))


@every_kind
def test_complex_numbers_are_refused(kind: str) -> None:
    with pytest.raises(ActBenchError, match="expected real numbers, got a tensor of"):
        function(kind).to_torch()(torch.tensor([1j]))


@pytest.mark.parametrize("kind", ["operator relu", "catalogue crrelu", "corrected relu(x)"])
@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: [1.0], "expected a tensor, got list"),
        (lambda: 1.0, "expected a tensor, got float"),
        (lambda: np.ones(2), "expected a tensor, got ndarray"),
        (lambda: torch.ones(2).to(torch.float8_e4m3fn), "got a tensor of torch.float8_e4m3fn"),
        (lambda: torch.ones(2).to_sparse(), "got a sparse one"),
        (lambda: torch.nested.nested_tensor([torch.ones(1)]), "got a nested one"),
    ],
)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_what_torch_takes_for_some_operators_only_is_refused_by_all(
    kind: str, made: Callable[[], object], said: str
) -> None:
    with pytest.raises(ActBenchError, match=said):
        function(kind).to_torch()(made())


def test_the_default_dtype_is_followed() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert parse("sigmoid(x)").to_torch()(torch.tensor([1])).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.array([1 + 1j]), "got complex128"),
        (np.array(["2020-01-01"], "datetime64[D]"), "got datetime64"),
        (["1.5"], "got <U3"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "masked array"),
        ([1.0, None, "a"], "expected real numbers"),
        ([[1.0], [1.0, 2.0]], "expected real numbers: .*inhomogeneous"),
        (10**400, "expected real numbers: int too large"),
        (torch.ones(2, requires_grad=True), "expected real numbers: .*detach"),
    ],
    ids=["complex", "dates", "text", "masked", "objects", "ragged", "huge", "gradient"],
)
@pytest.mark.parametrize("kind", ["operator relu", "catalogue crrelu", "corrected relu(x)"])
def test_only_real_numbers_are_taken(kind: str, given: object, said: str) -> None:
    with pytest.raises(ActBenchError, match=said) as caught:
        function(kind).to_numpy()(given)
    assert isinstance(caught.value, TypeError)


def test_real_numbers_of_any_kind_are_taken() -> None:
    f = parse("mul(2,x)").to_numpy()
    arrays = (np.array([1], np.float16), np.array([1], np.uint8), np.ma.masked_array([1.0]))
    for given in ([True], [1], *arrays, [1.0]):
        assert f(given).tolist() == [2.0]
        assert f(given).dtype == np.float64
    assert f(np.array([1, 2.5], object)).tolist() == [2.0, 5.0]
    assert f([]).shape == (0,)


def test_the_module_of_a_registered_operator_is_one_too() -> None:
    half = Operator("half", 1, "x / 2", numpy=lambda x: x / 2, torch=lambda x: x / 2)
    with registered(half):
        made = parse("add(half(x),1)").to_torch()
        assert saved_and_loaded(copy.deepcopy(made))(torch.tensor([2])).tolist() == [2.0]


def test_between_operators_arithmetic_decides() -> None:
    """The promise is of operators: the quotient tends to 2, and infinity over infinity is none."""
    f = parse("div(exp(x),cosh(x))")
    assert f.to_numpy()([20.0]).tolist() == [2.0]
    assert np.isnan(f.to_numpy()([1000.0]))
    assert f.to_torch()(torch.tensor([1000.0])).isnan()


def test_the_slope_along_what_is_learned_is_finite_at_infinity() -> None:
    for name in ("prelu", "swish_beta", "crrelu"):
        made = CATALOGUE[name].to_torch()
        made(torch.tensor([np.inf, 1.0])).sum().backward()
        assert made.parameter.grad.isfinite()
