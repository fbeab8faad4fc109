"""The JAX backend: the formulas of the NumPy backend, computed by JAX.

NumPy leaves a call to the array that it is made with, where that has its protocols: NEP 13 for
ufuncs, SciPy's among them, and NEP 18 for other functions. A JAX array in the wrapper of this
module has them, so ``np.exp`` of it is ``jnp.exp``: the formulas of the records
(:mod:`act_bench.functions.operators`), also of operators of a user's own, serve both.

Slopes are not left to JAX, whose conventions at kinks and limits at infinity are others: a whole
expression has one rule, the chain rule of :mod:`act_bench.functions.numeric`, in JAX's arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from numpy.lib.mixins import NDArrayOperatorsMixin

from act_bench.errors import ArgumentTypeError
from act_bench.functions.numeric import dual
from act_bench.functions.operators import BETA, Operator
from act_bench.functions.steps import Steps, Tree, interpret, learns

_OTHER_NAMES: Final[dict[str, Callable[..., Any]]] = {"log_expit": jax.nn.log_sigmoid}
"""Functions of NumPy and SciPy that JAX has under another name."""


class _Wrapped(NDArrayOperatorsMixin):
    """A JAX array that NumPy's and SciPy's functions are computed on by JAX."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        return _Wrapped(_counterpart(ufunc)(*map(_bare, inputs)))

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        bare = {name: _bare(value) for name, value in options.items()}
        return _Wrapped(_counterpart(function)(*map(_bare, inputs), **bare))


def _bare(value: Any) -> Any:
    return value.array if isinstance(value, _Wrapped) else value


def _counterpart(function: Any) -> Callable[..., Any]:
    """Return JAX's function of the name of one of NumPy or SciPy."""
    name = function.__name__
    for place in (jnp, jax.scipy.special):
        found: Callable[..., Any] | None = getattr(place, name, None)
        if found is not None:
            return found
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    raise NotImplementedError(
        f"JAX has no function {name}, which the NumPy formula of an operator calls: give the "
        "operator a formula of its own for JAX, as Operator(..., jax=...)"
    )


class JaxFunction:
    """An expression as a function of JAX arrays.

    Parameters
    ----------
    expression : Expression
        What to compute. Equal subexpressions are computed once.

    Examples
    --------
    >>> import jax
    >>> from act_bench.functions.expression import parse
    >>> f = JaxFunction(parse("mul(x,sigmoid(x))"))
    >>> float(f(0.0)), float(jax.grad(f)(0.0))
    (0.0, 0.5)
    """

    def __init__(self, expression: Tree) -> None:
        self.expression = expression
        self.steps = expression.steps()
        self.learns = learns(self.steps)

    def __call__(self, x: Any, beta: Any = BETA) -> Any:
        """Return the function of each element of ``x``: any shape, any real dtype.

        Half precision is computed in float32 and rounded once. Integers and booleans are taken in
        JAX's default dtype.

        Parameters
        ----------
        x : array
        beta : array, optional
            What an expression of the Swish space learns; must broadcast against ``x``. Other
            expressions leave it out of account.

        Raises
        ------
        act_bench.errors.ArgumentTypeError
            The array is complex.
        """
        x = jnp.asarray(x)
        if jnp.issubdtype(x.dtype, jnp.complexfloating):
            raise ArgumentTypeError(
                f"expected real numbers, got an array of {x.dtype}: activation functions are of "
                "one real variable; apply them to x.real and x.imag"
            )
        if not jnp.issubdtype(x.dtype, jnp.floating):
            x = x.astype(jnp.result_type(float))
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        if not self.learns:
            return _value(self.steps, wide).astype(x.dtype)
        learned = jnp.asarray(beta).astype(wide.dtype)
        return _value_with_beta(self.steps, wide, learned).astype(x.dtype)

    def __repr__(self) -> str:
        return f"parse({str(self.expression)!r}).to_jax()"


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _value(steps: Steps, x: Any) -> Any:
    return _values(steps, x, None)


def _value_rule(steps: Steps, primals: Any, tangents: Any) -> Any:
    # One product with the slope: linear in the tangent, so JAX can run it in reverse.
    slope = _slopes(steps, primals[0], None, along_beta=False)
    return _value(steps, *primals), slope * tangents[0]


_value.defjvp(_value_rule)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _value_with_beta(steps: Steps, x: Any, beta: Any) -> Any:
    return _values(steps, x, beta)


def _value_with_beta_rule(steps: Steps, primals: Any, tangents: Any) -> Any:
    # What does not move has no part in it: its slope may be infinite.
    moved = [
        _slopes(steps, primals[0], primals[1], along_beta=along) * tangent
        for along, tangent in zip((False, True), tangents, strict=True)
        if not isinstance(tangent, SymbolicZero)
    ]
    return _value_with_beta(steps, *primals), sum(moved[1:], moved[0])


_value_with_beta.defjvp(_value_with_beta_rule, symbolic_zeros=True)


def _values(steps: Steps, x: Any, beta: Any) -> Any:
    def apply(operator: Operator, *arguments: _Wrapped) -> Any:
        learned = (_Wrapped(beta),) if operator.learned else ()
        return _in_jax(operator).numpy(*learned, *arguments)

    return interpret(steps, _Wrapped(x), lambda number: _full(x, number), apply).array


def _slopes(steps: Steps, x: Any, beta: Any, *, along_beta: bool) -> Any:
    """Return the derivative along x, or along beta, by the chain rule."""

    def apply(operator: Operator, *arguments: Any) -> Any:
        learned = ((_Wrapped(beta), _full(beta, along_beta)),) if operator.learned else ()
        return dual(_in_jax(operator), *learned, *arguments)

    variable = (_Wrapped(x), _full(x, not along_beta))
    _, slope = interpret(steps, variable, lambda number: (_full(x, number), _full(x, 0.0)), apply)
    return slope.array


def _in_jax(operator: Operator) -> Operator:
    """Return an operator with its formula for JAX in the place of the one for NumPy, if any.

    One that learns takes beta as its first argument; its slopes, and those of an operator without
    ``derivative``, are JAX's.
    """
    formula = operator.jax
    if formula is None:
        return operator

    def value(*arguments: _Wrapped) -> _Wrapped:
        return _Wrapped(formula(*map(_bare, arguments)))

    def partials(*arguments: _Wrapped) -> Any:
        values = [_bare(argument) for argument in arguments]
        found = []
        for place, at in enumerate(values):
            # One at a time: what does not move has no part in it, however large.
            along = partial(_moved, formula, values, place)
            found.append(_Wrapped(jax.jvp(along, (at,), (jnp.ones_like(at),))[1]))
        return found if len(found) > 1 else found[0]

    given = None if operator.learned else operator.derivative
    return replace(operator, numpy=value, derivative=given or partials)


def _moved(formula: Callable[..., Any], values: list[Any], place: int, at: Any) -> Any:
    return formula(*values[:place], at, *values[place + 1 :])


def _full(x: Any, number: float) -> _Wrapped:
    return _Wrapped(jnp.full_like(x, number))
