"""The parser of the notation: the grammar, and where in a text something else stands.

Standard library only. It evaluates nothing, and knows no tree: it builds what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, NoReturn, Protocol, TypeVar

from act_bench.errors import ActBenchError, ArgumentError, ExitCode
from act_bench.functions.notation import hints
from act_bench.functions.operators import Operator
from act_bench.functions.steps import VARIABLE

_NAME_CHARACTERS: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
)
_DIGITS: Final = frozenset("0123456789")
_NUMBER_CHARACTERS: Final = _DIGITS | frozenset(".eE+-")
_EXCERPT: Final = 60
_WHOLE: Final = 1e16
"""From here on a float's own spelling is shorter than all digits of the whole number."""


class Node(Protocol):
    """What the parser asks of a tree that was built."""

    @property
    def operator(self) -> str:
        """The name at its root."""
        ...


Tree = TypeVar("Tree", bound=Node)


class ParseError(ActBenchError, ValueError):
    """A text that is no expression.

    Attributes
    ----------
    text : str
        What was to be parsed.
    position : int
        Index in ``text`` of the character at fault; ``len(text)`` where the text ended too early.
    reason : str
        What was expected, what came, and how to fix it.

    Examples
    --------
    >>> parse("add(relux(x),tanh(x))")
    Traceback (most recent call last):
    ...
    act_bench.functions.expression.ParseError: unknown operator 'relux': did you mean 'relu'?
      add(relux(x),tanh(x))
          ^ character 5
    """

    # Where it is imported from: tracebacks print this name, and pickles keep it.
    __module__ = "act_bench.functions.expression"
    exit_code = ExitCode.EXPRESSION

    def __init__(self, reason: str, text: str, position: int) -> None:
        self.text = text
        self.position = position
        self.reason = reason
        start = max(0, min(position - _EXCERPT // 2, len(text) - _EXCERPT))
        excerpt = text[start : start + _EXCERPT]
        # A caret under a line break or a tab would point at nothing.
        shown = "".join(c if c.isprintable() else " " for c in excerpt)
        caret = " " * (position - start) + f"^ character {position + 1}"
        super().__init__(f"{reason}\n  {shown}\n  {caret}")

    def __reduce__(self) -> tuple[type[ParseError], tuple[str, str, int]]:
        return ParseError, (self.reason, self.text, self.position)


def read_tree(
    text: str,
    operators: Mapping[str, Operator],
    build: Callable[..., Tree],
    deepest: int,
) -> Tree:
    """Return the tree of a text.

    Parameters
    ----------
    text : str
    operators : mapping of str to Operator
        Those of the grammar.
    build : callable
        ``build(name, *arguments)`` makes a tree of trees; its ValueError becomes a
        :class:`ParseError` at the name.
    deepest : int
        Most nesting that is read, which bounds the recursion.

    Raises
    ------
    ParseError
        The text is no expression.

    Examples
    --------
    >>> from act_bench.functions.expression import Expression
    >>> from act_bench.functions.operators import OPERATORS
    >>> str(read_tree("relu( x )", OPERATORS, Expression, deepest=64))
    'relu(x)'
    """
    return _Parser(text, operators, build, deepest).parse()


class _Parser(Generic[Tree]):
    """A recursive-descent parser with one character of look-ahead."""

    def __init__(
        self,
        text: str,
        operators: Mapping[str, Operator],
        build: Callable[..., Tree],
        deepest: int,
    ) -> None:
        self.text = text
        self.operators = operators
        self.build = build
        self.deepest = deepest
        self.position = 0

    def parse(self) -> Tree:
        tree = self.read_expression(depth=0)
        self.skip_spaces()
        if self.position < len(self.text):
            found = self.text[self.position]
            hint = self.hint_after(tree)
            self.fail(f"expected the end of the expression, found {hints.character(found)}{hint}")
        return tree

    def read_expression(self, depth: int) -> Tree:
        self.skip_spaces()
        if self.peek() in _DIGITS or self.peek() in ("-", "."):
            return self.read_number()
        name, start = self.read_name()
        self.skip_spaces()
        called = self.peek() == "("
        if name == VARIABLE:
            if called:
                self.fail("the variable x takes no arguments")
            return self.build(VARIABLE)
        if name not in self.operators:
            hint = hints.for_name(name, self.operators, self.text[self.position :])
            raise ParseError(f"unknown operator {hints.shortened(name)}: {hint}", self.text, start)
        if not called:
            self.fail(f"expected '(' after {name}{self.found()}: write {name}(x)")
        if depth >= self.deepest:
            raise ParseError(
                f"the expression is nested deeper than the limit of {self.deepest}",
                self.text,
                start,
            )
        opened = self.position
        arguments = self.read_arguments(opened, depth)
        try:
            return self.build(name, *arguments)
        except ValueError as error:
            raise ParseError(str(error), self.text, start) from None

    def read_arguments(self, opened: int, depth: int) -> list[Tree]:
        arguments: list[Tree] = []
        while True:
            self.position += 1  # past "(" or ","
            arguments.append(self.read_expression(depth + 1))
            self.skip_spaces()
            separator = self.peek()
            if separator == ")":
                self.position += 1
                return arguments
            if separator != ",":
                self.fail(
                    f"expected ',' or ')' to go on with the '(' at character {opened + 1}"
                    f"{self.found()}{self.hint_after(arguments[-1])}"
                )

    def read_number(self) -> Tree:
        start = self.position
        while self.peek() in _NUMBER_CHARACTERS:
            self.position += 1
        spelling = self.text[start : self.position]
        hint = ": write negative(f) for -f" if spelling == "-" else ""
        try:
            value = float(spelling)
            if value == 0 and spelling.lower().partition("e")[0].strip("-+0."):
                hint = ": it is too small, and would be 0"
                raise ValueError(hint)
            return self.build(spelled(value))
        except ValueError:
            reason = f"expected a finite number, found {hints.shortened(spelling)}{hint}"
            raise ParseError(reason, self.text, start) from None

    def read_name(self) -> tuple[str, int]:
        self.skip_spaces()
        start = self.position
        while self.peek() in _NAME_CHARACTERS:
            self.position += 1
        if start == self.position:
            self.fail(f"expected x or an operator{self.found()}{hints.in_place_of(self.peek())}")
        if not (self.peek().isascii() or self.peek().isspace()):
            self.fail(f"expected the end of the name{self.found()}")  # a look-alike within
        return self.text[start : self.position], start

    def skip_spaces(self) -> None:
        while self.peek().isspace():
            self.position += 1

    def peek(self) -> str:
        """Return the next character, or the empty string at the end."""
        return self.text[self.position : self.position + 1]

    def hint_after(self, tree: Tree) -> str:
        """Return what to write where an expression is followed by something that is no part."""
        rest = self.text[self.position :]
        if is_number(tree.operator) and (rest[:1].isalpha() or rest[:1] == "("):
            rest = "*"  # as in 2x
        return hints.after_expression(rest)

    def found(self) -> str:
        if not self.peek():
            return ", but the text ends here"
        return f", found {hints.character(self.peek())}"

    def fail(self, reason: str) -> NoReturn:
        raise ParseError(reason, self.text, self.position)


def spelled(value: float) -> str:
    """Return the text of a constant: the fewest digits that give it back.

    Raises
    ------
    ValueError
        The value is not finite.
    """
    value = float(value)  # NumPy's floats have another repr
    if value != value or value in (float("inf"), float("-inf")):
        raise ArgumentError(f"a constant must be finite, got {value}")
    # Whole numbers without ".0", and one zero.
    return str(int(value)) if value == int(value) and abs(value) < _WHOLE else repr(value)


def is_number(name: str) -> bool:
    """Whether a name is a number in its own spelling: each constant has one."""
    try:
        return name == spelled(float(name))
    except ValueError:
        return False
