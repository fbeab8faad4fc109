"""What a newcomer wants of the page, done with mouse and keyboard in headless Chromium."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from act_bench.tables.catalogued.named import load_named
from act_bench.tables.loaders import load_table
from tests.act_bench.headless_browser import KEYS, Browser

ROOT = "document.documentElement.dataset"
SAVED = (
    "window.saved = null; URL.createObjectURL = (file) => {"
    "file.text().then((text) => { window.saved = text; }); return 'blob:none'; };"
)
"""Catches what would be written to the disk."""


@pytest.fixture
def open_page(browser: Browser, page: Path):
    """Open the page, and see afterwards that no script failed and nothing was fetched."""
    browser.resize(1300, 860)

    def open_(link: str = "") -> Browser:
        browser.open(page.as_uri() + link)
        browser.run(
            "window.failed = []; addEventListener('error', (e) => failed.push(e.message));"
            "addEventListener('unhandledrejection', (e) => failed.push(String(e.reason)));"
        )
        return browser

    yield open_
    assert browser.run("return window.failed") == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


def text(browser: Browser, place: str) -> str:
    return str(browser.run(f"return document.getElementById('{place}').innerText"))


def rows(browser: Browser) -> list[int]:
    """Numbers of the functions in the ranking, as they stand."""
    found = browser.run(
        "return [...document.querySelectorAll('#ranking tr[data-number]')]"
        ".map((row) => Number(row.dataset.number))"
    )
    assert isinstance(found, list)
    return found


def everywhere(browser: Browser) -> dict[str, list[str]]:
    """The table of all tables: its rows by their heads."""
    found = browser.run(
        "return [...document.querySelectorAll('#everywhere tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.innerText))"
    )
    assert isinstance(found, list)
    return {head: cells for head, *cells in found}


def test_1_find_gelu_and_read_its_accuracy(open_page) -> None:
    browser = open_page()
    browser.click("#find")
    browser.type("gelu")
    assert "GELU" in text(browser, "hits")
    browser.type(KEYS["Enter"])
    assert browser.run(f"return {ROOT}.pins") == "gelu"
    truth = load_named("mlp").filter(
        pl.col("name") == "gelu", (pl.col("learning_rate") - 0.2).abs() < 1e-9
    )["validation_accuracy"]
    assert f"{truth[0]:.4f} ±" in everywhere(browser)["mlp full, rate 0.2 (own)"][0]
    assert "· 10" in everywhere(browser)["mlp full, rate 0.2 (own)"][0], "with its seeds"
    assert "Hendrycks" in text(browser, "names")


def test_2_compare_it_with_relu_tuned(open_page) -> None:
    browser = open_page("#table=mlp-full")
    browser.choose("#rate", "tuned")
    for name in ("gelu", "relu"):
        browser.click("#find")
        browser.type(name + KEYS["Enter"])
    assert browser.wait(f"return {ROOT}.pins") == "gelu,20"
    tuned = load_named("mlp").filter("tuned")
    gelu = tuned.filter(pl.col("name") == "gelu")["fresh_validation_accuracy"][0]
    relu = load_table("mlp", rate="tuned")["fresh_validation_accuracy"][20]
    shown = everywhere(browser)["mlp full, tuned"]
    assert shown[0].startswith(f"{gelu:.4f} ±")
    assert shown[1].startswith(f"{relu:.4f} ±")
    assert shown[2].startswith(f"{'+' if gelu > relu else chr(0x2212)}{abs(gelu - relu):.4f} ±")


def test_3_save_the_ten_best_of_cnn_without_an_offset(open_page) -> None:
    browser = open_page()
    browser.run(SAVED)
    browser.choose("#table", "cnn-proxy")
    browser.wait("return document.getElementById('title').textContent.includes('CNN')")
    browser.choose("#shape", "origin")
    browser.choose("#size", "10")
    browser.choose("#export-what", "shown")
    browser.click("#export")
    saved = list(csv.DictReader(io.StringIO(str(browser.wait("return window.saved")))))
    table = load_table("cnn").drop_nulls("validation_accuracy")
    best = table.sort("validation_accuracy", "entry", descending=[True, False])
    without = [
        row
        for row in best.iter_rows(named=True)
        if abs(parse(row["expression"]).to_numpy()(0.0)) < 1e-9
    ][:10]
    assert [int(row["entry"]) for row in saved] == [row["entry"] for row in without]
    for row, truth in zip(saved, without, strict=True):
        assert row["expression"] == truth["expression"]
        for column in ("validation_accuracy", "test_accuracy", "validation_loss", "fresh_runs"):
            assert float(row[column]) == pytest.approx(truth[column], rel=2e-5)


def test_4_find_by_any_spelling_alias_and_number(open_page) -> None:
    browser = open_page()
    resolve = load_space().resolve
    for typed, entry in {
        "max( elu(x), relu(x) )": resolve("max(elu(x),relu(x))").entry,
        "#1013": 1013,
        "mul(tanh(x),asinh(x))": resolve("mul(tanh(x),arcsinh(x))").entry,
        "Squared-ReLU": resolve("squared_relu").entry,
        "silu": resolve("silu").entry,
    }.items():
        browser.click("#find")
        browser.type(typed + KEYS["Enter"])
        assert str(browser.run(f"return {ROOT}.pins")).split(",")[-1] == str(entry), typed


def test_5_a_misspelled_name_is_offered_and_chosen_by_keyboard(open_page) -> None:
    browser = open_page()
    browser.click("#find")
    browser.type("sqareplus")
    assert "did you mean" in text(browser, "hits")
    assert "did you mean" in text(browser, "live"), "a screen reader is told"
    browser.type(KEYS["Down"])
    active = "return document.getElementById('find').getAttribute('aria-activedescendant')"
    assert browser.run(active) == "hit-0"
    browser.type(KEYS["Enter"])
    assert browser.run(f"return {ROOT}.pins") == "squareplus"
    browser.type("zzzzzzzzzzzzzz" + KEYS["Enter"])
    assert "no function" in text(browser, "hits")
    browser.type(KEYS["Escape"])
    assert browser.run("return document.getElementById('hits').hidden")


def test_6_sort_and_filter_the_ranking(open_page) -> None:
    browser = open_page("#table=vit-proxy")
    table = load_table("vit")
    column = table["validation_accuracy"].fill_null(-1).to_numpy()
    assert rows(browser) == np.argsort(-column, kind="stable")[:25].tolist()
    browser.click("#search")
    browser.type("erf -exp -(zero")
    names = load_space().representatives
    kept = [
        e
        for e in range(2913)
        if "erf" in names[e] and "exp" not in names[e] and "(zero" not in names[e]
    ]
    assert browser.run(f"return {ROOT}.shown") == str(len(kept))
    browser.choose("#metric", "validation_loss")
    browser.click("#ranking [data-sort=validation_loss]")
    loss = table["validation_loss"].to_list()
    truth = sorted((e for e in kept if loss[e] is not None), key=lambda e: (np.float32(loss[e]), e))
    shown = [e for e in rows(browser) if e < 2913]
    drawn = [loss[e] for e in shown]
    assert drawn == pytest.approx([loss[e] for e in truth[: len(shown)]], rel=1e-4)
    head = "return document.querySelector('#ranking th[aria-sort]').getAttribute('aria-sort')"
    assert browser.run(head) == "ascending"
    browser.click("#next")
    assert text(browser, "rows").startswith("26 to 50")


def test_7_go_on_to_the_nearest_function(open_page) -> None:
    browser = open_page("#pin=relu")
    nearest = browser.run("return model.nearest(20)[0][0]")
    assert load_space().representatives[int(str(nearest))]
    browser.click("#related li button")
    assert browser.wait(f"return {ROOT}.pins") == f"20,{nearest}"
    relu = load_space().resolve("relu")
    spellings = [text for text, e in load_space().entry_of.items() if e == relu.entry][1:]
    browser.click("#names li:last-child button.drop")
    assert set(spellings) <= set(
        str(browser.run("return document.querySelector('#related p').textContent"))
        .replace("others", " ")
        .split()
    )


def test_8_see_how_two_tables_agree(open_page) -> None:
    browser = open_page()
    browser.click("#show-scatter")
    assert browser.run("return state.against") == "cnn-proxy@tuned"  # tuned like what is shown
    both = [load_table(name)["validation_accuracy"] for name in ("mlp", "cnn")]
    a, b = pl.DataFrame(both[:1]).with_columns(both[1].alias("b")).drop_nulls()
    rho = spearmanr(a.to_numpy(), b.to_numpy()).statistic
    told = str(browser.wait("return document.getElementById('relation').textContent"))
    assert f"{rho:.3f}" in told
    assert f"{len(a):,}" in told
    relu = [each[20] for each in both]
    assert browser.run("return [plot.places.x[20], plot.places.y[20]]") == pytest.approx(
        relu, rel=1e-4
    )
    browser.point(20, click=False)
    assert browser.wait("return state.hover") is not None


def test_9_a_link_shows_the_same_when_pasted(open_page, browser: Browser) -> None:
    open_page("#table=cnn-proxy&pin=gelu,relu&search=relu")
    browser.click("#zoom-in")
    browser.click("#zoom-in")
    browser.run("plot.zoomTo([10, 46, 30, 66])")
    view = "return JSON.stringify([state.zoom, state.pins, state.search, plot.pixel(20)])"
    link, before = str(browser.run("return location.href")), browser.run(view)
    assert "zoom=10%2C46%2C30%2C66" in link
    browser.open(link)
    assert browser.run(view) == before, "in a new tab"
    browser.open(link.split("#")[0])
    browser.run(f"location.hash = {link.split('#')[1]!r}")
    assert browser.wait("return state.zoom && JSON.stringify(state.zoom)") == "[10,46,30,66]"
    browser.wait("return document.getElementById('title').textContent.includes('CNN')")
    assert browser.run(view) == before, "over the page that is open"
    browser.run("window.failed = []")


def test_10_all_by_keyboard(open_page) -> None:
    browser = open_page()
    browser.run("document.getElementById('map').focus()")
    browser.type(KEYS["Right"] + KEYS["Down"])
    first = str(browser.run("return document.getElementById('live').textContent"))
    assert "validation accuracy" in first
    browser.type(KEYS["Enter"])
    assert browser.run(f"return {ROOT}.pins") != ""
    before = browser.run("return state.zoom")
    browser.type("+")
    assert browser.run("return state.zoom") != before
    browser.type("0")
    assert browser.run("return state.zoom") is None
    # From the beginning of the page, the first key leads to a way around the plot.
    browser.run("document.activeElement.blur(); window.getSelection().removeAllRanges()")
    browser.run("document.getElementById('skip').focus()")
    browser.type(KEYS["Enter"])
    assert browser.run("return document.activeElement.id") == "ranking"
    browser.type(KEYS["Tab"])
    seen = set()
    for _ in range(60):
        browser.type(KEYS["Tab"])
        seen.add(browser.run("return document.activeElement.id || document.activeElement.tagName"))
    assert "INPUT" in seen, "the rows can be selected"


def test_every_control_has_a_name_and_every_picture_a_table(open_page) -> None:
    browser = open_page("#pin=gelu,relu&table=mlp-full")
    nameless = browser.run(
        "const all = 'button, input, select, [role=img], [role=application]';"
        "const named = (e) => e.getAttribute('aria-label') || e.textContent.trim()"
        "|| e.labels?.length;"
        "return [...document.querySelectorAll(all)].filter((e) => !named(e))"
        ".map((e) => e.outerHTML)"
    )
    assert nameless == []
    for place in ("learning-table", "spectrum-table"):
        browser.click(f"#{place} summary")
        assert browser.wait(f"return document.querySelectorAll('#{place} td').length") > 8
    assert browser.run("return document.querySelectorAll('#ranking th[scope=col]').length") >= 5


def test_on_a_telephone(open_page, browser: Browser) -> None:
    browser.resize(390, 844)
    try:
        open_page("#pin=gelu,relu&table=mlp-full")
        assert browser.run("return innerWidth") == 390
        wide = "return document.documentElement.scrollWidth"
        assert browser.run(wide) <= 390, "nothing sticks out"
        browser.click("#find")
        browser.type("mish" + KEYS["Enter"])
        assert browser.run(f"return {ROOT}.pins") == "gelu,20,mish"
        browser.click("#show-scatter")
        assert browser.wait(f"return {ROOT}.shown") != "0"
        assert browser.run(wide) <= 390
    finally:
        browser.resize(1300, 860)
