"""The page of ``act-bench explore``: its size, and how soon it can be used in headless Chromium.

*First interaction* is when the map with all 2,913 functions is drawn and answers the mouse, in
milliseconds from the start of navigation as the page itself counts them; *hover* is what drawing a
function's curve, spectrum and facts takes once the mouse is on it. Medians of several openings from
disk. Needs chromium and chromedriver.

    python -m benchmarks.explore [--turns 5] [--screenshots FOLDER]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from act_bench.explore import collect, render
from benchmarks.budget import Figure, report
from tests.act_bench.headless_browser import MISSING, headless

HOVER = """
const map = echarts.getInstanceByDom(document.getElementById("map"));
const times = [];
for (let index = 0; index < 50; index++) {
  const begin = performance.now();
  map.dispatchAction({ type: "highlight", seriesId: "ok", dataIndex: index * 20 });
  map.trigger("mouseover", { value: [0, 0, index * 20] });
  times.push(performance.now() - begin);
}
return times.sort((a, b) => a - b)[25];
"""
VIEWS = {
    "light": "pin=20,23,12,2&theme=light",
    "dark": "map=union&pin=20,23,12,1500&layer=1&theme=dark",
}


def main() -> None:
    """Render, open and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--screenshots", type=Path, help="Write pictures, light and dark, here.")
    arguments = parser.parse_args()
    if MISSING:
        print(f"not measured: {MISSING}")
        return
    with tempfile.TemporaryDirectory() as temporary:
        page = Path(temporary) / "act-bench.html"
        page.write_text(render(collect()), encoding="utf-8")
        print(f"size: {page.stat().st_size / 1e6:.2f} MB")
        with headless(Path(temporary) / "profile") as browser:
            ready, hover = [], []
            for _ in range(arguments.turns):
                browser.open(page.as_uri())
                ready.append(
                    float(str(browser.run("return document.documentElement.dataset.ready")))
                )
                hover.append(float(str(browser.run(HOVER))))
            print(
                f"first interaction: {statistics.median(ready):.0f} ms ({arguments.turns} openings)"
            )
            print(f"hover: {statistics.median(hover):.1f} ms")
            report(
                [
                    Figure("page of explore, first interaction", statistics.median(ready), "ms"),
                    Figure("page of explore, hover", statistics.median(hover), "ms"),
                ]
            )
            for name, view in VIEWS.items() if arguments.screenshots else ():
                browser.open(f"{page.as_uri()}#{view}")
                arguments.screenshots.mkdir(parents=True, exist_ok=True)
                browser.screenshot(arguments.screenshots / f"{name}.png")
                browser.run("document.getElementById('spectrum-side').scrollIntoView()")
                browser.screenshot(arguments.screenshots / f"{name}-spectrum.png")


if __name__ == "__main__":
    main()
