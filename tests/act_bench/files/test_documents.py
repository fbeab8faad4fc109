"""JSON of others: whatever it is, it is read or refused by a ValueError of few words."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_bench.files import documents

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**128), 2**128) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
HOSTILE = {
    "arrays": ("[" * 100_000, "nested too deeply"),
    "objects": ('{"a":' * 100_000, "nested too deeply"),
    "4,000 digits": ("9" * 4_000, "an integer of 4,000 digits, '999"),
    "5,000 digits": ("-" + "9" * 5_000, "an integer of 5,001 digits"),
    "beyond float64": ("1e999", "a number beyond float64, '1e999'"),
    "NaN": ('{"a": NaN}', "NaN is not JSON"),
    "infinity": ("-Infinity", "-Infinity is not JSON"),
    "half a pair": ('"\\ud800"', "half a surrogate pair"),
    "half a pair in a name": ('{"\\udfff": 1}', "half a surrogate pair"),
    "nothing": ("", "Expecting value"),
    "control character": ('"\x00"', "Invalid control character"),
}


@pytest.mark.parametrize(("text", "words"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_refused_in_few_words(text, words):
    with pytest.raises(ValueError, match=words) as caught:
        documents.parse(text)
    assert len(str(caught.value)) < 300


@settings(max_examples=40)
@given(VALUES)
def test_what_json_can_say_is_read_as_it_is(value):
    text = json.dumps(value)
    try:
        found = documents.parse(text)
    except ValueError:
        assert "NaN" in text or "Infinity" in text
    else:
        assert found == value
        assert documents.parse(json.dumps(value, ensure_ascii=False)) == value


@given(st.text() | st.text("[]{},:\"'0123456789.eE+-\\untrfalse ", max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(ValueError):
        documents.parse(text)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), max_size=5))
def test_lines_end_at_line_feeds_only(tmp_path_factory, lines):
    file = tmp_path_factory.mktemp("lines") / "trace.jsonl"
    file.write_bytes("".join(f"{line}\n" for line in lines).encode())
    expected = [lines[0].removeprefix("\ufeff"), *lines[1:]] if lines else []
    assert list(documents.read_lines(file)) == expected


def test_a_long_line_is_not_read_whole(tmp_path):
    file = tmp_path / "trace.jsonl"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)  # a terabyte, of which the disk holds nothing
    with pytest.raises(ValueError, match="expected a line of at most 1,048,576 bytes"):
        next(documents.read_lines(file))
    with pytest.raises(ValueError, match="more than 67,108,864 bytes"):
        documents.read_object(file)
