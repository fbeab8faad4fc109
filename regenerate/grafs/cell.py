"""The GRAFS cell b1(u2(b0(u0(x), u1(x))), u3(x)): its relaxation, and what it becomes.

While it is searched, a slot is a weighted sum of the operators that are left in it. The weights of
a slot are a sample of a Dirichlet distribution with concentrations ELU(alpha) + 1, another one for
every place of the network in every forward pass; gradients reach alpha by implicit
reparameterisation (Figurnov, Mohamed and Mnih 2018, arXiv 1805.08498), which is what ``rsample`` of
:class:`torch.distributions.Dirichlet` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Dirichlet

from act_bench.functions.expression import Expression, number
from act_bench.functions.operators import BOUND
from act_bench.functions.operators.formulas import floating
from regenerate import draws
from regenerate.grafs.operators import BINARY, UNARY, CellOperator

SLOTS: Final[dict[str, tuple[CellOperator, ...]]] = {
    "u0": UNARY,
    "u1": UNARY,
    "b0": BINARY,
    "u2": UNARY,
    "u3": UNARY,
    "b1": BINARY,
}
"""Slot -> its operators, in the order of evaluation: 110 in all."""

_LARGEST_START: Final = 1e-6

Weights = dict[str, Tensor]
"""Slot -> weights of the operators left in it, (places, operators) or (operators,) float32."""


class Architecture:
    """What is searched: an alpha for each operator of each slot, the gammas, what is left.

    Parameters
    ----------
    seed
        Of the first alphas, uniform in (0, 1e-6), and of the samples.

    Attributes
    ----------
    alphas, gammas
        Slot -> (operators,) float64, for all operators of the slot; gammas of operators that have
        none stay 0.
    kept
        Slot -> positions in ``SLOTS[slot]`` of the operators that are left.

    Examples
    --------
    >>> architecture = Architecture(seed=0)
    >>> sum(len(left) for left in architecture.kept.values())
    110
    >>> architecture.sample(places=2, purpose="example")["b0"].shape
    torch.Size([2, 9])
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.alphas: dict[str, Tensor] = {}
        self.gammas: dict[str, Tensor] = {}
        self.kept: dict[str, list[int]] = {}
        for slot, operators in SLOTS.items():
            start = (draws.uniform((len(operators),), seed, f"alpha {slot}") + 1) / 2
            self.alphas[slot] = torch.from_numpy(start * _LARGEST_START).requires_grad_()
            first = [each.initial or 0.0 for each in operators]
            self.gammas[slot] = torch.tensor(first, dtype=torch.float64, requires_grad=True)
            self.kept[slot] = list(range(len(operators)))

    def left(self) -> int:
        """Return how many operators are left in all slots."""
        return sum(map(len, self.kept.values()))

    def concentrations(self, slot: str) -> Tensor:
        """Return ELU(alpha) + 1 of the operators that are left in a slot."""
        return nn.functional.elu(self.alphas[slot][self.kept[slot]]) + 1

    def sample(self, places: int, purpose: str) -> Weights:
        """Return weights for every place of a network, with gradients to the alphas.

        The sample depends on the seed and ``purpose`` alone, so a search that resumes from a
        checkpoint draws what it would have drawn.
        """
        weights = {}
        with torch.random.fork_rng(devices=[]):
            state = int(draws.raw(1, self.seed, purpose)[0] >> np.uint64(1))
            torch.default_generator.manual_seed(state)
            for slot in SLOTS:
                drawn = Dirichlet(self.concentrations(slot)).rsample((places,))
                weights[slot] = drawn.float()
        return weights

    def drop(self) -> str:
        """Drop the operator of lowest alpha from the slot that has most left; return its name.

        Of slots with equally many the first is taken.
        """
        slot = max(SLOTS, key=lambda each: len(self.kept[each]))
        left = self.kept[slot]
        worst = left[int(self.alphas[slot].detach()[left].argmin())]
        left.remove(worst)
        return f"{slot}:{SLOTS[slot][worst].name}"

    def best(self) -> dict[str, int]:
        """Return, for each slot, the position of the operator of highest alpha that is left."""
        return {
            slot: left[int(self.alphas[slot].detach()[left].argmax())]
            for slot, left in self.kept.items()
        }

    def bound_gammas(self) -> None:
        """Put the gammas back within the bound."""
        for gammas in self.gammas.values():
            gammas.data.clamp_(-BOUND, BOUND)

    def discretized(self) -> Expression:
        """Return the function of the best operators, with its gammas frozen; see ``spelled``."""
        return spelled(self.best(), {slot: gammas.tolist() for slot, gammas in self.gammas.items()})

    def state(self) -> dict[str, Any]:
        """Return everything but the seed, for a checkpoint."""
        return {
            "alphas": {slot: alpha.detach() for slot, alpha in self.alphas.items()},
            "gammas": {slot: gamma.detach() for slot, gamma in self.gammas.items()},
            "kept": self.kept,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set what ``state`` returned."""
        for slot in SLOTS:
            self.alphas[slot].data.copy_(state["alphas"][slot])
            self.gammas[slot].data.copy_(state["gammas"][slot])
            self.kept[slot] = list(state["kept"][slot])


def spelled(choice: Mapping[str, int], gammas: Mapping[str, list[float]]) -> Expression:
    """Return the function of one operator a slot as an expression.

    A part in which x does not occur is folded into a constant.

    Parameters
    ----------
    choice
        Slot -> position in ``SLOTS[slot]``.
    gammas
        Slot -> gamma of each operator.

    Examples
    --------
    >>> names = ["tanh", "scale", "max", "identity", "abs", "sub"]
    >>> choice = {
    ...     slot: [each.name for each in SLOTS[slot]].index(name)
    ...     for slot, name in zip(SLOTS, names)
    ... }
    >>> str(spelled(choice, {slot: [0.25] * 23 for slot in SLOTS}))
    'sub(max(tanh(x),mul(0.25,x)),abs(x))'
    """

    def apply(slot: str, *arguments: Expression) -> Expression:
        position = choice[slot]
        return _folded(SLOTS[slot][position].spell(arguments, gammas[slot][position]))

    x = Expression("x")
    inner = apply("u2", apply("b0", apply("u0", x), apply("u1", x)))
    return apply("b1", inner, apply("u3", x))


def _folded(expression: Expression) -> Expression:
    constant = all(part.operator != "x" for part in expression.walk())
    if not constant or not expression.arguments:
        return expression
    return number(float(expression.to_numpy()(0.0)))


class MixedActivation(nn.Module):
    """The cell at one place of a network, as the weights of the moment mix it.

    Parameters
    ----------
    source
        Where it finds the weights, set anew before each forward pass; shared by all places.
    place
        Its row of the weights.
    """

    def __init__(self, source: Mixture, place: int) -> None:
        super().__init__()
        self._source = source
        self._place = place

    def forward(self, x: Tensor) -> Tensor:
        """Apply the cell to each element of ``x``; the warm-start function where no weights are."""
        source, x = self._source, floating(x)
        if source.weights is None:
            started: Tensor = source.warm_start(x)
            return started
        weights = {slot: rows[self._place] for slot, rows in source.weights.items()}
        return mixed(source.architecture, weights, x)


class Mixture:
    """The weights that all places of a network compute with.

    Parameters
    ----------
    architecture
        What is searched.
    warm_start
        The function that stands in the network as long as ``weights`` is None.

    Examples
    --------
    >>> mixture = Mixture(Architecture(seed=0), torch.relu)
    >>> network = nn.Sequential(nn.Linear(3, 4), mixture.place(), nn.Linear(4, 2))
    >>> mixture.weights = mixture.architecture.sample(mixture.places, "example")
    >>> network(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(self, architecture: Architecture, warm_start: nn.Module) -> None:
        self.architecture = architecture
        self.warm_start = warm_start
        self.weights: Weights | None = None
        self.places = 0

    def __getstate__(self) -> dict[str, Any]:
        # Copies and pickles have the weights, not the graph that leads to the alphas of another.
        weights = self.weights and {slot: each.detach() for slot, each in self.weights.items()}
        return {**vars(self), "weights": weights}

    def place(self) -> MixedActivation:
        """Return the module for one more place."""
        self.places += 1
        return MixedActivation(self, self.places - 1)


def mixed(architecture: Architecture, weights: Weights, x: Tensor) -> Tensor:
    """Return the mixed cell of a tensor.

    Parameters
    ----------
    architecture
        Says which operators are left, and their gammas.
    weights
        Slot -> (operators left,) float32.
    x
        Any shape, float32.
    """

    def apply(slot: str, *arguments: Tensor) -> Tensor:
        gammas = architecture.gammas[slot].to(device=x.device, dtype=x.dtype)
        operators, left = SLOTS[slot], architecture.kept[slot]
        values = [operators[i].compute(arguments, gammas[i]) for i in left]
        if len(values) == 1:
            return values[0]
        total: Tensor = torch.tensordot(weights[slot].to(x.device), torch.stack(values), 1)
        return total

    inner = apply("u2", apply("b0", apply("u0", x), apply("u1", x)))
    return apply("b1", inner, apply("u3", x))
