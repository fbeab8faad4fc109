"""The picture of the architecture, from the import contracts in pyproject.toml.

    python -m builders.reports.architecture

Writes docs/images/architecture.svg: one strip per package, one box per layer, an arrow from what
imports to what is imported. The contracts are what ``make lint`` checks, so the picture says what
holds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[2]
PICTURE: Final = ROOT / "docs" / "images" / "architecture.svg"
SAYS: Final = {
    "act_bench.cli": "one file per command; imports what a command needs when it is called",
    "builders": "how each embedded file and each generated page is made",
    "surrogates": "optimizers, regressors, simulated and live search",
    "regenerate": "networks, recipes, training, sweeps, Fisher spectra",
    "act_bench": "the data: functions, spaces, tables, search on a clock",
}
WIDTH, MARGIN, LINE, PAD = 980, 16, 22, 10
GAP = 26  # between boxes, where the arrow is
LETTER = 7.3  # width of a letter at 12 pixels
STYLE = """
  text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #1b1f24 }
  .name { font-weight: 600; font-size: 14px } .says { fill: #57606a }
  .strip { fill: #f6f8fa; stroke: #d0d7de } .box { fill: #ffffff; stroke: #0072b2 }
  .arrow { stroke: #57606a; fill: none; marker-end: url(#head) }
"""

Layers = Sequence[Sequence[str]]


def contracts(pyproject: Path = ROOT / "pyproject.toml") -> tuple[list[str], dict[str, Layers]]:
    """Return the packages from top to bottom, and the layers of each; parts of a layer are equals.

    Examples
    --------
    >>> packages, layers = contracts()
    >>> packages[:2], packages[-1]
    (['act_bench.cli', 'builders'], 'act_bench')
    >>> layers["regenerate"][0]
    ('grafs',)
    """
    listed = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]
    packages: list[str] = []
    layers: dict[str, list[tuple[str, ...]]] = {}
    for contract in listed["contracts"]:
        if contract["type"] != "layers":
            continue
        containers = contract.get("containers", [])
        for layer in contract["layers"]:
            parts = tuple(part.strip(" ()") for part in layer.split("|"))
            if containers:
                layers.setdefault(containers[0], []).append(parts)
                continue
            package, _, part = parts[0].partition(".")
            if not part or part == "cli":
                packages.append(parts[0])
                continue
            layers.setdefault(package, []).append(tuple(name.split(".")[-1] for name in parts))
    packages += [package for package in layers if package not in packages]
    return packages, dict(layers)


def draw(packages: Sequence[str], layers: Mapping[str, Layers]) -> str:
    """Return the picture as SVG."""
    body: list[str] = []
    y = MARGIN
    for position, package in enumerate(packages):
        strip, height = _strip(package, layers.get(package, ()), y)
        body += strip
        y += height
        if position < len(packages) - 1:
            body.append(_arrow(WIDTH / 2, y, WIDTH / 2, y + GAP - 4))
            y += GAP
    height = y + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img">\n'
        "<title>Packages of Act-Bench and their layers; arrows point from what imports to what "
        "is imported</title>\n"
        f"<style>{STYLE}</style>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
    )
    return head + "\n".join(body) + "\n</svg>\n"


def _strip(package: str, layers: Layers, top: int) -> tuple[list[str], int]:
    """Return the strip of a package, and its height."""
    inside: list[str] = []
    x, y, tallest = MARGIN + PAD, top + 2 * LINE, 0
    for position, (parts, wide) in enumerate(_boxes(layers)):
        if x + wide > WIDTH - MARGIN - PAD:
            x, y, tallest = MARGIN + PAD + GAP, y + tallest + PAD, 0
        high = LINE * len(parts) + PAD
        if position:
            inside.append(_arrow(x - GAP, y + LINE / 2 + PAD / 2, x - 2, y + LINE / 2 + PAD / 2))
        inside.append(f'<rect class="box" x="{x}" y="{y}" width="{wide}" height="{high}" rx="4"/>')
        for line, part in enumerate(parts):
            inside.append(_text(x + PAD, y + LINE * (line + 1) - 2, part))
        x, tallest = x + wide + GAP, max(tallest, high)
    height = (y + tallest + PAD if layers else y) - top
    heading = f'<tspan class="name">{escape(package)}</tspan> '
    heading += f'<tspan class="says" dx="6">{escape(SAYS.get(package, ""))}</tspan>'
    return [
        (
            f'<rect class="strip" x="{MARGIN}" y="{top}" width="{WIDTH - 2 * MARGIN}" '
            f'height="{height}" rx="6"/>'
        ),
        f'<text x="{MARGIN + PAD}" y="{top + LINE}">{heading}</text>',
        *inside,
    ], height


def _boxes(layers: Layers) -> Iterator[tuple[Sequence[str], int]]:
    for parts in layers:
        yield parts, round(max(map(len, parts)) * LETTER) + 2 * PAD


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path class="arrow" d="M{x:g} {y:g}L{to_x:g} {to_y:g}"/>'


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(draw(*contracts()), encoding="utf-8")
    print(PICTURE)


if __name__ == "__main__":
    main()
