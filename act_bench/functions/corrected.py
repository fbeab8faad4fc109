"""A function with its entropy correction: what EAFO makes of it, ready to be trained.

f(x) + eps c(x), with the correction term c of :func:`act_bench.functions.entropy.correction` and
eps learned, one per layer, from 0.01 on, as for CRReLU (Sun et al. 2024, Eq. 10, Section 4.4). The
term is kept as a table over equal steps of x and is linear between them; for a straight f and the
Gaussian it is x exp(-x^2/2), and the function is an expression as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_bench.errors import ActBenchError, ExitCode
from act_bench.functions.entropy import Density, Gaussian, correction
from act_bench.functions.expression import Expression, number
from act_bench.functions.named import NamedFunction
from act_bench.functions.parameter import Parameter

if TYPE_CHECKING:
    import torch

    from act_bench.functions.numeric import ArrayFunction

Array = NDArray[np.float64]

EPS: Final = 0.01
"""Where eps starts."""
EPSILON: Final = Parameter(
    "eps", EPS, "layer", "initial value: Sun et al., Section 4.4; one per layer: Appendix E"
)

REACH: Final = 8.0
STEPS: Final = 4096
_CERTAIN: Final = 1e-6


class NotFixedError(ActBenchError, ValueError):
    """A function that learns a parameter, which leaves open what to correct."""

    exit_code = ExitCode.EXPRESSION


@dataclass(frozen=True, eq=False)
class Corrected:
    """A function with its correction term; made by :func:`correct`.

    Attributes
    ----------
    function : Expression or NamedFunction
        f. It must not learn a parameter of its own.
    density_name : str
        Of the pre-activations: ``gaussian``, or where they were measured.
    x, term : ndarray, shape (4096,)
        c at equal steps, ascending; it is taken as 0 beyond.
    parameter : Parameter
        eps, as trainers learn it.
    """

    function: Expression | NamedFunction
    density_name: str
    x: Array
    term: Array
    parameter: Parameter = EPSILON

    def __str__(self) -> str:
        return f"eafo({self.function};{self.density_name})"

    def to_numpy(self, eps: float | None = None) -> ArrayFunction:
        """Return f + eps c in float64, at the initial eps if none is given."""
        from act_bench.functions.numeric import real_numbers

        amount = EPS if eps is None else eps
        value = self.function.to_numpy()

        def evaluate(x: ArrayLike) -> Array:
            inputs = real_numbers(x)
            added = np.interp(inputs, self.x, self.term, left=0, right=0)
            return np.asarray(value(inputs) + amount * added)

        return evaluate

    def to_torch(self, shape: tuple[int, ...] = ()) -> torch.nn.Module:
        """Return a module that learns eps, of the given shape; see ``NamedFunction.to_torch``."""
        from act_bench.functions.corrected_module import CorrectedActivation

        return CorrectedActivation(self, shape)

    def expression(self, eps: float | None = None) -> Expression | None:
        """Return f + eps c as an expression, or None where the term is none in closed form here.

        Examples
        --------
        >>> from act_bench import parse
        >>> str(correct(parse("relu(x)")).expression())
        'add(relu(x),mul(mul(0.01,x),exp(mul(-0.5,square(x)))))'
        >>> correct(parse("tanh(x)")).expression() is None
        True
        """
        straight = self.x * np.exp(-np.square(self.x) / 2)
        if (
            not isinstance(self.function, Expression)
            or np.abs(self.term - straight).max() > _CERTAIN
        ):
            return None
        x = Expression("x")
        amount = number(EPS if eps is None else eps)
        bell = Expression("exp", Expression("mul", number(-0.5), Expression("square", x)))
        added = Expression("mul", Expression("mul", amount, x), bell)
        return Expression("add", self.function, added)


def correct(
    function: Expression | NamedFunction,
    density: Density | None = None,
    density_name: str = "gaussian",
) -> Corrected:
    """Return a function with its correction term for a density of pre-activations.

    Parameters
    ----------
    function : Expression or NamedFunction
    density : Density
        The standard Gaussian if not given.
    density_name : str
        What the result is called after it.

    Raises
    ------
    NotFixedError
        The function learns a parameter.

    Examples
    --------
    >>> from act_bench import parse
    >>> crrelu = correct(parse("relu(x)"))
    >>> str(crrelu), crrelu.to_numpy()([1.0]).round(4).tolist()
    ('eafo(relu(x);gaussian)', [1.0061])
    """
    if isinstance(function, NamedFunction) and function.parameter is not None:
        learned = function.parameter.symbol
        raise NotFixedError(f"{function} learns {learned}: correct a fixed function")
    if isinstance(function, Expression) and function.learns:
        raise NotFixedError(f"{function} learns its beta: correct a fixed function")
    density = density or Gaussian()
    low, high = density.quantile(np.array([1e-9, 1 - 1e-9]))
    reach = max(REACH, -float(low), float(high))
    # Middles of steps, so that a kink at a round number lies on no point.
    x = np.asarray((np.arange(STEPS) + 0.5) * (2 * reach / STEPS) - reach, np.float64)
    return Corrected(function, density_name, x, correction(function, density, x))
