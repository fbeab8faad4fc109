"""Whatever the data say, they stay inside the element of the page that they stand in."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_bench import explore


@pytest.fixture(scope="module", autouse=True)
def _small_page():
    """Leave the library out, which takes a while to join and has nothing to escape."""
    real = explore._read
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(
            explore, "_read", lambda name: real(name) if name.endswith(".html") else ""
        )
        yield


class Elements(HTMLParser):
    """Collects the elements of a page, and what the data element holds."""

    def __init__(self):
        super().__init__()
        self.started, self.data, self.inside = [], "", False

    def handle_starttag(self, tag, attributes):
        self.started.append(tag)
        self.inside = ("id", "data") in attributes

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.data += data


def elements(data):
    parser = Elements()
    parser.feed(explore.render(data))
    return parser


HOSTILE = [
    "</script>", "</SCRIPT >", "</script\t>", "<!--", "<!--<script>",
    "--><script>alert(1)</script>",
    "<script>", "]]>", "\u2028", "\u2029", "&lt;", "<", "a<b", "{{SCRIPT}}",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_text_ends_its_element(text):
    check(text)


@settings(max_examples=30)
@given(st.text() | st.text("<>/!-&;script\u2028\u2029{}\\\"'"))
def test_no_text_ends_its_element(text):
    check(text)


def check(text):
    found = elements({text: [text]})
    assert found.started == elements({}).started
    assert not set("<\u2028\u2029") & set(found.data)
    assert json.loads(found.data) == {text: [text]}
