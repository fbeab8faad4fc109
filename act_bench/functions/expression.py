"""Activation functions as expressions: a frozen tree, and the function that it is.

The notation is that of Bingham and Miikkulainen (NeurIPS 2023): ``max(relu(x),elu(x))``. The
grammar, in which spaces are allowed between tokens and nothing else is:

.. code-block:: text

    expression := "x" | number | operator "(" expression ("," expression)* ")"
    number     := a decimal number, such as 0.25, -3 or 1e-05
    operator   := one of act_bench.functions.operators.OPERATORS, with the number of arguments it
    takes

Numbers and the clamped operators extend the paper's notation: functions with fitted constants, such
as those that the GRAFS search finds, are written with them. No space of the papers has them.

This module imports the standard library only. The parser, which evaluates nothing, is
:mod:`act_bench.functions.notation.parser`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from act_bench.errors import ArgumentError, ArgumentTypeError
from act_bench.functions.backends import DERIVATIVES, FUNCTIONS
from act_bench.functions.notation import hints
from act_bench.functions.notation.parser import ParseError, is_number, read_tree, spelled
from act_bench.functions.operators import ALL_OPERATORS, OPERATORS, Operator
from act_bench.functions.steps import VARIABLE, Steps, learns

if TYPE_CHECKING:
    from act_bench.functions.differentiable import ActivationModule
    from act_bench.functions.frameworks.jax_backend import JaxFunction
    from act_bench.functions.numeric import ArrayFunction

__all__ = [
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_SIZE",
    "Expression",
    "ParseError",
    "number",
    "parse",
]

MAX_DEPTH: Final = 64
"""Deepest nesting that an expression may have; the variable has depth 0."""

MAX_SIZE: Final = 5_000
"""Most nodes that an expression may have, the variables counted."""

MAX_LENGTH: Final = 50_000
"""Longest text, in characters, that :func:`parse` reads."""


class Expression:
    """An activation function of one variable, as an immutable tree.

    Build one with :func:`parse` or from parts. Two expressions are equal when they have the same
    structure; whether they are the same *function* is a question for :mod:`act_bench.spaces.paper`.

    Parameters
    ----------
    operator : str
        A name of :data:`act_bench.functions.operators.ALL_OPERATORS`, ``"x"`` for the variable, or
        a number in the spelling of :func:`number`.
    *arguments : Expression
        As many as the operator takes; none for the variable and for a number.

    Raises
    ------
    ValueError
        The operator is unknown, takes another number of arguments, or the tree is deeper than
        :data:`MAX_DEPTH` or larger than :data:`MAX_SIZE`.
    TypeError
        An argument is not an expression.

    Examples
    --------
    >>> x = Expression("x")
    >>> f = Expression("mul", x, Expression("sigmoid", x))
    >>> str(f)
    'mul(x,sigmoid(x))'
    >>> f == parse("mul(x, sigmoid(x))"), f.depth, f.size
    (True, 2, 4)
    """

    __slots__ = ("_hash", "arguments", "depth", "operator", "size")

    operator: str
    arguments: tuple[Expression, ...]
    depth: int
    size: int
    _hash: int

    def __init__(self, operator: str, *arguments: Expression) -> None:
        for argument in arguments:
            if not isinstance(argument, Expression):
                raise ArgumentTypeError(
                    f"the arguments of {operator} must be expressions, got "
                    f"{type(argument).__name__}: use act_bench.parse for text"
                )
        problem = _misuse(operator, len(arguments))
        if problem:
            raise ArgumentError(problem)
        depth = 1 + max((argument.depth for argument in arguments), default=-1)
        if depth > MAX_DEPTH:
            raise ArgumentError(f"the expression is nested {depth} deep, the limit is {MAX_DEPTH}")
        size = 1 + sum(argument.size for argument in arguments)
        if size > MAX_SIZE:
            raise ArgumentError(f"the expression has {size:,} nodes, the limit is {MAX_SIZE:,}")
        # object.__setattr__: the tree is immutable after this, so that its hash may be kept.
        set_once = object.__setattr__
        set_once(self, "operator", operator)
        set_once(self, "arguments", arguments)
        set_once(self, "depth", depth)
        set_once(self, "size", size)
        set_once(self, "_hash", hash((operator, arguments)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an expression is immutable, {name} cannot be set: build a new one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"an expression is immutable, {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        return self is other or (
            self._hash == other._hash
            and self.operator == other.operator
            and self.arguments == other.arguments
        )

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        if not self.arguments:
            return self.operator
        return f"{self.operator}({','.join(map(str, self.arguments))})"

    def __repr__(self) -> str:
        return f"parse({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt by the constructor: hashes of strings differ between processes.
        return Expression, (self.operator, *self.arguments)

    def walk(self) -> Iterator[Expression]:
        """Yield this expression and every subexpression, parents first, left to right.

        Examples
        --------
        >>> [str(e) for e in parse("add(relu(x),tanh(x))").walk()]
        ['add(relu(x),tanh(x))', 'relu(x)', 'x', 'tanh(x)', 'x']
        """
        yield self
        for argument in self.arguments:
            yield from argument.walk()

    def steps(self) -> Steps:
        """Return the expression as a straight-line program.

        Returns
        -------
        tuple of (str, tuple of int)
            One step a distinct subexpression: its operator and the indices of the earlier steps
            that are its arguments. The last step is the value of the expression.

        Examples
        --------
        >>> parse("mul(relu(x),relu(x))").steps()
        (('x', ()), ('relu', (0,)), ('mul', (1, 1)))
        """
        index: dict[Expression, int] = {}
        program: list[tuple[str, tuple[int, ...]]] = []

        def place(node: Expression) -> int:
            if node not in index:
                inputs = tuple(place(argument) for argument in node.arguments)
                index[node] = len(program)
                program.append((node.operator, inputs))
            return index[node]

        place(self)
        return tuple(program)

    def to_numpy(self) -> ArrayFunction:
        """Return the function in float64: the truth of this package.

        Returns
        -------
        callable
            Takes real numbers of any shape, returns a float64 array of that shape. Where an
            operator has a finite value, or a limit at infinity, it returns it without overflow on
            the way; where it has none (``reciprocal`` at 0, ``pow`` of a negative base), IEEE 754
            decides: infinity or NaN, without a warning. It decides between operators as well:
            ``div(exp(x),cosh(x))`` at 1000 is infinity over infinity, NaN, and not 2.

        Raises
        ------
        act_bench.errors.ArgumentTypeError
            On a call with anything but real numbers.

        Examples
        --------
        >>> f = parse("swish(x)").to_numpy()
        >>> f([-1000.0, 0.0, 2.0]).round(6).tolist()
        [-0.0, 0.0, 1.761594]
        """
        function: ArrayFunction = FUNCTIONS["numpy"](self)
        return function

    def derivative(self) -> ArrayFunction:
        """Return the first derivative in float64.

        Returns
        -------
        callable
            Takes an array of any shape, returns a float64 array of that shape. At a kink: 0 for
            ``abs`` and ``relu``, the left derivative for ``elu``, ``selu`` and ``leakyrelu``, the
            mean of both sides where the arguments of ``max`` or ``min`` are equal, and 0.2 at the
            two ends of ``hard_sigmoid``. By the chain rule an argument of slope 0 counts nothing,
            however steep the operator: the slope of ``min(x,reciprocal(x))`` at 0 is 1. Where the
            function is NaN its slope means nothing.

        Examples
        --------
        >>> parse("square(x)").derivative()([1.0, 3.0]).tolist()
        [2.0, 6.0]
        """
        function: ArrayFunction = DERIVATIVES["numpy"](self)
        return function

    @property
    def learns(self) -> bool:
        """Whether the expression has a beta that is learned (the Swish space)."""
        return learns(self.steps())

    def to_torch(self, shape: tuple[int, ...] = ()) -> ActivationModule:
        """Return the function as a PyTorch module.

        Parameters
        ----------
        shape : tuple of int
            Of beta, where the expression learns one; must broadcast against the layer's output.

        Returns
        -------
        act_bench.functions.differentiable.ActivationModule
            A ``torch.nn.Module``, without parameters unless the expression learns its beta. Its
            input may have any shape and any floating dtype; its output has the same. Integers and
            booleans are taken in torch's default dtype.

        Raises
        ------
        act_bench.errors.MissingExtraError
            PyTorch is not installed.

        Notes
        -----
        It can be copied, pickled, compiled and transformed (``torch.func``), and differentiates
        twice. Every operator has the value of :meth:`to_numpy` and the slope of :meth:`derivative`,
        at infinity too, to the accuracy of the dtype: by that share of the slope, or of 1. Where
        the chain rule multiplies 0 by infinity, autograd has NaN though :meth:`derivative` has a
        number: at 0 for 31 of the paper's functions, such as ``min(x,reciprocal(x))``.

        Examples
        --------
        >>> import torch
        >>> parse("max(relu(x),tanh(x))").to_torch()(torch.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
        """
        module: ActivationModule = FUNCTIONS["torch"](self, shape)
        return module

    def to_jax(self) -> JaxFunction:
        """Return the function for JAX.

        Returns
        -------
        act_bench.functions.frameworks.jax_backend.JaxFunction
            A callable ``f(x)`` of arrays of any shape and real dtype, whose output has the same; of
            an expression that learns, ``f(x, beta)``. Integers and booleans are taken in JAX's
            default dtype; half precision is computed in float32 and rounded once.

        Raises
        ------
        act_bench.errors.MissingExtraError
            JAX is not installed.

        Notes
        -----
        It is pure: ``jit``, ``grad``, ``vmap`` and the other transformations take it, and it
        differentiates twice. Every expression has the value of :meth:`to_numpy` and the slope of
        :meth:`derivative`, its conventions at kinks and its limits at infinity included, to the
        accuracy of the dtype. XLA takes subnormal numbers for 0.

        Examples
        --------
        >>> import jax
        >>> f = parse("max(relu(x),tanh(x))").to_jax()
        >>> f(jax.numpy.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
        >>> float(jax.jit(jax.grad(f))(0.0))  # relu has slope 0 there, tanh 1
        0.5
        """
        function: JaxFunction = FUNCTIONS["jax"](self)
        return function


def number(value: float) -> Expression:
    """Return a constant, spelled with the fewest digits that give it back.

    Raises
    ------
    ValueError
        The value is not finite.

    Examples
    --------
    >>> str(Expression("add", Expression("x"), number(-0.5))), str(number(2.0))
    ('add(x,-0.5)', '2')
    """
    return Expression(spelled(value))


def parse(text: str, operators: Mapping[str, Operator] = OPERATORS) -> Expression:
    """Read an expression in the paper's notation.

    Parameters
    ----------
    text : str
        At most :data:`MAX_LENGTH` characters, nested at most :data:`MAX_DEPTH` deep.
    operators : mapping of str to Operator
        The operators of the grammar: those of the tables' spaces, or
        :data:`act_bench.functions.operators.SWISH_OPERATORS`.

    Returns
    -------
    Expression
        ``str`` of it is the text without spaces.

    Raises
    ------
    ParseError
        The text is no expression; the message points at the character.
    TypeError
        ``text`` is not a string.

    Examples
    --------
    >>> parse("sum_n(abs(x), swish(x), sigmoid(x))").operator
    'sum_n'
    >>> from act_bench.functions.operators import SWISH_OPERATORS
    >>> parse("gate(scale(x),identity(x))", SWISH_OPERATORS).learns  # x sigmoid(beta x)
    True
    """
    if not isinstance(text, str):
        raise ArgumentTypeError(f"expected the text of an expression, got {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise ParseError(
            f"the text has {len(text):,} characters, the limit is {MAX_LENGTH:,}", text, MAX_LENGTH
        )
    return read_tree(text, operators, Expression, MAX_DEPTH)


def _misuse(name: str, count: int) -> str | None:
    """Say what is wrong with ``name`` of ``count`` arguments, or None where nothing is."""
    if name == VARIABLE:
        return f"the variable x takes no arguments, got {count}" if count else None
    operator = ALL_OPERATORS.get(name)
    if operator is None and is_number(name):
        return f"the number {name} takes no arguments, got {count}" if count else None
    if operator is None:
        return f"unknown operator {hints.shortened(name)}: {hints.for_name(name, OPERATORS)}"
    if not operator.accepts(count):
        return f"{name} takes {operator.expected}, got {count}"
    return None
