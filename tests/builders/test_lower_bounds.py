"""The constraints of `make test-oldest`, from pyproject.toml."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / ".ci" / "lower_bounds.py"
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
