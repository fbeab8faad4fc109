"""Draw the pictures of the site that the documentation shows, in headless Chromium.

    python -m docs.site.pictures output/docs docs/images

Needs the site, which ``make docs`` builds, chromium and chromedriver.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.act_bench.headless_browser import MISSING, headless

PAGES = {
    "home": "README.html",
    "search": "search.html?q=spectrum",
    "api": "api/act_bench/act_bench.search.benchmark.html",
}
SIZE = (960, 675)


def main() -> None:
    """Open each page and keep what the window shows."""
    site, images = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    if MISSING:
        raise SystemExit(MISSING)
    if not (site / "README.html").exists():
        raise SystemExit(f"{site} has no site: make docs")
    with (
        tempfile.TemporaryDirectory() as folder,
        headless(Path(folder) / "profile") as browser,
    ):
        browser.resize(*SIZE)
        for name, page in PAGES.items():
            browser.send("POST", "/url", {"url": f"{site.as_uri()}/{page}"})
            browser.wait("return document.readyState === 'complete'")
            if name == "search":
                browser.wait("return document.body.innerText.includes('Search finished')")
            browser.picture(images / f"site-{name}.png")


if __name__ == "__main__":
    main()
