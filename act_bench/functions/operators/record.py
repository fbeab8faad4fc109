"""The record of one operator: all that the package knows of it, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

T = TypeVar("T")

MINIMUM_NARY_ARGUMENTS: Final = 2


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator: what it is, how each backend computes it, and which spaces have it.

    An operator of two or more arguments (``arity=None``) is given as one of two: it is folded from
    the left. :func:`act_bench.functions.operators.register` takes operators of your own.

    Attributes
    ----------
    name : str
        As it is spelled in an expression.
    arity : int or None
        Number of arguments; None for two or more.
    formula : str
        The definition, in terms of its argument ``x``, of ``u`` and ``v``, or of ``u_1 ... u_n``.
    numpy : callable
        The value on float64 arrays: ``numpy(x)``, or ``numpy(u, v)``.
    derivative : callable, optional
        ``derivative(x)``: f'(x); of two arguments ``derivative(u, v)``: the pair df/du and df/dv.
        At a kink, what automatic differentiation of ``torch`` gives.
    torch : callable, optional
        The value on tensors, which autograd differentiates; an operator that is ``learned`` takes
        beta first.
    jax : callable, optional
        The value on JAX arrays, which JAX differentiates; ``learned`` ones take beta first. It is
        needed for these alone, and where JAX cannot compute ``numpy`` and ``derivative``
        (:mod:`act_bench.functions.frameworks.jax_backend`).
    tangent : callable, optional
        ``tangent(u, du, v, dv, value)``: the derivative of an operator of two arguments whose
        slopes along x are ``du`` and ``dv``. It is needed where df/du du + df/dv dv is not what is
        meant: at the ties of ``max``.
    scale : callable, optional
        ``scale(u, su, v, sv, value)``: the bound of the error of an operator of two arguments whose
        errors are bounded by ``su`` and ``sv``, in units of rounding (see
        :mod:`act_bench.functions.equality`). Without it the bound follows from ``derivative``.
    commutative : bool
        Whether the arguments may be swapped without changing the function.
    learned : bool
        Whether it has a beta, which is learned with the weights.
    vanishes : bool
        Whether its value may underflow where no argument is 0.
    spaces : mapping of str to int
        The published spaces that have it, with its place among the operators of its arity.

    Examples
    --------
    >>> from act_bench.functions.operators import OPERATORS
    >>> OPERATORS["swish"].formula
    'x / (1 + exp(-x))'
    >>> float(OPERATORS["swish"].numpy(2.0).round(4)), OPERATORS["max_n"].expected
    (1.7616, '2 or more arguments')
    """

    name: str
    arity: int | None
    formula: str
    _: KW_ONLY
    numpy: Callable[..., Any]
    derivative: Callable[..., Any] | None = None
    torch: Callable[..., Any] | None = None
    jax: Callable[..., Any] | None = None
    tangent: Callable[..., Any] | None = None
    scale: Callable[..., Any] | None = None
    commutative: bool = False
    learned: bool = False
    vanishes: bool = False
    spaces: Mapping[str, int] = field(default_factory=dict)

    def accepts(self, count: int) -> bool:
        """Return whether the operator takes ``count`` arguments."""
        return count >= MINIMUM_NARY_ARGUMENTS if self.arity is None else count == self.arity

    @property
    def expected(self) -> str:
        """The arity in words, for messages."""
        if self.arity is None:
            return f"{MINIMUM_NARY_ARGUMENTS} or more arguments"
        return f"{self.arity} argument" + ("s" if self.arity > 1 else "")

    def apply(self, function: Callable[..., T], arguments: Sequence[T]) -> T:
        """Apply an implementation to the arguments; those of n are folded from the left."""
        return reduce(function, arguments) if self.arity is None else function(*arguments)

    def implementation(self, kind: str) -> Callable[..., Any]:
        """Return an implementation by the name of its field.

        Raises
        ------
        NotImplementedError
            The operator was registered without it.
        """
        found: Callable[..., Any] | None = getattr(self, kind)
        if found is None:
            raise NotImplementedError(
                f"the operator {self.name!r} was registered without {kind}: "
                f"give it as Operator({self.name!r}, ..., {kind}=...)"
            )
        return found
