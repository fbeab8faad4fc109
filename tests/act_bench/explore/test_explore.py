"""The explore page: its data, that it fetches nothing, and its behavior in headless Chromium."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from act_bench import explore
from act_bench.cli.explore import command
from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from act_bench.tables.loaders import load_table
from act_bench.tables.maps import load_map
from act_bench.tables.spectra import LayerSize, Spectra, load_spectra
from tests.act_bench.headless_browser import MISSING, Browser, headless


@pytest.fixture(scope="module")
def data() -> explore.Payload:
    return explore.collect()


@pytest.fixture(scope="module")
def page(data: explore.Payload, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "act-bench.html"
    file.write_text(explore.render(data), encoding="utf-8")
    return file


def unpacked(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype).astype(int)


def test_curves_are_the_functions(data: explore.Payload) -> None:
    steps = unpacked(data["curves"], "<i2").reshape(2913, -1)
    grid = np.linspace(-5, 5, steps.shape[1])
    rng = np.random.default_rng(0)
    for entry in rng.choice(2913, 100, replace=False):
        truth = parse(data["expressions"][entry]).to_numpy()(grid)
        shown = steps[entry] * data["curveLimit"] / data["curveSteps"]
        inside = np.abs(truth) <= 5
        assert np.abs(shown[inside] - truth[inside]).max(initial=0) <= 5 / 8000
        outside = ~(np.abs(truth) <= 5 * (1 + 1 / data["curveSteps"]))  # undefined ones too
        assert (np.abs(steps[entry][outside]) > data["curveSteps"]).all()


def test_metrics_are_those_of_the_table(data: explore.Payload) -> None:
    table = load_table("mlp")
    shown = data["tables"]["mlp-full"]
    assert [data["outcomes"][code] for code in shown["outcome"]] == table["outcome"].to_list()
    for name in explore.SHOWN:
        for ours, theirs in zip(shown["metrics"][name], table[name], strict=True):
            assert ours == (None if theirs is None else pytest.approx(theirs, rel=6e-5))


@pytest.mark.parametrize("table", ["mlp"])
def test_spectra_are_those_of_the_table(data: explore.Payload, table: str) -> None:
    shown = data["spectra"][table]
    spectra = load_spectra(table)
    assert shown["reason"] == [shown["reasons"].index(reason) for reason in spectra.reason]
    codes = unpacked(shown["codes"], "u1").reshape(
        spectra.valid.sum(), len(shown["layers"]), len(shown["shares"])
    )
    low, high = shown["low"], shown["high"]
    points = [round(share * 128 - 0.5) for share in shown["shares"]]
    assert points[0] == 0
    assert points[-1] == 127
    names = [layer.name for layer in spectra.layers]
    layers = [names.index(name) for name in shown["layers"]]
    truth = spectra.quantiles[spectra.valid][:, layers][:, :, points]
    np.testing.assert_array_equal(codes == 0, truth <= -100)
    drawn = np.where(codes > 0, low + (codes - 1) / 254 * (high - low), np.nan)
    nearest = np.where(truth > -100, np.clip(truth, low, high), np.nan)
    np.testing.assert_allclose(drawn, nearest, atol=0.51 * (high - low) / 254 + 1e-3)


def test_of_a_deep_network_some_layers_are_drawn() -> None:
    rng = np.random.default_rng(0)
    quantiles = np.sort(rng.normal(size=(4, 56, 128)).astype(np.float32), axis=2)
    quantiles[1] = np.nan
    layers = tuple(LayerSize(f"layer{i}", 100) for i in range(56))
    valid = np.array([True, False, True, True])
    packed = explore.pack_spectra(Spectra(layers, quantiles, valid, ("", "not finite", "", "")))
    assert (packed["layers"][0], packed["layers"][-1]) == ("layer0", "layer55")
    assert len(packed["layers"]) == explore.SPECTRUM_LAYERS
    assert packed["reason"] == [0, 1, 0, 0]
    assert unpacked(packed["codes"], "u1").size == 3 * 9 * 33


def test_the_map_places_every_entry_and_neighbours_are_alike(data: explore.Payload) -> None:
    places = np.column_stack([data["x"], data["y"]])
    assert places.shape == (2913, 2)
    assert np.isfinite(places).all()
    # Each entry's nearest in the map is nearer in outputs than a random other one, mostly.
    outputs = np.nan_to_num(np.clip(load_space().outputs, -10, 10))
    apart = np.square(places[:, None] - places[None]).sum(-1)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.argmin(1)
    other = np.random.default_rng(0).permutation(2913)
    near, far = (np.square(outputs - outputs[chosen]).sum(1) for chosen in (nearest, other))
    assert (near < far).mean() > 0.9


def test_the_page_is_one_file_that_fetches_nothing(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1</script>", text, flags=re.S)
    assert len(markup) < 10_000
    assert not re.search(r"<(link|img|iframe|object|embed)\b|\bsrc=|\bhref=|url\(", markup)
    assert "Licensed to the Apache Software Foundation" in text
    embedded = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert embedded
    assert len(json.loads(embedded[1])["expressions"]) == 2913


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "map.html"), "--json"])
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["bytes"] == (tmp_path / "map.html").stat().st_size
    missing = CliRunner().invoke(command, [str(tmp_path / "no" / "map.html")])
    assert missing.exit_code == 2


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if MISSING:
        pytest.skip(MISSING)
    with headless(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def lonely(data: explore.Payload) -> int:
    """An entry with no other one under the mouse."""
    places = np.column_stack([data["x"], data["y"]])
    apart = np.square(places[:, None] - places[None]).sum(-1)
    np.fill_diagonal(apart, np.inf)
    return int(apart.min(1).argmax())


def test_pointing_shows_and_clicking_pins(
    browser: Browser, page: Path, data: explore.Payload
) -> None:
    entry = lonely(data)
    browser.open(page.as_uri())
    assert browser.run("return document.documentElement.dataset.shown") == "2913"
    fits = "const d = document.documentElement; return d.scrollHeight <= d.clientHeight"
    assert browser.wait(fits), "the map takes the room there is, and no more"
    browser.point(entry, click=False)
    assert data["expressions"][entry] in str(
        browser.wait("return document.getElementById('facts').innerText")
    )
    assert browser.run("return document.documentElement.dataset.pins") == ""
    browser.point(entry, click=True)
    assert browser.wait("return document.documentElement.dataset.pins") == str(entry)
    assert f"pin={entry}" in str(browser.run("return location.hash"))
    browser.run("document.querySelector('#facts button').click()")
    assert browser.run("return document.documentElement.dataset.pins") == ""


def test_searching_filtering_and_comparing(
    browser: Browser, page: Path, data: explore.Payload
) -> None:
    browser.open(f"{page.as_uri()}#pin=20,23&search=Bessel_I0E( X )&theme=dark")
    hits = sum("bessel_i0e(x)" in name for name in data["expressions"])
    assert browser.run("return document.documentElement.dataset.shown") == str(hits)
    assert browser.run("return document.documentElement.dataset.theme") == "dark"
    facts = str(browser.run("return document.getElementById('facts').innerText"))
    assert data["expressions"][20] in facts
    assert data["expressions"][23] in facts
    browser.open(f"{page.as_uri()}#hide=diverged,missing")
    ok = data["tables"]["mlp-full"]["outcome"].count(0)
    assert browser.run("return document.documentElement.dataset.shown") == str(ok)
    browser.run("document.getElementById('theme').click()")
    for metric in explore.SHOWN:
        browser.run(
            f"const m = document.getElementById('metric'); m.value = '{metric}';"
            "m.onchange({target: m})"
        )
        assert metric in str(browser.run("return location.hash"))
        assert browser.run("return document.getElementById('low').textContent") != "no values"


def test_spectra_of_pinned_functions(browser: Browser, page: Path, data: explore.Payload) -> None:
    reason = data["spectra"]["mlp"]["reason"]
    without = next(entry for entry in range(2913) if reason[entry])
    browser.open(f"{page.as_uri()}#table=mlp-full&pin=20,23,{without}&layer=1")
    root = "document.documentElement.dataset"
    assert browser.run(f"return {root}.spectra") == "2", "one of the three has none"
    facts = str(browser.run("return document.getElementById('facts').innerText"))
    assert data["spectra"]["mlp"]["reasons"][reason[without]] in facts
    browser.run("document.querySelector('#facts button.link').click()")
    seen = "return document.querySelector('aside').scrollTop > 0"
    assert browser.wait(seen), "the link leads to the spectrum"
    series = (
        "return echarts.getInstanceByDom(document.getElementById('spectrum')).getOption()"
        ".series.map((one) => one.data.map((point) => point[1]))"
    )
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
    browser.run(
        "const layer = document.getElementById('layer'); layer.value = '2';"
        "layer.onchange({target: layer})"
    )
    assert "layer=2" in str(browser.run("return location.hash"))
    assert browser.run(series) != lines


def test_the_map_by_spectra(browser: Browser, page: Path, data: explore.Payload) -> None:
    root = "document.documentElement.dataset"
    on_it = sum(load_map("mlp", "fim").known.tolist())
    browser.open(f"{page.as_uri()}#table=mlp-full&map=fim&pin=20")
    assert browser.run(f"return {root}.shown") == str(on_it) != "2913"
    places = (
        "return echarts.getInstanceByDom(document.getElementById('map')).getOption()"
        ".series.find((one) => one.id === 'pins').data[0].value"
    )
    by_spectra = browser.run(places)
    assert by_spectra == pytest.approx([*load_map("mlp", "fim").places[20], 20], abs=5e-4)
    browser.run(
        "const map = document.getElementById('map-choice'); map.value = 'union';"
        "map.onchange({target: map})"
    )
    assert "map=union" in str(browser.run("return location.hash"))
    assert browser.run(places) != by_spectra
    browser.run(
        "const map = document.getElementById('map-choice'); map.value = 'outputs';"
        "map.onchange({target: map})"
    )
    assert browser.run(f"return {root}.shown") == "2913"
    assert browser.run(places) == [data["x"][20], data["y"][20], 20]


def test_a_broken_link_falls_back(browser: Browser, page: Path) -> None:
    browser.open(
        f"{page.as_uri()}#table=nope&metric=x&pin=99999,-1,a&hide=odd&layer=-7&map=sky&theme=blue"
    )
    assert browser.run("return document.documentElement.dataset.pins") == ""
    assert browser.run("return document.documentElement.dataset.shown") == "2913"
    assert browser.run("return document.getElementById('table').value") == "mlp-full"
