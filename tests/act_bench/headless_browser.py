"""A headless Chromium, for tests of the explore page and its benchmark."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
MISSING = "needs chromium and chromedriver" if CHROMIUM is None or DRIVER is None else ""


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
        for _ in range(1200):  # a minute: other tests may have the cores
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

    def screenshot(self, file: Path) -> None:
        """Write what the window shows as PNG."""
        file.write_bytes(base64.b64decode(str(self.send("GET", "/screenshot"))))


@contextmanager
def headless(folder: Path) -> Iterator[Browser]:
    """Yield a browser with its profile in ``folder``; end it and its driver."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        [str(DRIVER), f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            try:
                urlopen(f"http://127.0.0.1:{port}/status", timeout=5).close()
                break
            except (URLError, OSError):
                time.sleep(0.05)
        opened = Browser(port, folder)
        yield opened
        opened.send("DELETE", "")
    finally:
        driver.terminate()
        driver.wait(10)
