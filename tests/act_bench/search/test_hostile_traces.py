"""Traces of others: whatever a line holds, the verdict is a check that failed and its line."""

import copy
import inspect
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_bench.search.benchmark import Benchmark
from act_bench.search.events import Searcher, Setting
from act_bench.search.trace import TraceError, read_trace
from act_bench.search.verify import verify
from surrogates.optimizers import find_optimizer
from surrogates.protocol import SearchSpace
from surrogates.searches.single import begin, rerun, run_search

SETTINGS: dict[str, Setting] = {"neighbours": 3, "features": "outputs"}
NINES = "9" * 4_000


@pytest.fixture(scope="module")
def data(make_data):
    return make_data()


@pytest.fixture(scope="module")
def lines(data):
    """The lines of a genuine trace, as objects."""
    bench = Benchmark(data, searcher=Searcher("knn", SETTINGS, 7))
    optimizer = begin(bench, SearchSpace.of(data), find_optimizer("knn"), 7, SETTINGS)
    run_search(bench, optimizer, 6)
    bench.charge(1.5, "features")
    bench.reveal()
    return [json.loads(line) for line in bench.trace.lines()]


def checked(path, data, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    checks = verify(path, data=data, rerun=rerun)
    for check in checks:
        assert len(check.detail) < 1_100
    return checks


def texts(lines):
    return [json.dumps(line) for line in lines]


def with_line(lines, number, text):
    changed = texts(lines)
    changed[number] = text
    return "\n".join(changed) + "\n"


CHARGE = '{"type": "charge", "reason": "x", "cost_s": %s, "clock_s": %s}'
HOSTILE = {
    "nested arrays": "[" * 100_000,
    "nested objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "nested in a field": '{"type": "charge", "reason": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "charge of 4,000 digits": CHARGE % (NINES, "1"),
    "charge of 5,000 digits": CHARGE % ("9" * 5_000, "1"),
    "clock of 4,000 digits": CHARGE % ("1", NINES),
    "charge beyond float64": CHARGE % ("1e999", "1"),
    "negative charge": CHARGE % ("-1", "1"),
    "charge of true": CHARGE % ("true", "1"),
    "charge in text": CHARGE % ('"1"', "1"),
    "reason of 100,000 letters": CHARGE.replace('"x"', '"' + "x" * 100_000 + '"') % ("1", "1"),
    "half a surrogate pair": CHARGE.replace('"x"', '"\\ud800"') % ("0", "1"),
    "a type of 100,000 letters": json.dumps({"type": "x" * 100_000}),
    "a field of 100,000 letters": json.dumps({"type": "charge", "x" * 100_000: 1}),
    "no object": "17",
    "nothing": "",
    "zeros": "\x00" * 1_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_line_is_named(tmp_path, data, lines, text):
    checks = checked(tmp_path / "trace.jsonl", data, with_line(lines, 2, text))
    assert next(check.line for check in checks if check.passed is False) == 3


SEARCHERS = {
    "neighbours of a thousand million": {"settings": {"neighbours": 10**9}},
    "neighbours of 30 digits": {"settings": {"neighbours": 10**30}},
    "neighbours of 200 digits": {"settings": {"neighbours": 10**200}},
    "neighbours in a list": {"settings": {"neighbours": [3]}},
    "population without end": {"name": "evolution", "settings": {"population": 10**12}},
    "width without end": {"name": "controller", "settings": {"width": 10**6}},
    "trees without end": {"name": "forest-ei", "settings": {"trees": 10**9}},
    "negative seed": {"seed": -1},
    "seed of 4,000 digits": {"seed": int(NINES)},
    "no workers": {"workers": 0},
    "workers of 4,000 digits": {"workers": int(NINES)},
    "a setting that is a method": {"settings": {"__class__": 1}},
    "a setting that is an argument": {"settings": {"space": 1}},
}


@pytest.mark.parametrize("changed", SEARCHERS.values(), ids=SEARCHERS)
def test_absurd_settings_are_a_verdict(tmp_path, data, lines, changed):
    header = copy.deepcopy(lines[0])
    header["optimizer"] |= changed
    checks = checked(tmp_path / "trace.jsonl", data, "\n".join(texts([header, *lines[1:]])) + "\n")
    assert checks[-1].name in ("format", "rerun")
    assert checks[-1].passed is False


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**120), 10**120)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile") / "trace.jsonl"


@settings(max_examples=50)
@given(drawn=st.data())
def test_any_value_in_any_field_is_a_verdict(file, data, lines, drawn):
    changed = copy.deepcopy(lines)
    line = drawn.draw(st.integers(0, len(lines) - 1))
    fields = changed[line]
    if line == 0 and drawn.draw(st.booleans()):
        fields = fields["optimizer"]
    name = drawn.draw(st.sampled_from(sorted(fields)))
    before, fields[name] = fields[name], drawn.draw(VALUES)
    checks = checked(file, data, "\n".join(texts(changed)) + "\n")
    if fields[name] != before and line:
        assert any(check.passed is False for check in checks)


@settings(max_examples=50)
@given(st.integers(0, 1 << 20), st.integers(0, 7), st.booleans())
def test_any_flipped_bit_or_cut_is_a_verdict(file, data, lines, place, bit, cut):
    content = bytearray("\n".join(texts(lines)).encode() + b"\n")
    place %= len(content)
    if cut:
        content = content[:place]
    else:
        content[place] ^= 1 << bit
    checked(file, data, bytes(content))


def test_a_line_of_a_gigabyte_is_not_read_whole(tmp_path, data, lines):
    path = tmp_path / "trace.jsonl"
    with path.open("wb") as stream:
        stream.write(texts(lines)[0].encode() + b"\n")
        stream.truncate(1 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(TraceError, match="line 2: expected a line of at most 1,048,576 bytes"):
            read_trace(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_verification_does_not_copy_all_events_for_each(tmp_path, data, lines, monkeypatch):
    path = tmp_path / "trace.jsonl"
    charges = [CHARGE % ("0", "0.0")] * 500
    path.write_text("\n".join([texts(lines)[0], *charges]) + "\n")
    copies = []
    real = inspect.getattr_static(Benchmark, "events").fget

    def counted(bench):
        copies.append(1)
        return real(bench)

    monkeypatch.setattr(Benchmark, "events", property(counted))
    answers = {check.name: check.passed for check in verify(path, data=data)}
    assert answers["answers"]
    assert len(copies) < 5
