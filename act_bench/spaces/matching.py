"""Which entry an expression is that is spelled as none of the space: by a rule, or by its values.

Most of what people type is an operator of the space, its negative, or two operators with ``x`` for
``identity(x)``: for these a rule gives the spelling in the space (:func:`listed`), without a value
computed. Anything else is the entry whose values it has (:func:`equal_entries`): the stored outputs
leave few entries, and these are evaluated with their rounding errors on the grid that tells all
functions of the space apart (:mod:`act_bench.functions.equality`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import BINARY, SPACE_UNARY
from act_bench.functions.operators.deferred import lightly
from act_bench.functions.steps import VARIABLE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLOSE: Final = 1e-6
"""Stored outputs further than this from a value, relative to the larger of 1 and the value, are no
rounding of an entry: neither float32's nor what the tolerance of float64 allows."""
LARGE: Final = 1e30
"""Larger outputs are equal to each other here."""


class Tabulated(Protocol):
    """A space by its values; :class:`~act_bench.spaces.paper.Space` is one."""

    @property
    def representatives(self) -> Sequence[str]:
        """One spelling of each function."""

    @property
    def points(self) -> NDArray[np.float64]:
        """Where its outputs are stored."""

    @property
    def outputs(self) -> NDArray[np.float32]:
        """Its values there: (functions, points)."""

    @property
    def grid(self) -> NDArray[np.float64]:
        """The points that tell all its functions apart."""


def listed(expression: Expression) -> str | None:
    """Return the spelling in the space of an operator, its negative, or a pair with ``x`` in it.

    Examples
    --------
    >>> for text in ("relu(x)", "negative(elu(x))", "mul(x,sigmoid(x))", "x"):
    ...     print(listed(parse(text)))
    add(zero(x),relu(x))
    sub(zero(x),elu(x))
    mul(identity(x),sigmoid(x))
    add(zero(x),identity(x))
    >>> listed(parse("relu(elu(x))")) is None
    True
    """
    if (one := _unary(expression)) is not None:
        return f"add(zero(x),{one})"
    operator, arguments = expression.operator, expression.arguments
    inner = [_unary(argument) for argument in arguments]
    if not inner or None in inner:
        return None
    if operator == "negative":
        return f"sub(zero(x),{inner[0]})"
    return f"{operator}({inner[0]},{inner[1]})" if operator in BINARY else None


def _unary(expression: Expression) -> str | None:
    """Return ``f(x)`` for an operator of the space at x, or for x itself."""
    if expression.operator == VARIABLE:
        return f"identity({VARIABLE})"
    of_x = expression.operator in SPACE_UNARY and expression.arguments[0].operator == VARIABLE
    return str(expression) if of_x else None


def equal_entries(expression: Expression, space: Tabulated) -> list[int]:
    """Return the entries whose values an expression has within rounding, ascending.

    They are of one class, unless so much of the expression cancels that float64 cannot tell.
    """
    from act_bench.functions.equality import TOLERANCE, evaluate, separation

    found = []
    with lightly():
        asked = evaluate(expression, space.grid)
        for entry in _candidates(expression, space).tolist():
            known = evaluate(parse(space.representatives[entry]), space.grid)
            if separation(known, asked) < TOLERANCE:
                found.append(entry)
    return found


def _candidates(expression: Expression, space: Tabulated) -> NDArray[np.intp]:
    """Return the entries whose stored outputs are those of an expression, within rounding."""
    import numpy as np

    from act_bench.functions.equality import TOLERANCE, UNIT_ROUNDOFF, evaluate

    value, scale = evaluate(expression, space.points)
    # The outputs are float32, in which a large number is infinite.
    asked, known = np.clip(value, -LARGE, LARGE), np.clip(space.outputs, -LARGE, LARGE)
    error = TOLERANCE * UNIT_ROUNDOFF * np.where(np.isfinite(value), scale, 0.0)
    close = np.abs(known - asked) <= CLOSE * np.maximum(np.abs(asked), 1.0) + error
    undefined = np.isnan(known) & np.isnan(asked)
    return np.flatnonzero((close | undefined).all(axis=1))
