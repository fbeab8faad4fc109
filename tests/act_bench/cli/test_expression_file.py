"""Files with one expression a line."""

from pathlib import Path

import pytest

from act_bench.cli._expression_file import read_expressions
from act_bench.functions.expression import ParseError


def test_comments_empty_lines_and_a_byte_order_mark_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "functions.txt"
    file.write_bytes(b"\xef\xbb\xbfrelu(x)  # the first\r\n\r\n# none\r\ntanh(x)\r\n")
    assert [str(each) for each in read_expressions(file)] == ["relu(x)", "tanh(x)"]


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "functions.txt"
    file.write_text("relu(x)\ncbrt(x)\n")
    with pytest.raises(ParseError, match=r"functions\.txt, line 2: unknown operator 'cbrt'"):
        read_expressions(file)


def test_a_line_may_be_a_name(tmp_path: Path) -> None:
    file = tmp_path / "functions.txt"
    file.write_text("ReLU\ncrrelu # learns\n")
    assert [str(each) for each in read_expressions(file)] == ["relu(x)", "crrelu"]
