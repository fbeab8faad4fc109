"""A headless Chromium, for tests of the explore page and its benchmark."""

from __future__ import annotations

import base64
import json
import os
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
KEYS = {
    "Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c",
    "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015",
}  # fmt: skip
REQUIRED = os.environ.get("ACT_BENCH_BROWSER") == "required"
"""Whether tests fail where no browser is installed, and do not skip."""
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
        self.wait("return document.documentElement.dataset.complete")

    def wait(self, script: str) -> object:
        for _ in range(1200):  # a minute: other tests may have the cores
            found = self.run(script)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}")

    def point(self, number: int, *, click: bool) -> None:
        """Move the mouse over a function on the plot, and click it if asked."""
        place = self.run(
            f"const at = plot.pixel({number}), r = document.getElementById('map')"
            ".getBoundingClientRect(); return [at[0] + r.left, at[1] + r.top];"
        )
        assert isinstance(place, list)
        self._mouse(place[0], place[1], click=click)

    def click(self, selector: str) -> None:
        """Click the middle of an element, where something else may not lie over it."""
        place = self.run(
            f"const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const r = e.getBoundingClientRect();"
            "return [r.left + r.width / 2, r.top + r.height / 2]"
        )
        assert isinstance(place, list)
        self._mouse(place[0], place[1], click=True)

    def choose(self, selector: str, value: str) -> None:
        """Choose in a list of choices."""
        self.run(
            f"const e = document.querySelector({json.dumps(selector)}); e.value = "
            f"{json.dumps(value)}; e.dispatchEvent(new Event('change', {{bubbles: true}}))"
        )

    def type(self, text: str) -> None:
        """Press keys, where the keyboard is; `KEYS` has those that are no letters."""
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.send("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": keys}]})

    def resize(self, width: int, height: int) -> None:
        """Show the page as on a device of this size, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        command = {"cmd": "Emulation.setDeviceMetricsOverride", "params": size}
        self.send("POST", "/goog/cdp/execute", command)

    def act(self, *sources: dict[str, object]) -> None:
        """Perform actions of several input devices at once, as the WebDriver protocol has them."""
        self.send("POST", "/actions", {"actions": list(sources)})

    def _mouse(self, x: float, y: float, *, click: bool) -> None:
        moves: list[dict[str, object]] = [
            {"type": "pointerMove", "duration": 0, "x": round(x) + shift, "y": round(y)}
            for shift in (-1, 0)
        ]
        if click:
            moves += [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        actions = [{"type": "pointer", "id": "mouse", "actions": moves}]
        self.send("POST", "/actions", {"actions": actions})

    def screenshot(self, file: Path) -> None:
        """Write what the window shows as PNG."""
        file.write_bytes(base64.b64decode(str(self.send("GET", "/screenshot"))))

    def picture(self, file: Path) -> None:
        """Write the same for the documentation, with 256 colors."""
        from PIL import Image

        file.parent.mkdir(parents=True, exist_ok=True)
        self.screenshot(file)
        with Image.open(file) as shown:
            few = shown.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
        few.save(file, optimize=True)


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
