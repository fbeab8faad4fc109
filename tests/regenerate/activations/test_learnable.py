"""Named functions as PyTorch modules: the float64 truth, gradients, and that parameters learn."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from act_bench.functions.catalogue import CATALOGUE, find
from act_bench.functions.expression import parse
from act_bench.functions.named import NamedFunction
from act_bench.functions.named_numeric import value_function
from act_bench.functions.numeric import ArrayFunction
from act_bench.functions.operators import SWISH_OPERATORS
from regenerate import data
from regenerate.activations.learnable import layer_module, learned_parameters, parameter_groups
from regenerate.networks.all_cnn_c import AllCNNC
from regenerate.networks.mlp import StackedMLP
from regenerate.recipes import Recipe
from regenerate.recipes import find as recipe_of
from regenerate.training.dispatch import train
from regenerate.training.flat_weights import FlatWeights, Sgd
from tests.regenerate.stripes import striped

LEARNED = [name for name, function in CATALOGUE.items() if function.parameter]
OWN = [name for name, function in CATALOGUE.items() if not function.expression]
GRID = np.concatenate([np.linspace(-9, 9, 181) + 0.013, [-1e4, -1e-7, 1e-7, 1e-3, 0.2499, 1e4]])


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize(("dtype", "accuracy"), [(torch.float64, 1e-13), (torch.float32, 2e-6)])
def test_value_and_slope_are_those_of_the_truth(
    name: str, dtype: torch.dtype, accuracy: float
) -> None:
    function = find(name)
    x = torch.tensor(GRID, dtype=dtype, requires_grad=True)
    y = function.to_torch()(x)
    assert y.dtype == dtype
    y.sum().backward()
    inputs = x.detach().double().numpy()
    expected, slope = function.to_numpy()(inputs), function.derivative()(inputs)
    assert x.grad is not None
    # Relative to the initial parameter as float32 holds it: 0.01 is not a float32 number.
    np.testing.assert_allclose(y.detach().double(), expected, rtol=max(accuracy, 3e-8), atol=1e-9)
    # The slope of xIELU grows without bound, so its error does.
    relative = 3e-8 if name == "xielu" else 0
    np.testing.assert_allclose(x.grad.double(), slope, rtol=relative, atol=max(accuracy, 1e-9))


@pytest.mark.parametrize("name", OWN)
def test_infinite_inputs_give_no_nan(name: str) -> None:
    if name in ("cos_minus_x", "min_x_sin"):
        pytest.skip("a cosine has no limit at infinity")
    x = torch.tensor([-torch.inf, torch.inf], requires_grad=True)
    y = find(name).to_torch()(x)
    y.sum().backward()
    assert not y.isnan().any()
    assert x.grad is not None
    assert not x.grad.isnan().any()


def value(function: NamedFunction, parameter: NDArray[np.float64]) -> ArrayFunction:
    """The values of a function at one parameter, or at several together."""
    numbers = parameter.tolist()
    return value_function(function, numbers[0] if len(numbers) == 1 else tuple(numbers))


@pytest.mark.parametrize("name", LEARNED)
def test_the_parameter_has_the_gradient_of_finite_differences(name: str) -> None:
    function = find(name)
    assert function.parameter is not None
    module = function.to_torch().double()
    (parameter,) = module.parameters()
    x = np.linspace(-3, 3, 50)
    module(torch.from_numpy(x)).sum().backward()
    at, step = np.atleast_1d(function.parameter.initial), 1e-6
    assert parameter.grad is not None
    for place, gradient in enumerate(parameter.grad.reshape(-1).tolist()):
        moved = np.zeros(len(at))
        moved[place] = step
        above, below = (value(function, at + sign * moved)(x).sum() for sign in (1, -1))
        assert gradient == pytest.approx((above - below) / (2 * step), rel=1e-5)
        assert gradient != 0


@pytest.mark.parametrize("name", LEARNED)
def test_replicas_of_a_stack_learn_apart(name: str) -> None:
    module = find(name).to_torch((2, 1, 1))
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    weight = torch.tensor([1.0, 0.0]).view(2, 1, 1)
    (module(x) * weight).sum().backward()
    (parameter,) = module.parameters()
    assert parameter.shape[-3:] == (2, 1, 1)
    assert parameter.grad is not None
    by_replica = parameter.grad.reshape(-1, 2)
    assert (by_replica[:, 0].abs() > 0).all()
    assert (by_replica[:, 1] == 0).all()


@pytest.mark.parametrize("name", LEARNED)
def test_the_parameter_is_learned_from_data(name: str) -> None:
    """Fit the parameter of a data set made with another one."""
    function = find(name)
    assert function.parameter is not None
    target = np.atleast_1d(function.parameter.initial) + 0.3
    x = torch.linspace(-3, 3, 200, dtype=torch.float64)
    y = torch.from_numpy(value(function, target)(x.numpy()))
    module = function.to_torch().double()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(300 * len(target)):  # two parameters of one function are found more slowly
        optimizer.zero_grad()
        loss = (module(x) - y).square().mean()
        torch.autograd.backward(loss)
        optimizer.step()
    (parameter,) = module.parameters()
    assert parameter.reshape(-1).tolist() == pytest.approx(target.tolist(), abs=1e-3)


def test_functions_without_a_parameter_have_none() -> None:
    for name, function in CATALOGUE.items():
        count = len(list(function.to_torch((4, 1, 1)).parameters()))
        assert count == (1 if name in LEARNED else 0), name


def test_the_printed_network_names_the_function() -> None:
    assert "crrelu" in repr(torch.nn.Sequential(find("crrelu").to_torch()))


def test_a_module_is_saved_and_loaded() -> None:
    first, second = (find("prelu").to_torch((3, 1, 1)) for _ in range(2))
    with torch.no_grad():
        next(first.parameters()).fill_(0.7)
    second.load_state_dict(first.state_dict())
    assert next(second.parameters()).eq(0.7).all()


@pytest.mark.parametrize("name", OWN)
def test_half_precision_is_rounded_once(name: str) -> None:
    function = find(name)
    x = torch.linspace(-4, 4, 333, dtype=torch.bfloat16)
    y = function.to_torch()(x)
    assert y.dtype == torch.bfloat16
    truth = torch.from_numpy(function.to_numpy()(x.double().numpy()))
    unit = torch.finfo(torch.bfloat16).eps
    assert ((y.double() - truth).abs() <= 0.502 * unit * truth.abs().clamp(min=1e-3)).all()


@pytest.mark.parametrize("text", ["gate(scale(x),identity(x))", "mix(tanh(x),cos(x))"])
def test_an_expression_that_learns_is_rounded_once_too(text: str) -> None:
    module = parse(text, SWISH_OPERATORS).to_torch()
    x = torch.linspace(-4, 4, 333, dtype=torch.bfloat16)
    torch.testing.assert_close(module(x), module(x.float()).to(x.dtype), rtol=0, atol=0)


def small_recipe(**changes: Any) -> Recipe:
    recipe = recipe_of("mlp", "full")
    return dataclasses.replace(recipe, epochs=2, widths=(8, 6), train_images=400, **changes)


@pytest.mark.parametrize("name", OWN)
def test_the_mlp_trains_a_function_by_its_name(name: str) -> None:
    runs = train(small_recipe(), find(name), [0, 3], device="cpu")
    assert [run.expression for run in runs] == [name, name]
    assert [run.outcome for run in runs] == ["ok", "ok"]
    (alone,) = train(small_recipe(), find(name), [3], device="cpu")
    # Replicas that learned together would differ from one that learns alone.
    assert alone.validation_loss == pytest.approx(runs[1].validation_loss, rel=1e-9)


def test_learning_a_parameter_changes_the_training() -> None:
    """Swish with a learned beta starts as swish, and must not stay it."""
    (learned,) = train(small_recipe(), find("swish_beta"), [0], device="cpu")
    (fixed,) = train(small_recipe(), parse("swish(x)"), [0], device="cpu")
    pairs = zip(learned.train_loss_curve, fixed.train_loss_curve, strict=True)
    first, last = (abs(ours - theirs) for ours, theirs in pairs)
    assert 0 < first < last


def test_each_layer_and_replica_has_its_own_parameter() -> None:
    def layer(name: str, units: int) -> torch.nn.Module:
        return layer_module(find(name), one=(2, 1, 1), each=(2, 1, units))

    for name, shapes in {"crrelu": [(2, 1, 1)] * 2, "swish_beta": [(2, 1, 8), (2, 1, 6)]}.items():
        network = StackedMLP((64, 8, 6, 10), [layer(name, 8), layer(name, 6)], seeds=[0, 1])
        learned = list(learned_parameters(network))
        assert [tuple(parameter.shape) for parameter in learned] == shapes
        assert all(parameter.dtype == torch.float64 for parameter in learned)
        network(torch.ones(2, 5, 64, dtype=torch.float64)).square().sum().backward()
        for parameter in learned:
            assert parameter.grad is not None
            assert (parameter.grad.abs().amax(dim=(1, 2)) > 0).all()


def test_weight_decay_leaves_learned_parameters_alone() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), find("prelu").to_torch())
    weights, learned = parameter_groups(network, weight_decay=0.5)
    assert weights["weight_decay"] == 0.5
    assert [tuple(p.shape) for p in weights["params"]] == [(3, 3), (3,)]
    assert learned["weight_decay"] == 0
    assert learned["params"] == [network[1].parameter]
    assert len(parameter_groups(torch.nn.Linear(3, 3), weight_decay=0.5)) == 1


CNN = Recipe(
    table="cnn",
    fidelity="tiny",
    network="all_cnn_c",
    dataset="cifar10",
    epochs=2,
    batch_size=20,
    optimizer="sgd",
    learning_rate=0.05,
    momentum=0.9,
    weight_decay=0.1,
    width=1 / 12,
    image_size=16,
    clip_norm=1.0,
    initialization="data_dependent",
    dtype="bfloat16",
    activation="tabulated",
)


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bright rows in noise in the place of CIFAR-10."""

    made = striped(200, 100, 100)
    monkeypatch.setattr(data, "load", lambda *_: made)


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("name", OWN)
def test_the_cnn_trains_a_function_by_its_name(name: str, tmp_path: Path) -> None:
    (run,) = train(CNN, find(name), [0], device="cpu", data_dir=tmp_path)
    assert (run.expression, run.outcome) == (name, "ok")
    (again,) = train(CNN, find(name), [0], device="cpu", data_dir=tmp_path)
    assert again.train_loss_curve == run.train_loss_curve


def test_the_cnn_learns_in_every_layer_and_does_not_decay_it() -> None:
    network = AllCNNC(torch.nn.Identity, width=1 / 12)
    for layer, convolution in enumerate(network.convolutions[:-1]):
        assert isinstance(convolution, torch.nn.Conv2d)
        each = (convolution.out_channels, 1, 1)
        network.activations[layer] = layer_module(find("swish_beta"), one=(), each=each)
    weights = FlatWeights(network)
    learned = list(learned_parameters(network))
    count = sum(parameter.numel() for parameter in learned)
    assert [len(parameter) for parameter in learned] == [8, 8, 8, 16, 16, 16, 16, 16]
    assert weights.master[-count:].eq(1.0).all()
    assert weights.decayed[-count:].eq(0.0).all()
    assert weights.decayed[0] == 1
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    gradient = weights.gradient(network(images.bfloat16()).float().square().sum())
    assert (gradient[-count:] != 0).float().mean() > 0.9
    Sgd(CNN, weights).step(torch.ones_like(gradient), 100.0)
    assert learned[0].dtype == torch.bfloat16
    assert (weights.master[-count:] != 1.0).float().mean() > 0.9
