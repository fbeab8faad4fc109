"""The page of ``act-bench explore``: its size, and how soon it can be used in headless Chromium.

*First interaction* is when the map with all 2,913 functions and the ranking are drawn and answer
the mouse, in milliseconds from the start of navigation as the page itself counts them; *hover* is
what drawing a function's curve, facts and accuracies beside those of ReLU takes once the mouse is
on it; *rested* is that with learning curves, spectra and neighbors, which follow when the mouse
stays for 60 ms. Medians of several openings from disk. Needs chromium and chromedriver.

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
select(20);
const times = [];
for (let index = 0; index < 50; index++) {
  const begin = performance.now();
  preview(index * 20);
  times.push(performance.now() - begin);
}
const all = performance.now();
details.draw();
return [times.sort((a, b) => a - b)[25], performance.now() - all];
"""
VIEWS = {
    "light": "table=mlp-full&pin=gelu,relu,selu&theme=light",
    "dark": "table=cnn-proxy&map=union&pin=20,23,12&theme=dark",
    "scatter": "table=mlp-full&plot=scatter&against=cnn-proxy@tuned&pin=elu,relu,tanh",
    "search": "table=mlp-full&theme=light",
    "comparison": "table=mlp-full&pin=gelu,relu&theme=light",
    "390": "table=mlp-full&pin=gelu&theme=light",
}
AFTERWARDS = {
    "search": "document.getElementById('find').value = 'softplus'; finder.search()",
    "comparison": "document.getElementById('everywhere-side').scrollIntoView()",
}


def main() -> None:
    """Render, open and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--screenshots", type=Path, help="Write the pictures of the docs here.")
    arguments = parser.parse_args()
    if MISSING:
        print(f"not measured: {MISSING}")
        return
    with tempfile.TemporaryDirectory() as temporary:
        page = Path(temporary) / "act-bench.html"
        page.write_text(render(collect()), encoding="utf-8")
        print(f"size: {page.stat().st_size / 1e6:.2f} MB")
        with headless(Path(temporary) / "profile") as browser:
            ready, hover, rest = [], [], []
            for _ in range(arguments.turns):
                browser.open(page.as_uri())
                ready.append(
                    float(str(browser.run("return document.documentElement.dataset.ready")))
                )
                near, everything = str(browser.run(HOVER)).strip("[]").split(",")
                hover.append(float(near))
                rest.append(float(everything))
            print(
                f"first interaction: {statistics.median(ready):.0f} ms ({arguments.turns} openings)"
            )
            print(
                f"hover: {statistics.median(hover):.1f} ms, {statistics.median(rest):.1f} ms rested"
            )
            report(
                [
                    Figure("page of explore, first interaction", statistics.median(ready), "ms"),
                    Figure("page of explore, hover", statistics.median(hover), "ms"),
                ]
            )
            for name, view in VIEWS.items() if arguments.screenshots else ():
                browser.resize(*((390, 844) if name == "390" else (1440, 860)))
                browser.open(f"{page.as_uri()}#{view}")
                browser.run(AFTERWARDS.get(name, ""))
                browser.picture(arguments.screenshots / f"explore-{name}.png")


if __name__ == "__main__":
    main()
