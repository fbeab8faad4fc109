"""The page in headless Chromium: how it answers the mouse, and links that name its state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from act_bench import explore
from act_bench.explore.packing import unpacked_floats
from act_bench.explore.views import tuned_columns
from act_bench.spaces.paper import load_space
from act_bench.tables.loaders import load_table
from act_bench.tables.maps import load_map
from act_bench.tables.registry import TABLES
from act_bench.tables.spectra import load_spectra
from tests.act_bench.headless_browser import Browser

ROOT = "document.documentElement.dataset"
NAMES = load_space().representatives


def lonely(data: explore.Payload) -> int:
    """An entry with no other one under the mouse."""
    both = [unpacked_floats(data["functions"][axis])[:2913].astype(float) for axis in ("x", "y")]
    places = np.column_stack(both)
    apart = np.square(places[:, None] - places[None]).sum(-1)
    np.fill_diagonal(apart, np.inf)
    return int(apart.min(1).argmax())


def test_pointing_shows_and_clicking_pins(
    browser: Browser, page: Path, data: explore.Payload
) -> None:
    entry = lonely(data)
    browser.open(page.as_uri())
    assert browser.run(f"return {ROOT}.shown") == "2913"
    fits = "const d = document.documentElement; return d.scrollHeight <= d.clientHeight"
    assert browser.wait(fits), "the map takes the room there is, and no more"
    browser.point(entry, click=False)
    assert NAMES[entry] in str(browser.wait("return document.getElementById('names').innerText"))
    assert browser.run(f"return {ROOT}.pins") == ""
    browser.point(entry, click=True)
    assert browser.wait(f"return {ROOT}.pins") == str(entry)
    assert f"pin={entry}" in str(browser.run("return location.hash"))
    browser.click("#names button.drop")
    assert browser.run(f"return {ROOT}.pins") == ""


def test_searching_filtering_and_comparing(
    browser: Browser, page: Path, data: explore.Payload
) -> None:
    browser.open(f"{page.as_uri()}#pin=20,23&search=Bessel_I0E( X )&theme=dark")
    hits = sum("bessel_i0e(x)" in name for name in NAMES)
    assert browser.run(f"return {ROOT}.shown") == str(hits)
    assert browser.run(f"return {ROOT}.theme") == "dark"
    names = str(browser.run("return document.getElementById('names').innerText"))
    assert NAMES[20] in names
    assert NAMES[23] in names
    browser.open(f"{page.as_uri()}#hide=diverged,missing")
    ok = load_table("mlp", columns=["outcome"])["outcome"].to_list().count("ok")
    assert browser.run(f"return {ROOT}.shown") == str(ok)
    browser.click("#theme")
    for metric in tuned_columns(TABLES["mlp"]):
        browser.choose("#metric", metric)
        assert metric in str(browser.run("return location.hash"))
        assert browser.run("return document.getElementById('low').textContent") != "no values"


def test_spectra_of_pinned_functions(browser: Browser, page: Path, data: explore.Payload) -> None:
    reason = data["spectra"]["mlp"]["reason"]
    without = next(entry for entry in range(2913) if reason[entry])
    browser.open(f"{page.as_uri()}#table=mlp-full&pin=20,23,{without}&layer=1")
    assert browser.run(f"return {ROOT}.spectra") == "2", "one of the three has none"
    facts = str(browser.run("return document.getElementById('facts').innerText"))
    assert data["spectra"]["mlp"]["reasons"][reason[without]] in facts
    series = "return charts.shown.spectrum.series.map((one) => one.data.map((point) => point[1]))"
    lines = browser.run(series)
    assert isinstance(lines, list)
    shown = data["spectra"]["mlp"]
    points = [round(share * 128 - 0.5) for share in shown["shares"]]
    for drawn, entry in zip(lines, (20, 23), strict=True):
        truth = load_spectra("mlp").quantiles[entry, 1, points]
        expected = [None if value <= -100 else value for value in truth.tolist()]
        assert [value is None for value in drawn] == [value is None for value in expected]
        apart = [abs(a - b) for a, b in zip(drawn, expected, strict=True) if a is not None]
        inside = shown["low"] <= min(v for v in expected if v is not None)
        assert max(apart) < 0.3 or not inside
    browser.choose("#layer", "2")
    assert "layer=2" in str(browser.run("return location.hash"))
    assert browser.run(series) != lines


def test_the_map_by_spectra(browser: Browser, page: Path) -> None:
    on_it = sum(load_map("mlp", "fim").known.tolist())
    browser.open(f"{page.as_uri()}#table=mlp-full&map=fim&pin=20")
    assert browser.run(f"return {ROOT}.shown") == str(on_it) != "2913"
    places = "return [plot.places.x[20], plot.places.y[20]]"
    by_spectra = browser.run(places)
    assert by_spectra == pytest.approx(load_map("mlp", "fim").places[20].tolist(), abs=5e-4)
    browser.choose("#map-choice", "union")
    assert "map=union" in str(browser.run("return location.hash"))
    assert browser.run(places) != by_spectra
    browser.choose("#map-choice", "outputs")
    assert browser.run(f"return {ROOT}.shown") == "2913"
    expected = load_map("mlp", "outputs").places[20].tolist()
    assert browser.run(places) == pytest.approx(expected, abs=5e-4)


def test_well_known_functions_are_named_on_every_map(browser: Browser, page: Path) -> None:
    for link in ("#map=outputs", "#map=fim", "#map=union&table=cnn-proxy", "#plot=scatter"):
        browser.open(page.as_uri() + link)
        labels = "return [...document.querySelectorAll('#labels span')].map((e) => e.innerText)"
        shown = browser.run(labels)
        assert isinstance(shown, list)
        assert len({"ELU", "ReLU", "SELU", "tanh", "sigmoid", "Softplus"} & set(shown)) >= 4, link


def test_a_broken_link_falls_back(browser: Browser, page: Path) -> None:
    browser.open(
        f"{page.as_uri()}#table=nope&metric=x&pin=99999,-1,a&hide=odd&layer=-7&map=sky&theme=blue"
        "&rate=7&plot=cube&against=x@y&zoom=1,0,a,5&sort=(x)&rows=7&page=999&shape=round&split=x"
    )
    assert browser.run(f"return {ROOT}.pins") == ""
    assert browser.run(f"return {ROOT}.shown") == "2913"
    assert browser.run("return document.getElementById('table').value") == "mlp-full"


def finger(name: str, kind: str, start: tuple[int, int], end: tuple[int, int]) -> dict[str, object]:
    """A pointer that goes from one place to another."""

    def move(to: tuple[int, int], duration: int) -> dict[str, object]:
        return {"type": "pointerMove", "duration": duration, "x": to[0], "y": to[1]}

    down, up = ({"type": word, "button": 0} for word in ("pointerDown", "pointerUp"))
    moves = [move(start, 0), down, move(end, 60), up]
    return {
        "type": "pointer",
        "id": name,
        "parameters": {"pointerType": kind},
        "actions": moves,
    }


def test_wheel_drag_and_two_fingers(browser: Browser, page: Path) -> None:
    browser.open(page.as_uri())
    inside = "const [x, y] = plot.pixel(20); return [Math.round(x), Math.round(y)]"
    box = browser.run(
        "const r = document.getElementById('map').getBoundingClientRect(); return [r.left, r.top]"
    )
    before, corner = browser.run(inside), box
    assert isinstance(before, list)
    assert isinstance(corner, list)
    at = (round(before[0] + corner[0]), round(before[1] + corner[1]))
    scroll = {"type": "scroll", "x": at[0], "y": at[1], "deltaX": 0, "deltaY": -600}
    browser.act({"type": "wheel", "id": "wheel", "actions": [scroll]})
    width = "return state.zoom ? state.zoom[1] - state.zoom[0] : 100"
    near = browser.wait(f"const w = (() => {{ {width} }})(); return w < 60 && w")
    assert browser.run(inside) == pytest.approx(before, abs=1.5), "what is pointed at stays"
    browser.act(finger("mouse", "mouse", at, (at[0] + 50, at[1] - 30)))
    moved = browser.run(inside)
    assert moved == pytest.approx([before[0] + 50, before[1] - 30], abs=1.5)
    assert browser.run(f"return {ROOT}.pins") == "", "to drag is not to select"
    browser.act(
        finger("one", "touch", (at[0] - 30, at[1]), (at[0] - 90, at[1])),
        finger("two", "touch", (at[0] + 30, at[1]), (at[0] + 90, at[1])),
    )
    nearer = browser.run(width)
    assert isinstance(near, float)
    assert isinstance(nearer, float)
    assert nearer < 0.6 * near
    browser.click("#zoom-reset")
    assert browser.run("return state.zoom") is None
    assert browser.run(inside) == before
