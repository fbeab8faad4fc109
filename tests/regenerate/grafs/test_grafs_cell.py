"""The GRAFS cell: operators, bounds, samples, dropping, discretization."""

from __future__ import annotations

import copy
import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from act_bench.functions.expression import Expression, parse
from regenerate.grafs.cell import SLOTS, Architecture, Mixture, mixed, spelled
from regenerate.grafs.operators import BINARY, UNARY, CellOperator, frozen
from regenerate.grafs.shrinking import drop_stages

GRID = np.concatenate([np.linspace(-6.03, 5.97, 241), [-1e4, -50.0, 50.0, 1e4]])  # off the kinks
CHOICES = st.fixed_dictionaries(
    {slot: st.integers(0, len(operators) - 1) for slot, operators in SLOTS.items()}
)
GAMMAS = st.floats(-10, 10).map(lambda gamma: float(f"{gamma:.4g}"))


def one_hot(choice: dict[str, int]) -> dict[str, Tensor]:
    """Weights that choose one operator a slot, among all."""
    return {
        slot: nn.functional.one_hot(torch.tensor(choice[slot]), len(operators)).double()
        for slot, operators in SLOTS.items()
    }


def position(slot: str, name: str) -> int:
    return [each.name for each in SLOTS[slot]].index(name)


def test_counts_are_the_papers() -> None:
    assert (len(UNARY), len(BINARY)) == (23, 9)
    assert sum(map(len, SLOTS.values())) == 110
    assert np.prod([len(operators) for operators in SLOTS.values()]) == 22_667_121
    for operators in (UNARY, BINARY):
        assert len({each.name for each in operators}) == len(operators)
        assert len({each.paper for each in operators}) == len(operators)


@pytest.mark.parametrize("operator", UNARY, ids=lambda each: each.name)
@pytest.mark.parametrize("gamma", [0.0, -1.375, 2.5])
def test_a_unary_operator_is_spelled_as_it_is_computed(
    operator: CellOperator, gamma: float
) -> None:
    expression = operator.spell((Expression("x"),), gamma)
    x = torch.tensor(GRID, requires_grad=True)
    y = operator.compute((x,), torch.tensor(gamma, dtype=torch.float64))
    np.testing.assert_allclose(y.detach().numpy(), expression.to_numpy()(GRID), rtol=1e-13)
    if operator.name != "constant":
        torch.autograd.backward(y.sum())
        assert x.grad is not None
        slopes = expression.derivative()(GRID)
        np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("operator", BINARY, ids=lambda each: each.name)
def test_a_binary_operator_is_spelled_as_it_is_computed(operator: CellOperator) -> None:
    left, right = parse("mul(x,tanh(x))"), parse("sub(0.3,x)")
    gamma = 0.8
    expression = operator.spell((left, right), gamma)
    x = torch.tensor(GRID)
    arguments = (left.to_torch()(x), right.to_torch()(x))
    y = operator.compute(arguments, torch.tensor(gamma, dtype=torch.float64))
    # The share sigmoid(gamma) is frozen with four digits.
    digits = 1e-3 if operator.name == "mix" else 1e-12
    np.testing.assert_allclose(y.numpy(), expression.to_numpy()(GRID), rtol=digits, atol=1e-12)


@given(CHOICES, GAMMAS)
@settings(max_examples=60)
def test_the_mixture_of_one_operator_a_slot_is_its_expression(
    choice: dict[str, int], gamma: float
) -> None:
    if "mix" in {SLOTS[slot][choice[slot]].name for slot in ("b0", "b1")}:
        gamma = 0.0  # a share of a half is frozen exactly
    architecture = Architecture(seed=0)
    for gammas in architecture.gammas.values():
        gammas.data.fill_(gamma)
    expression = spelled(choice, {slot: g.tolist() for slot, g in architecture.gammas.items()})
    x = torch.tensor(GRID)
    with torch.no_grad():
        y = mixed(architecture, one_hot(choice), x)
    np.testing.assert_allclose(y.numpy(), expression.to_numpy()(GRID), rtol=1e-4, atol=1e-6)


@given(CHOICES, GAMMAS, st.floats(-1e30, 1e30))
def test_no_cell_grows_faster_than_linearly(choice: dict[str, int], gamma: float, x: float) -> None:
    f = spelled(choice, {slot: [gamma] * len(operators) for slot, operators in SLOTS.items()})
    # The steepest: 10 (10 x + 10 x) + 10 x; offsets of at most 10 in their places, and clamps.
    assert abs(f.to_numpy()(x)) <= 210 * abs(x) + 300


@given(st.floats(-(2.0**119), 2.0**119, width=32))  # 210 x overflows beyond
def test_the_mixture_of_all_operators_is_finite_with_its_gradients(x: float) -> None:
    architecture = Architecture(seed=0)
    inputs = torch.tensor([x], dtype=torch.float32, requires_grad=True)
    weights = {slot: rows[0] for slot, rows in architecture.sample(1, "test").items()}
    y = mixed(architecture, weights, inputs)
    torch.autograd.backward(y.sum())
    assert bool(y.isfinite().all())
    assert inputs.grad is not None
    assert bool(inputs.grad.isfinite().all())


def test_what_has_no_variable_is_folded() -> None:
    names = ("constant", "tanh", "left", "tanh", "identity", "max")
    choice = {slot: position(slot, name) for slot, name in zip(SLOTS, names, strict=True)}
    f = spelled(choice, {slot: [0.5] * len(operators) for slot, operators in SLOTS.items()})
    assert str(f) == f"max({float(np.tanh(0.5))!r},x)"
    assert str(frozen(1.23456e-7)) == "1.235e-07"


def test_samples_depend_on_seed_and_purpose_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = Architecture(seed=3).sample(4, "step 1")
    torch.rand(7)
    again = Architecture(seed=3).sample(4, "step 1")
    torch.set_rng_state(before)
    other = Architecture(seed=3).sample(4, "step 2")
    assert torch.equal(torch.get_rng_state(), before)
    for slot, rows in first.items():
        assert torch.equal(rows, again[slot])
        assert not torch.equal(rows, other[slot])
        assert not torch.equal(rows[0], rows[1])  # every place has its own
        np.testing.assert_allclose(rows.sum(1).detach(), 1, rtol=1e-6)


def test_gradients_of_samples_are_those_of_the_expectation() -> None:
    architecture = Architecture(seed=0)
    architecture.kept["b0"] = [0, 2, 5]
    alphas = torch.zeros(9, dtype=torch.float64)
    alphas[[0, 2, 5]] = torch.tensor([0.7, -0.4, 0.0], dtype=torch.float64)
    architecture.alphas["b0"] = alphas.requires_grad_()
    places = 20_000
    weights = architecture.sample(places, "gradient")["b0"]
    gradient = torch.autograd.grad(weights[:, 0].sum(), alphas)[0] / places
    # E[w_0] = c_0 / C with c = alpha + 1 for alpha > 0 and e^alpha below (Dirichlet mean).
    c = np.array([1.7, np.exp(-0.4), 1.0])
    slopes = np.array([1.0, np.exp(-0.4), 1.0])
    expected = slopes * (np.array([1.0, 0, 0]) / c.sum() - c[0] / c.sum() ** 2)
    np.testing.assert_allclose(gradient[[0, 2, 5]], expected, atol=0.01)
    assert gradient[[1, 3, 4, 6, 7, 8]].abs().max() == 0  # dropped
    np.testing.assert_allclose(weights.detach().mean(0), c / c.sum(), atol=0.01)


def test_dropping_takes_the_lowest_alpha_of_the_fullest_slot() -> None:
    architecture = Architecture(seed=1)
    architecture.alphas["u0"].data[4] = -1.0
    assert architecture.drop() == "u0:clamped_cube"
    lowest = [int(architecture.alphas[slot].argmin()) for slot in ("u1", "u2", "u3")]
    names = [architecture.drop() for _ in range(3)]
    assert names == [
        f"{slot}:{UNARY[worst].name}"
        for slot, worst in zip(("u1", "u2", "u3"), lowest, strict=True)
    ]
    for _ in range(100):
        architecture.drop()
    assert {slot: len(left) for slot, left in architecture.kept.items()} == dict.fromkeys(SLOTS, 1)
    # The last drops came from all slots by turns, binary ones included.
    assert architecture.left() == 6


def test_a_full_set_of_drops_discretizes_without_a_gap() -> None:
    """When six operators are left, the mixture is the discretized function."""
    architecture = Architecture(seed=2)
    for _ in range(104):
        architecture.drop()
    weights = {slot: rows[0] for slot, rows in architecture.sample(1, "end").items()}
    x = torch.linspace(-4, 4, 101)
    with torch.no_grad():
        y = mixed(architecture, weights, x)
    truth = architecture.discretized().to_torch()(x)
    np.testing.assert_allclose(y.numpy(), truth.numpy(), rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize(("stages", "first"), [(100, 10), (50, 5), (20, 1), (3, 1), (400, 399)])
def test_drop_stages(stages: int, first: int) -> None:
    counts = drop_stages(stages, first)
    brute: Counter[int] = Counter()
    for i in range(104):
        brute[first - 1 + int((stages - first) ** (i / 103) + 1e-9)] += 1
    assert counts == brute
    assert (min(counts), max(counts)) == (first, stages - 1)
    with pytest.raises(ValueError, match="first must lie in"):
        drop_stages(stages, stages)


def test_places_take_the_warm_start_until_there_are_weights() -> None:
    mixture = Mixture(Architecture(seed=0), nn.ReLU())
    place = mixture.place()
    x = torch.linspace(-1, 1, 5)
    assert torch.equal(place(x), torch.relu(x))
    mixture.weights = mixture.architecture.sample(mixture.places, "test")
    assert not torch.equal(place(x), torch.relu(x))
    assert list(place.parameters()) == []  # alphas are not among the network's weights


def test_state_round_trips() -> None:
    architecture, other = Architecture(seed=0), Architecture(seed=9)
    architecture.drop()
    architecture.gammas["u0"].data[6] = 3.0
    other.restore(architecture.state())
    assert other.kept == architecture.kept
    for slot in SLOTS:
        assert torch.equal(other.alphas[slot], architecture.alphas[slot])
        assert torch.equal(other.gammas[slot], architecture.gammas[slot])
    architecture.gammas["u0"].data[6] = 30.0
    architecture.bound_gammas()
    assert architecture.gammas["u0"].max().item() == 10.0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])  # noqa: S301 - our own
def test_a_network_of_cells_is_copied_with_its_mixture(copied) -> None:
    mixture = Mixture(Architecture(seed=0), torch.nn.ReLU())
    network = torch.nn.Sequential(mixture.place(), torch.nn.Linear(3, 3), mixture.place())
    mixture.weights = mixture.architecture.sample(mixture.places, "a test")
    x = torch.linspace(-1, 1, 6).reshape(2, 3)
    before = network(x)
    twin = copied(network)
    torch.testing.assert_close(twin(x), before, rtol=0, atol=0)
    other = twin[0]._source
    assert other is twin[2]._source
    other.architecture.gammas["u0"].data += 1.0
    other.weights = None
    assert not torch.equal(twin(x), before)
    torch.testing.assert_close(network(x), before, rtol=0, atol=0)
    before.sum().backward()
    assert mixture.architecture.alphas["u0"].grad.isfinite().all()
    assert other.architecture.alphas["u0"].grad is None


def test_a_cell_takes_integers_as_the_numbers_that_they_are() -> None:
    mixture = Mixture(Architecture(seed=0), torch.nn.ReLU())
    place = mixture.place()
    whole = torch.tensor([-2, 0, 3])
    for weights in (None, mixture.architecture.sample(1, "a test")):
        mixture.weights = weights
        torch.testing.assert_close(place(whole), place(whole.float()), rtol=0, atol=0)
