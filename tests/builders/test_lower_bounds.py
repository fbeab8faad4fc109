"""The constraints of `make test-oldest`, from pyproject.toml."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".ci" / "lower_bounds.py"
spec = importlib.util.spec_from_file_location("lower_bounds", FILE)
lower_bounds = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lower_bounds)


def test_every_dependency_has_one():
    found = lower_bounds.lower_bounds()
    assert found["pyarrow"] == "17.0.0"
    assert {"click", "numpy", "polars", "scikit-learn", "torch", "datasets", "pytest"} <= set(found)
    assert "act-bench" not in found


@pytest.mark.parametrize("requirement", ["polars", "polars<2", "polars>=1,>=2", "numpy>=2"])
def test_none_or_two_are_refused(tmp_path, requirement):
    file = tmp_path / "pyproject.toml"
    listed = f'["numpy>=1.26,!=2.1", "{requirement}"]'
    file.write_text(f'[project]\nname = "x"\ndependencies = {listed}\n')
    with pytest.raises(ValueError, match="expected one lower bound of"):
        lower_bounds.lower_bounds(file)


def release(version: str) -> list[int]:
    """The numbers of a version: trailing zeros mean nothing."""
    return [int(part) for part in re.sub(r"(\.0)+$", "", version).split(".")]


def test_what_is_pinned_has_every_bound():
    pins = dict(line.split("==") for line in lower_bounds.PINS.read_text().split())
    assert not [name for name in pins if name.startswith(("nvidia-", "cuda-"))]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    left_out = {"dev", "docs", "gpu-check", "release"}
    asked = [*project["dependencies"]]
    for extra, requirements in project["optional-dependencies"].items():
        asked += requirements if extra not in left_out else []
    names = {re.match(r"[\w-]+", requirement).group().lower() for requirement in asked}
    bounds = lower_bounds.lower_bounds()
    differ = {
        name: (bounds[name], pins.get(name))
        for name in names - {"act-bench"}
        if name not in pins or release(pins[name]) != release(bounds[name])
    }
    assert differ == {}, "make oldest-pins"


def test_what_torch_brings_is_left_out():
    given = ["nvidia-nvtx==1\n", "torch==2.13.0\n", "triton==3.7.1\n"]
    assert [*lower_bounds.portable(given)] == ["torch==2.13.0\n"]
