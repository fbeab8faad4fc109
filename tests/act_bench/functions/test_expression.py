"""The tree, the parser and its errors."""

from __future__ import annotations

import pickle
import string
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_bench.functions import catalogue
from act_bench.functions.expression import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_SIZE,
    Expression,
    ParseError,
    parse,
)
from act_bench.functions.operators import (
    BINARY,
    CLAMPED_BINARY,
    CLAMPED_UNARY,
    NARY,
    OPERATORS,
    SPACE_UNARY,
    UNARY,
)
from act_bench.testing import expressions


def test_operator_counts() -> None:
    assert (len(UNARY), len(SPACE_UNARY), len(BINARY), len(NARY)) == (31, 27, 7, 4)
    published = [operator for operator in OPERATORS.values() if operator.spaces]
    assert (len(CLAMPED_UNARY), len(CLAMPED_BINARY), len(published)) == (5, 1, 48)
    assert set(UNARY) - set(SPACE_UNARY) == {"elish", "leakyrelu", "mish", "gelu"}


@given(expressions(max_leaves=20))
def test_spelling_round_trips(expression: Expression) -> None:
    text = str(expression)
    again = parse(text)
    assert again == expression
    assert hash(again) == hash(expression)
    assert str(again) == text
    assert pickle.loads(pickle.dumps(expression)) == expression  # noqa: S301 - our own bytes


@given(expressions(), st.data())
def test_spaces_between_tokens_are_free(expression: Expression, data: st.DataObject) -> None:
    spaces = st.text(alphabet=" \t\n", max_size=2)
    text = "".join(
        data.draw(spaces) + c + data.draw(spaces) if c in "()," else c for c in str(expression)
    )
    assert parse(text) == expression


@given(expressions(), expressions())
def test_equality_is_structural(a: Expression, b: Expression) -> None:
    assert (a == b) == (str(a) == str(b))


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parse(text)
    except ParseError as error:
        assert 0 <= error.position <= len(text)
        assert error.text == text


@given(expressions(), st.data())
def test_a_damaged_spelling_is_refused_at_a_place_inside_it(
    expression: Expression, data: st.DataObject
) -> None:
    text = str(expression)
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.sampled_from(string.ascii_lowercase + "(),_ 0"))
    damaged = text[:at] + new + text[at + 1 :]
    try:
        again = parse(damaged)
    except ParseError as error:
        assert 0 <= error.position <= len(damaged)
    else:
        assert str(again) == "".join(damaged.split())


@pytest.mark.parametrize(
    ("text", "character", "message"),
    [
        ("relux(x)", 1, "unknown operator 'relux': did you mean 'relu'?"),
        ("add(x,t)", 7, "unknown operator 't': the variable is x"),
        ("add(relu(x),tahn(x))", 13, "did you mean 'tanh'?"),
        ("silu(x)", 1, "did you mean 'swish'?"),
        ("ReLU(x)", 1, "names are in lower case, write 'relu'"),
        ("qqq(x)", 1, "the operators are listed in"),
        ("add(relu(x)", 12, "expected ',' or ')' to go on with the '(' at character 4"),
        ("add(relu(x),tanh(x)))", 21, "a closing parenthesis too many"),
        ("add(x)", 1, "add takes 2 arguments, got 1"),
        ("relu(x,x)", 1, "relu takes 1 argument, got 2"),
        ("sum_n(x)", 1, "sum_n takes 2 or more arguments, got 1"),
        ("relu", 5, "write relu(x)"),
        ("x(x)", 2, "the variable x takes no arguments"),
        ("add(x,,x)", 7, "expected x or an operator, found ','"),
        ("relu()", 6, "expected x or an operator, found ')'"),
        ("", 1, "but the text ends here"),
        ("relu(x) x", 9, "expected the end of the expression"),
        ("__import__('os')", 1, "unknown operator '__import__'"),
        ("max(relu(x),2.)3", 16, "expected the end of the expression"),
    ],
)
def test_errors_point_at_the_character(text: str, character: int, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.position == character - 1
    assert message in str(caught.value)
    caret_line = str(caught.value).splitlines()[-1]
    assert caret_line.index("^") == 2 + character - 1
    assert f"character {character}" in caret_line


def test_the_excerpt_of_a_long_text_shows_the_fault() -> None:
    text = "add(" * 30 + "relux(x)" + ",x)" * 30
    with pytest.raises(ParseError) as caught:
        parse(text)
    _, excerpt, caret = str(caught.value).splitlines()
    assert excerpt[caret.index("^") :].startswith("relux")


def test_errors_survive_pickling() -> None:
    with pytest.raises(ParseError) as caught:
        parse("relux(x)")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert str(again) == str(caught.value)


def test_nesting_is_limited() -> None:
    deepest = "relu(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH
    assert parse(deepest).depth == MAX_DEPTH
    with pytest.raises(ParseError, match="nested deeper than the limit of 64"):
        parse(f"relu({deepest})")
    with pytest.raises(ParseError, match="nested deeper"):
        parse("relu(" * 9_000)
    with pytest.raises(ValueError, match="nested 65 deep"):
        Expression("relu", parse(deepest))


def test_length_and_size_are_limited() -> None:
    with pytest.raises(ParseError, match="the limit is 50,000"):
        parse("x" * (MAX_LENGTH + 1))
    with pytest.raises(ParseError, match="nodes, the limit is 5,000"):
        parse(f"sum_n({','.join(['x'] * MAX_SIZE)})")
    # A tree that shares its parts is small in memory and would be endless as text.
    shared = Expression("x")
    for _ in range(11):
        shared = Expression("add", shared, shared)
    with pytest.raises(ValueError, match="8,191 nodes, the limit is"):
        Expression("add", shared, shared)


def test_expressions_are_checked_when_built_from_parts() -> None:
    x = Expression("x")
    with pytest.raises(ValueError, match="add takes 2 arguments, got 1"):
        Expression("add", x)
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        Expression("relux", x)
    with pytest.raises(ValueError, match="takes no arguments"):
        Expression("x", x)
    with pytest.raises(TypeError, match=r"use act_bench\.parse for text"):
        Expression("relu", "x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got int"):
        parse(3)  # type: ignore[arg-type]


def test_expressions_are_immutable() -> None:
    expression = parse("relu(x)")
    with pytest.raises(AttributeError, match="immutable"):
        expression.operator = "tanh"
    with pytest.raises(AttributeError, match="immutable"):
        del expression.arguments


@given(expressions(max_leaves=12))
def test_steps_compute_each_distinct_subexpression_once(expression: Expression) -> None:
    steps = expression.steps()
    assert len(steps) == len(set(expression.walk()))
    for position, (operator, inputs) in enumerate(steps):
        assert all(i < position for i in inputs)
        assert (operator == "x") == (not inputs)
    assert sum(1 for _ in expression.walk()) == expression.size


def test_the_parser_imports_the_standard_library_only() -> None:
    code = (
        "import sys; import act_bench.functions.expression as e; e.parse('max(relu(x),elu(x))');"
        "print([m for m in ('numpy','scipy','torch','polars','pyarrow') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-x", "write negative(f) for -f"),
        ("x^2", "write pow(f,g), or square(f)"),
        ("2*x", "write mul(f,g)"),
        ("x**2", "write pow(f,g), or square(f)"),
        ("2x", "write mul(f,g)"),
        ("2 x", "write mul(f,g)"),
        ("tanh(2x)", "write mul(f,g)"),
        ("add(2 x,x)", "write mul(f,g)"),
        ("2(x)", "write mul(f,g)"),
        ("tanh(x**2)", "write pow(f,g), or square(f)"),
        ("torch.relu(x)", "write relu(f)"),
        ("F.relu(x)", "write relu(f)"),
        ("torch.nn.functional.elu(x)", "write elu(f)"),
        ("e^x", "write exp(f)"),
        ("add(x,e**x)", "write exp(f)"),
        ("|x|", "write abs(f)"),
        ("(x)", "parentheses follow an operator"),
        ("add(x,+1)", "a number has no plus sign"),
        ("relu6(x)", "write min(6,relu(x))"),
        ("add(x,\u0661)", "(U+0661, arabic-indic digit one): write '1'"),
        ("x/2", "write div(f,g)"),
        ("relu(x)+1", "write add(f,g)"),
        ("x-1", "write sub(f,g)"),
        ("mul(-relu(x),x)", "write negative(f) for -f"),
        ("add(x+x,x)", "write add(f,g)"),
        ("sqrt(x)", "the notation has no such function"),
        ("arctanh(x)", "the notation has no such function"),
        ("sqrt(x)", "write pow(f,0.5)"),
        ("clip(x)", "write max(a,min(b,f))"),
        ("add(x,inf)", "constants are finite numbers"),
        ("nan", "constants are finite numbers"),
        ("add(x,1e-400)", "too small"),
        ("-1e-400", "too small"),
        ("1e400", "expected a finite number"),
        ("r\u0435lu(x)", "(U+0435, cyrillic small letter ie): write 'e'"),
        ("x\u00b2", "(U+00B2, superscript two): write square(f)"),
        ("\u2212x", "(U+2212, minus sign): write '-'"),
        ("relu(\u0445)", "(U+0445, cyrillic small letter ha): write 'x'"),
        ("\u0440ow(x,x)", "(U+0440, cyrillic small letter er): write 'p'"),
        ("relu\uff08x\uff09", "(U+FF08, fullwidth left parenthesis): write '('"),
        ("\ufeffrelu(x)", "(U+FEFF, zero width no-break space): write nothing"),
    ],
)
def test_what_people_write_is_told_in_the_notation(text, said):
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text", ["a" * 40_000, "relu(" * 9_000, "9" * 40_000, "x" + " " * 40_000 + "y"]
)
def test_a_message_repeats_little_of_a_long_text(text):
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert len(str(caught.value)) < 400


def test_zero_is_a_number_in_every_spelling():
    for text in ("0", "0.0", "-0", "0e5", "0.000"):
        assert str(parse(f"add(x,{text})")) == "add(x,0)"


LOOK_ALIKES = {"x": "\u0445", "e": "\u0435", "o": "\u043e", "s": "\u0455", "-": "\u2212"}


@given(expressions(max_leaves=4), st.data())
@settings(max_examples=60)
def test_a_look_alike_is_named_where_it_stands(expression, data):
    text = str(expression)
    at = data.draw(st.integers(0, len(text) - 1))
    twins = [chr(ord(text[at]) + 0xFEE0)]  # its full-width form
    twins += [LOOK_ALIKES[text[at]]] if text[at] in LOOK_ALIKES else []
    twin = data.draw(st.sampled_from(twins))
    with pytest.raises(ParseError, match=rf"\(U\+{ord(twin):04X}, .*\): write '") as caught:
        parse(text[:at] + twin + text[at + 1 :])
    assert caught.value.position == at


@given(st.text(min_size=1, max_size=8), st.sampled_from(["{}", "relu({}", "add(x,{}(x))", "2{}"]))
@settings(max_examples=60)
def test_no_message_repeats_more_than_200_characters(unit, around):
    word = unit * 300
    text = around.format(word)
    for read_it in (parse, catalogue.read):
        try:
            read_it(text)
        except ParseError as error:
            assert len(str(error)) < 700
            assert not any(text[i : i + 201] in str(error) for i in range(0, len(text) - 200, 50))
