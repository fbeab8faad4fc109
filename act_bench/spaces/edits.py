"""Edits of an expression: the smallest changes of its tree, for searches that walk.

An edit keeps the shape of the tree or simplifies it, so that an expression of a space leads mostly
to expressions of that space.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from act_bench.functions.expression import Expression

Alphabet = Mapping[int, Sequence[str]]
"""Number of arguments -> names of the operators that may take an operator's place."""


def alphabet(expressions: Iterable[Expression]) -> dict[int, tuple[str, ...]]:
    """Return the operators that occur in some expressions by their number of arguments, sorted.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> alphabet([parse("max(relu(x),elu(x))"), parse("add(tanh(x),relu(x))")])
    {1: ('elu', 'relu', 'tanh'), 2: ('add', 'max')}
    """
    found: dict[int, set[str]] = {}
    stack = list(expressions)
    while stack:
        expression = stack.pop()
        if expression.arguments:
            found.setdefault(len(expression.arguments), set()).add(expression.operator)
            stack.extend(expression.arguments)
    return {arity: tuple(sorted(found[arity])) for arity in sorted(found)}


def edits(expression: Expression, operators: Alphabet) -> Iterator[Expression]:
    """Yield each expression that is one edit away.

    An edit is one of: an operator becomes another with as many arguments; two arguments of an
    operator change places; an argument is replaced by a copy of one beside it. It is made anywhere
    in the tree. The same expression may come more than once, and the expression itself may come.

    Parameters
    ----------
    expression : Expression
    operators : mapping of int to sequence of str
        By number of arguments, as from :func:`alphabet`.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> for edit in edits(parse("sub(relu(x),elu(x))"), {1: ["elu", "relu"], 2: ["add", "sub"]}):
    ...     print(edit)
    add(relu(x),elu(x))
    sub(elu(x),relu(x))
    sub(elu(x),elu(x))
    sub(relu(x),relu(x))
    sub(elu(x),elu(x))
    sub(relu(x),relu(x))
    """
    operator, arguments = expression.operator, expression.arguments
    for other in operators.get(len(arguments), ()):
        if other != operator:
            yield Expression(other, *arguments)
    places = range(len(arguments))
    for i in places:
        for j in places:
            changed = list(arguments)
            if i < j:
                changed[i], changed[j] = changed[j], changed[i]
                yield Expression(operator, *changed)
    for i in places:
        for j in places:
            changed = list(arguments)
            if i != j:
                changed[i] = changed[j]
                yield Expression(operator, *changed)
    for i, argument in enumerate(arguments):
        for edit in edits(argument, operators):
            yield Expression(operator, *arguments[:i], edit, *arguments[i + 1 :])


def near(spellings: Iterable[Expression], operators: Alphabet) -> set[str]:
    """Return what is one edit away from any of the spellings of a function, as texts.

    Walking between the spellings of one function costs no step.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> sorted(near([parse("add(elu(x),elu(x))")], {1: ["elu", "relu"], 2: ["add"]}))
    ['add(elu(x),elu(x))', 'add(elu(x),relu(x))', 'add(relu(x),elu(x))']
    """
    return {str(edit) for spelling in spellings for edit in edits(spelling, operators)}
