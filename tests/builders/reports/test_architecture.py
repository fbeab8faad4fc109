"""The picture of the architecture is that of the contracts that `make lint` checks."""

from __future__ import annotations

from xml.etree import ElementTree

from builders.reports.architecture import PICTURE, contracts, draw


def test_the_picture_is_the_one_that_the_contracts_give() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    assert picture == draw(*contracts()), "run `python -m builders.reports.architecture`"


def test_every_layer_is_drawn() -> None:
    packages, layers = contracts()
    root = ElementTree.fromstring(draw(packages, layers))  # noqa: S314  (our own)
    texts = {"".join(text.itertext()).split()[0] for text in root.findall(".//{*}text")}
    assert texts == {*packages, *(part for each in layers.values() for row in each for part in row)}
    # One arrow from each package to the next, and from each layer to the next.
    arrows = [path for path in root.findall(".//{*}path") if path.get("class") == "arrow"]
    assert len(arrows) == len(packages) - 1 + sum(len(each) - 1 for each in layers.values())
