"""What to write in place of a text that is not in the notation: for the messages of the parser.

Standard library only; nothing of it runs before something went wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from act_bench.errors import did_you_mean
from act_bench.functions.operators import SYNONYMS

LISTED: Final = "the operators are listed in act_bench.functions.operators.OPERATORS"
SHOWN: Final = 60
"""Most characters of a user's word that a message repeats."""

INFIX: Final = {
    "+": "add(f,g)",
    "-": "sub(f,g), or negative(f)",
    "*": "mul(f,g)",
    "/": "div(f,g)",
    "^": "pow(f,g), or square(f)",
}
"""Sign between two expressions -> what the notation has for it."""

ABSENT: Final = frozenset({
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arctanh", "asin", "atanh", "cbrt", "ceil",
    "clip", "cos", "floor", "heaviside", "ln", "log", "log1p", "log2", "log10", "mod", "round",
    "rsqrt", "sign", "sin", "softmax", "sqrt", "step", "tan", "where",
})  # fmt: skip
"""Functions that people write and the notation has no near word for."""

_INSTEAD: Final = {
    "clip": "max(a,min(b,f))",
    "relu6": "min(6,relu(x))",
    "rsqrt": "pow(f,-0.5)",
    "sqrt": "pow(f,0.5)",
}
"""What has the values of some of them."""

_STARTS: Final = {
    "|": "write abs(f)",
    "+": "a number has no plus sign",
    "(": "parentheses follow an operator",
}
"""Character in place of an expression -> what to do."""

_NOT_FINITE: Final = frozenset({"inf", "infinity", "nan"})

_TWINS: Final = {
    "\u2212": "-", "\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2014": "-",  # dashes
    "\u00d7": "mul(f,g)", "\u22c5": "mul(f,g)", "\u00b7": "mul(f,g)", "\u00f7": "div(f,g)",
    "\u0430": "a", "\u0435": "e", "\u043e": "o", "\u0440": "p", "\u0441": "c", "\u0443": "y",
    "\u0445": "x", "\u03c7": "x", "\u0456": "i", "\u0455": "s", "\u04bb": "h", "\u0501": "d",
    "\u00b2": "square(f)", "\u00b3": "mul(f,square(f))", "\u221a": "a power, pow(f,0.5)",
    "\u2018": "nothing", "\u2019": "nothing", "\u201c": "nothing", "\u201d": "nothing",
    "\ufeff": "nothing", "\u200b": "nothing", "\u00a0": "a space",
}  # fmt: skip
"""Characters that look like others, or are signs of mathematics -> what to write for them."""


def shortened(text: str) -> str:
    """Return the repr of a user's word, cut where it is long.

    Examples
    --------
    >>> shortened("relux"), len(shortened("a" * 10_000)) < 80
    ("'relux'", True)
    """
    return repr(text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}...")


def character(text: str) -> str:
    """Return a character for a message: a look-alike by its code point, with what to write.

    Examples
    --------
    >>> character("?")
    "'?'"
    >>> character(chr(0x2212)).partition(" ")[2]
    "(U+2212, minus sign): write '-'"
    """
    if text.isascii():
        return repr(text)
    import unicodedata

    name = unicodedata.name(text, "without a name").lower()
    twin = _TWINS.get(text)
    plain = unicodedata.normalize("NFKC", text)
    if twin is None and plain.isascii() and plain.strip():
        twin = plain  # full-width letters and the like
    if twin is None and text.isdecimal():
        twin = str(unicodedata.decimal(text))
    said = f"{text!r} (U+{ord(text):04X}, {name})"
    if twin is None:
        return said
    return f"{said}: write {twin if len(twin) > 1 else repr(twin)}"


def after_expression(text: str) -> str:
    """Return what to write where a whole expression is followed by something else; may be empty.

    Examples
    --------
    >>> after_expression("^2")
    ': the notation has no signs, write pow(f,g), or square(f)'
    >>> after_expression("**2") == after_expression("^2")
    True
    >>> after_expression(")")
    ': a closing parenthesis too many'
    """
    first = "^" if text.startswith("**") else text[:1]
    if first == ")":
        return ": a closing parenthesis too many"
    return f": the notation has no signs, write {INFIX[first]}" if first in INFIX else ""


def in_place_of(text: str) -> str:
    """Return what to write where an expression should begin with something else; may be empty.

    Examples
    --------
    >>> in_place_of("|")
    ': write abs(f)'
    """
    return f": {_STARTS[text]}" if text in _STARTS else ""


def for_name(name: str, known: Iterable[str], rest: str = "(") -> str:
    """Return what to write in place of an unknown operator, or where operators are listed.

    Parameters
    ----------
    name
        The unknown one.
    known
        The operators.
    rest
        The text behind it.

    Examples
    --------
    >>> for_name("ReLU", ["relu", "elu"])
    "names are in lower case, write 'relu'"
    >>> for_name("sqrt", ["square"]).partition(";")[0]
    'the notation has no such function'
    >>> for_name("torch", ["relu"], ".relu(x)"), for_name("e", ["exp"], "^x")
    ('names have no prefix, write relu(f)', 'write exp(f)')
    """
    operators, lowered = list(known), name.lower()
    if rest.startswith(".") and (last := rest.partition("(")[0].rpartition(".")[2]) in operators:
        return f"names have no prefix, write {last}(f)"
    if lowered == "e" and rest.startswith(("^", "**")):
        return "write exp(f)"
    if len(name) == 1 and not rest.startswith("("):
        return "the variable is x"
    if lowered in operators:
        return f"names are in lower case, write {lowered!r}"
    if lowered in _INSTEAD:
        return f"the notation has no such function; write {_INSTEAD[lowered]}"
    if lowered in ABSENT:
        return f"the notation has no such function; {LISTED}"
    if lowered in _NOT_FINITE:
        return "constants are finite numbers"
    if len(name) > SHOWN:
        return LISTED
    meant = SYNONYMS.get(lowered, lowered)
    return did_you_mean(meant if meant in operators else lowered, operators) or LISTED
