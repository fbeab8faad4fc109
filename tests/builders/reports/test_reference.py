"""The generated pages of the reference say what the code says now."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from act_bench.functions.operators import ALL_OPERATORS
from builders.reports.pages import REPORTS
from builders.reports.reference import operators
from builders.reports.reference.thumbnails import REACH, picture


def test_the_page_and_the_pictures_are_current() -> None:
    assert operators.PAGE.read_text("utf-8") == operators.page(), (
        "python -m builders.reports --only operators"
    )
    made = operators.pictures()
    assert {path: path.read_text("utf-8") for path in operators.PICTURES.glob("*.svg")} == made


def test_every_operator_is_on_the_page_once() -> None:
    listed = [name for _, _, names in operators.GROUPS for name in names]
    assert sorted(listed) == sorted(ALL_OPERATORS)


@pytest.mark.parametrize("name", ["relu", "reciprocal", "sqrt", "tanh", "pow"])
def test_a_picture_has_the_curve(name: str) -> None:
    """Every drawn point is one of the function, to the pixel; none is outside by more than half."""
    root = ET.fromstring(picture(ALL_OPERATORS[name]))  # noqa: S314  (our own)
    side = float(root.attrib["width"])
    lines = root.findall(".//{*}polyline")
    values = (-1.0, 1.0, 2.0) if name == "pow" else (0.0,)
    assert lines
    for line in lines:
        points = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
        x, y = (np.array(axis) * 2 * REACH / side - REACH for axis in zip(*points, strict=True))
        with np.errstate(all="ignore"):
            curves = [
                ALL_OPERATORS[name].numpy(*((x, np.full_like(x, v)) if name == "pow" else (x,)))
                for v in values
            ]
        # A tenth of a pixel each way, and the slope times a tenth of a pixel across.
        assert min(np.nanmax(np.abs(-y - curve)) for curve in curves) < 0.5
        assert np.abs(y).max() <= 1.5 * REACH + 0.1


def test_a_domain_without_words_is_an_error() -> None:
    odd = ALL_OPERATORS["relu"].__class__(
        "odd", 1, "sqrt(1 - x^2)", numpy=lambda x: np.sqrt(1 - x * x)
    )
    with pytest.raises(ValueError, match="odd: its domain"):
        operators.domain(odd)


def test_pages_link_only_to_pictures_that_are_there() -> None:
    named = re.findall(r"\]\(\.\./images/operators/([^)]*)\)", operators.PAGE.read_text("utf-8"))
    assert {path.name for path in operators.PICTURES.iterdir()} == set(named)


def test_both_pages_are_registered() -> None:
    modules = {report.module for report in REPORTS}
    assert {"builders.reports.reference.operators", "act_bench.cli._reference"} <= modules
    assert Path(operators.__file__).is_file()
