"""The streaming reader against ``json`` itself, and every way a file can be broken."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.upstream.stream import (
    CDF_KEY,
    UpstreamFormatError,
    parse_numbers,
    read_entries,
)
from tests.builders.upstream_files import CNN_BINS, FIRST_KEY, entries, fisher_cdf, write_upstream

numbers = st.floats() | st.integers(-(2**53), 2**53)
plain = st.none() | st.booleans() | numbers | st.text(max_size=8)
nested = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
# json escapes half a surrogate pair, which no file can hold in UTF-8.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
documents = st.dictionaries(
    texts,
    st.fixed_dictionaries(
        {}, optional={CDF_KEY: st.lists(numbers) | plain, "Test Loss": numbers, "new [key]": nested}
    ),
    max_size=4,
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "act-bench-cnn.json"


def same(left, right):
    """Equal, with NaN equal to itself."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def as_read(path):
    return {entry.expression: entry for entry in read_entries(path)}


@settings(max_examples=40)
@given(document=documents, indent=st.sampled_from([None, 0, 2]), ascii_only=st.booleans())
def test_any_file_of_the_shape_is_read_as_json_reads_it(
    tmp_path_factory, document, indent, ascii_only
):
    path = tmp_path_factory.mktemp("upstream") / "file.json"
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    read = as_read(path)
    assert list(read) == list(document)
    for key, values in document.items():
        vector = values.pop(CDF_KEY, None)
        assert same(read[key].values, values)
        is_vector = isinstance(vector, list) and vector
        assert (read[key].cdf is not None) == bool(is_vector)
        assert (read[key].cdf_problem == "") == bool(is_vector)
        if is_vector:
            np.testing.assert_array_equal(read[key].cdf, np.array(vector, np.float64))


def test_vectors_of_the_real_length_are_read_bit_for_bit(file):
    vector = fisher_cdf(np.random.default_rng(3), CNN_BINS)
    assert len(vector) == 13_683
    file.write_text(json.dumps({"relu(x)": {CDF_KEY: vector}}))
    [entry] = read_entries(file)
    assert entry.cdf.tolist() == vector


def test_a_generated_file_is_what_json_reads(file):
    document = write_upstream(file, count=200)
    read = as_read(file)
    assert list(read) == list(document)
    assert next(iter(read)) == FIRST_KEY
    for key, values in document.items():
        vector = values.pop(CDF_KEY, None)
        assert same(read[key].values, values)
        assert (read[key].cdf is None) == (not vector)
        if vector:
            np.testing.assert_array_equal(read[key].cdf, vector)


def test_offsets_are_where_the_keys_begin(file):
    write_upstream(file, count=20)
    content = file.read_bytes()
    for entry in read_entries(file):
        assert content[entry.offset :].startswith(json.dumps(entry.expression).encode())
        assert content[entry.end - 1 : entry.end] == b"}"


@given(st.text(alphabet="0123456789.,-+ eENnaIify\n\t", max_size=40) | st.text(max_size=20))
def test_fast_numbers_are_never_other_numbers(text):
    """Whatever the fast parser accepts is what ``float`` makes of the pieces between commas."""
    parsed = parse_numbers(text.encode())
    if parsed is not None:
        pieces = text.split(",")
        assert not any(" " in piece.strip(" ") for piece in pieces)
        assert same(parsed.tolist(), [float(piece) for piece in pieces])


@pytest.mark.parametrize(
    "text",
    ["", " ", "1 2", "1, 2 3", "1,", ", 1", "1,, 2", "1,2, ", "null", "1;2", "0x1", "1 ,2", "'1'"],
)
def test_fast_numbers_refuse(text):
    assert parse_numbers(text.encode()) is None


def test_bytes_that_are_no_text_are_no_numbers():
    assert parse_numbers(b"1, \xff\xfe, 2") is None


def test_a_file_cut_anywhere_is_refused(file):
    document = dict(entries(count=1, bins=(3,), valid=1.0))
    content = json.dumps(document | {"relu(x)": {"a": [{"b": "c\\"}], CDF_KEY: ["]"]}}).encode()
    for end in range(len(content)):
        file.write_bytes(content[:end])
        with pytest.raises(UpstreamFormatError) as caught:
            list(read_entries(file))
        assert caught.value.offset <= end
        assert f"byte {caught.value.offset:,}" in str(caught.value)


LONG = "1" * 5000
BROKEN = {
    "empty": (b"", 0, r"the file is empty; download it again"),
    "white space": (b"  \n", 3, r"truncated"),
    "a page": (
        b"<html></html>",
        0,
        r"expected '\{' and the object of the file, got b'<html",
    ),
    "a list": (b"[1]", 0, r"expected '\{'"),
    "UTF-16": ('{"relu(x)": {}}'.encode("utf-16"), 0, r"the encoding is utf-16"),
    "a mark": (b"\xef\xbb\xbf{}", 0, r"the encoding is utf-8-sig"),
    "Latin-1": ('{"relu(x)": {"é": 1}}'.encode("latin-1"), 14, r"not UTF-8 .*'relu\(x\)'"),
    "an entry twice": (
        b'{"relu(x)": {}, "relu(x)": {}}',
        16,
        r"the expression stands twice, first at byte 1 \(in the entry 'relu\(x\)'\)",
    ),
    "a key twice": (b'{"relu(x)": {"a": 1, "a": 2}}', 21, r"the key 'a' stands twice"),
    "a vector twice": (
        f'{{"relu(x)": {{"{CDF_KEY}": null, "{CDF_KEY}": [1]}}}}'.encode(),
        48,
        r"stands twice",
    ),
    "no object": (b'{"relu(x)": 3}', 12, r"expected '\{' and the object of an entry, got b'3\}'"),
    "no colon": (b'{"relu(x)" {}}', 11, r"expected ':' and the value of 'relu\(x\)'"),
    "no comma": (b'{"relu(x)": {} "elu(x)": {}}', 15, r"expected ',' and the next key"),
    "a comma too many": (b'{"relu(x)": {"a": 1,}}', 20, r"a comma before '\}'"),
    "no quotes": (b"{relu: {}}", 1, r"expected an expression in double quotes, got b'relu"),
    "a bare word": (b'{"relu(x)": {"a": nan}}', 18, r"this is not JSON"),
    "no value": (b'{"relu(x)": {"a": }}', 18, r"expected a value"),
    "a hole in a vector": (
        f'{{"relu(x)": {{"{CDF_KEY}": [1, , 2]}}}}'.encode(),
        46,
        r"this is not JSON \(Expecting value\) \(in the entry 'relu\(x\)'\)",
    ),
    "half a surrogate": (b'{"\\ud800": {}}', 1, r"a value that cannot be read"),
    "a control character": (b'{"relu(x)": {"a": "\x01"}}', 19, r"this is not JSON"),
    "more after the end": (b'{"relu(x)": {}} {}', 16, r"2 bytes follow the end of the JSON"),
    "deep": (b'{"relu(x)": {"a": ' + b"[" * 99, 50, r"more than 32 brackets deep"),
    "an endless number": (f'{{"relu(x)": {{"a": {LONG}}}}}'.encode(), 18, r"cannot be read"),
    "brackets crossed": (b'{"relu(x)": {"a": [{]}]}}', 20, r"this is not JSON"),
}


@pytest.mark.parametrize(("content", "offset", "message"), BROKEN.values(), ids=list(BROKEN))
def test_broken_files_are_refused_with_the_place(file, content, offset, message):
    file.write_bytes(content)
    with pytest.raises(UpstreamFormatError, match=message) as caught:
        list(read_entries(file))
    assert caught.value.offset == offset
    assert caught.value.path == file


@pytest.mark.parametrize(
    ("vector", "problem"),
    [
        ("[]", "empty"),
        ("[ ]", "empty"),
        ("null", "not a list (NoneType)"),
        ("3.5", "not a list (float)"),
        ('["]", 1]', "not a number (str at index 0)"),
        ("[0.5, null]", "not a number (NoneType at index 1)"),
        ("[true]", "not a number (bool at index 0)"),
        ("[[1]]", "not a number (list at index 0)"),
    ],
)
def test_vectors_that_are_json_but_no_numbers_are_invalid_not_fatal(file, vector, problem):
    file.write_text(f'{{"relu(x)": {{"{CDF_KEY}": {vector}, "Test Loss": 1}}}}')
    [entry] = read_entries(file)
    assert (entry.cdf, entry.cdf_problem) == (None, problem)
    assert entry.values == {"Test Loss": 1}


def test_entries_before_the_damage_are_read(file):
    file.write_text('{"relu(x)": {"a": 1}, "elu(x)": {"a": ')
    reader = read_entries(file)
    assert next(reader).expression == "relu(x)"
    with pytest.raises(UpstreamFormatError, match=r"in the entry 'elu\(x\)'"):
        next(reader)
