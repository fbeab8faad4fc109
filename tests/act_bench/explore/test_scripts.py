"""What the page's scripts find, read and compute, run by node on the page's own data."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from act_bench import explore
from act_bench.explore.functions import functions_data
from act_bench.functions.catalogue import CATALOGUE
from act_bench.functions.operators import SYNONYMS
from act_bench.spaces.paper import load_space
from tests.act_bench.page_scripts import Run, in_node


@pytest.fixture(scope="module")
def node(data: explore.Payload, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Evaluate the body of a function in node, with the page's model unpacked."""
    return in_node(data, tmp_path_factory.mktemp("node"))


def test_what_is_typed_finds_what_the_package_resolves(node: Run) -> None:
    space = load_space()
    names = {
        text: record["function"]
        for record in functions_data()["names"]
        for text in (record["name"], *record["aliases"], record["name"].replace("_", "-").upper())
    }
    spelled = {text: space.resolve(text).entry for text in space.expressions}
    spaced = {
        text.upper().replace(",", " , ").replace("(", "( "): entry
        for text, entry in list(spelled.items())[::97]
    }
    others = {text: space.resolve(text).entry for text in ("relu(x)", "x", "erf(x)", "swish( x )")}
    for short, operator in SYNONYMS.items():  # for which the package says what to write
        if f"max(relu(x),{operator}(x))" in spelled:
            others[f"max(relu(x),{short}(x))"] = spelled[f"max(relu(x),{operator}(x))"]
    asked = {**spelled, **spaced, **names, **others}
    exact = node(
        f"const asked = {json.dumps(list(asked))};"
        "const { exact, synonyms } = model.index;"
        "return asked.map((text) => (exact.get(plainSpelling(text, synonyms))"
        " ?? exact.get(plainName(text)))?.number ?? null);"
    )
    assert dict(zip(asked, exact, strict=True)) == asked
    some = [*list(spelled)[::211], *spaced, *names, *others]
    first = node(
        f"return {json.dumps(some)}.map("
        "(text) => findFunctions(model.index, text).hits[0]?.number);"
    )
    assert first == [asked[text] for text in some]


def test_parts_numbers_and_misspelled_names(node: Run) -> None:
    found = node(
        "const of = (text) => findFunctions(model.index, text, 5000);"
        'return { part: of("max tanh").hits.map((h) => h.number), number: of("#1013").hits[0],'
        'beyond: of("2913"), near: of("geluu"), none: of("qqqqqqqqqqqqqqq"), empty: of("  ") };'
    )
    space = load_space()
    truth = {space.entry_of[t] for t in space.expressions if "max" in t and "tanh" in t}
    assert truth <= set(found["part"])
    assert len(found["part"]) == len(set(found["part"]))
    assert found["number"]["number"] == 1013
    assert found["beyond"]["total"] == found["none"]["total"] == found["empty"]["total"] == 0
    assert found["near"]["guessed"]
    assert "gelu" in {hit["text"] for hit in found["near"]["hits"]}


def test_links_hold_the_view_and_nonsense_falls_back(node: Run) -> None:
    link = (
        "#table=cnn-proxy&metric=test_loss&map=fim&plot=scatter&against=mlp-full%40tuned&search=erf+-exp"
        "&shape=origin&split=test&layer=3&page=2&theme=dark&hide=missing&pin=20%2Cgelu&rows=10"
        "&sort=-runs&zoom=10%2C50.5%2C0%2C99"
    )
    again = f'addressOf(parsedState({json.dumps(link)}, model, "light"), model, "light")'
    assert node(f"return {again};") == link
    odd = "#table=nope&rate=9&metric=x&pin=99999,-1,a,,relu&hide=odd&layer=-7&zoom=9,1,0,5&sort=(1)"
    usual = "#table=mlp-full&metric=validation_accuracy&pin=20"
    assert (
        node(f'return addressOf(parsedState({json.dumps(odd)}, model, "light"), model, "light");')
        == usual
    )


def test_csv_reads_back(node: Run) -> None:
    rows = [["a,b", 'say "x"', "two\nlines"], [1 / 3, None, "=1+1"]]
    text = node(f'return csvText(["x", "y", "z"], {json.dumps(rows)});')
    read = list(csv.reader(io.StringIO(text)))
    assert read == [["x", "y", "z"], rows[0], ["0.333333", "", "=1+1"]]


def test_labels_do_not_cover_each_other(node: Run) -> None:
    rng = np.random.default_rng(0)
    points = [
        {"x": x, "y": y, "width": w}
        for x, y, w in rng.uniform([0, 0, 20], [300, 200, 80], (60, 3)).tolist()
    ]
    placed = node(f"return placedLabels({json.dumps(points)}, {{ width: 300, height: 200 }});")
    boxes = [
        (place["left"], place["top"], place["left"] + point["width"], place["top"] + 15)
        for point, place in zip(points, placed, strict=True)
        if place
    ]
    assert len(boxes) > 10
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left < right <= 300
        assert 0 <= top < bottom <= 200
        for other in boxes[:i]:
            assert right <= other[0] or left >= other[2] or bottom <= other[1] or top >= other[3]


def test_intervals_hold_the_median_as_often_as_they_say(node: Run) -> None:
    rng = np.random.default_rng(1)
    for seeds in (3, 10):
        draws = rng.normal(size=(4000, seeds))
        halves = np.array(
            node(f"return {json.dumps(draws.std(axis=1, ddof=1).round(6).tolist())}"
                 f".map((std) => halfWidth(std, {seeds}));")
        )  # fmt: skip
        held = np.mean(np.abs(np.median(draws, axis=1)) <= halves)
        assert held == pytest.approx(0.95, abs=0.015)


def test_spearman(node: Run) -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 9, (2, 50)).tolist()
    assert node(f"return spearman({a}, {b});") == pytest.approx(spearmanr(a, b).statistic)


def test_every_name_of_the_catalogue_has_a_place_in_a_link(node: Run) -> None:
    keys = node(
        f"return {json.dumps(list(CATALOGUE))}.map((name) => model.key(model.fromKey(name)));"
    )
    for name, key in zip(CATALOGUE, keys, strict=True):
        assert key == name or key == str(load_space().resolve(name).entry)
