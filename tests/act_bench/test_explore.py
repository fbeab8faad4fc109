"""The explore page: its data, that it fetches nothing, and its behaviour in headless Chromium."""

from __future__ import annotations

import base64
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from click.testing import CliRunner

from act_bench import explore
from act_bench.cli.explore import command
from act_bench.expression import parse
from act_bench.space import load_space
from act_bench.tables import load_table

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that the WebDriver standard names


@pytest.fixture(scope="module")
def data() -> explore.Payload:
    return explore.collect()


@pytest.fixture(scope="module")
def page(data: explore.Payload, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "act-bench.html"
    file.write_text(explore.render(data), encoding="utf-8")
    return file


def test_curves_are_the_functions(data: explore.Payload) -> None:
    steps = np.frombuffer(base64.b64decode(data["curves"]), "<i2").astype(int).reshape(2913, -1)
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


class Browser:
    """A headless Chromium, spoken to in the WebDriver protocol."""

    def __init__(self, port: int, folder: Path) -> None:
        self.root = f"http://127.0.0.1:{port}"
        flags = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
            "--disable-background-networking --disable-component-update --disable-sync "
            f"--window-size=1300,860 --user-data-dir={folder}"
        )
        options = {"args": flags.split(), "binary": CHROMIUM}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        created = self.send("POST", "/session", wanted)
        assert isinstance(created, dict)
        self.root += f"/session/{created['sessionId']}"

    def send(self, method: str, path: str, body: object = None) -> object:
        text = None if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"}
        request = Request(self.root + path, text, kind, method=method)  # noqa: S310
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)["value"]

    def run(self, script: str) -> object:
        return self.send("POST", "/execute/sync", {"script": script, "args": []})

    def open(self, url: str) -> None:
        self.send("POST", "/url", {"url": "about:blank"})
        self.send("POST", "/url", {"url": url})
        self.wait("return document.documentElement.dataset.ready")

    def wait(self, script: str) -> object:
        for _ in range(300):
            found = self.run(script)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}")

    def point(self, entry: int, *, click: bool) -> None:
        """Move the mouse over an entry of the map, and click it if asked."""
        place = self.run(
            "const box = document.getElementById('map'), d = JSON.parse(document.getElementById("
            "'data').textContent), at = echarts.getInstanceByDom(box).convertToPixel({xAxisIndex: "
            f"0, yAxisIndex: 0}}, [d.x[{entry}], d.y[{entry}]]), r = box.getBoundingClientRect();"
            "return [Math.round(at[0] + r.left), Math.round(at[1] + r.top)];"
        )
        assert isinstance(place, list)
        moves: list[dict[str, object]] = [
            {"type": "pointerMove", "duration": 0, "x": place[0] + shift, "y": place[1]}
            for shift in (40, 0)
        ]
        if click:
            moves += [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        actions = [{"type": "pointer", "id": "mouse", "actions": moves}]
        self.send("POST", "/actions", {"actions": actions})


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs chromium and chromedriver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            try:
                urlopen(f"http://127.0.0.1:{port}/status", timeout=5).close()
                break
            except (URLError, OSError):
                time.sleep(0.05)
        opened = Browser(port, tmp_path_factory.mktemp("profile"))
        yield opened
        opened.send("DELETE", "")
    finally:
        driver.terminate()
        driver.wait(10)


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


def test_a_broken_link_falls_back(browser: Browser, page: Path) -> None:
    browser.open(f"{page.as_uri()}#table=nope&metric=x&pin=99999,-1,a&hide=odd&theme=blue")
    assert browser.run("return document.documentElement.dataset.pins") == ""
    assert browser.run("return document.documentElement.dataset.shown") == "2913"
    assert browser.run("return document.getElementById('table').value") == "mlp-full"
