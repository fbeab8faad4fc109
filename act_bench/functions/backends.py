"""The backends: what makes a callable of an expression, by name.

An expression is a tree and no more. A backend interprets its steps
(:func:`act_bench.functions.steps.interpret`) with the formulas that the records of the operators
hold for it; it is imported when it is first used. A new backend needs a module that interprets
steps with formulas of the records, a field for those in
:class:`act_bench.functions.operators.Operator`, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from act_bench.errors import needs_extra

if TYPE_CHECKING:
    from act_bench.functions.differentiable import ActivationModule
    from act_bench.functions.frameworks.jax_backend import JaxFunction
    from act_bench.functions.numeric import ArrayFunction
    from act_bench.functions.steps import Tree


def _numpy(tree: Tree) -> ArrayFunction:
    from act_bench.functions.numeric import value_function

    return value_function(tree)


def _numpy_derivative(tree: Tree) -> ArrayFunction:
    from act_bench.functions.numeric import derivative_function

    return derivative_function(tree)


def _torch(tree: Tree, shape: tuple[int, ...] = ()) -> ActivationModule:
    with needs_extra("to_torch"):
        from act_bench.functions.differentiable import ActivationModule
    return ActivationModule(tree, shape)


def _jax(tree: Tree) -> JaxFunction:
    with needs_extra("to_jax"):
        from act_bench.functions.frameworks.jax_backend import JaxFunction
    return JaxFunction(tree)


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "numpy": _numpy,
    "torch": _torch,
    "jax": _jax,
}
"""Backend -> the function that turns a tree into the callable that computes it."""

DERIVATIVES: Final[dict[str, Callable[..., Any]]] = {"numpy": _numpy_derivative}
"""Backend -> the function that turns a tree into the callable of f'; others differentiate."""
