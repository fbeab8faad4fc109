"""The API reference builds, and has every module and every public name in it."""

from __future__ import annotations

import importlib.util
from importlib import import_module
from pathlib import Path

import pytest

import act_bench

ROOT = Path(__file__).parents[2]
PACKAGES = ("act_bench", "builders", "surrogates", "regenerate")


@pytest.fixture(scope="module")
def make_api():
    spec = importlib.util.spec_from_file_location("make_api", ROOT / "docs" / "make_api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_module_is_told_of_unless_a_library_is_missing(make_api):
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    names = make_api.modules()
    assert set(names) <= files
    for name in sorted(files - set(names)):  # a folder without __init__.py would be here too
        with pytest.raises(ModuleNotFoundError) as caught:
            import_module(name)
        assert caught.value.name.partition(".")[0] not in PACKAGES
    assert not [name for name in names if not import_module(name).__doc__]


def test_pages_have_the_public_names_and_sections(make_api, tmp_path):
    pytest.importorskip("pdoc")
    names = ["act_bench", "act_bench.tables.distances", "act_bench.spaces.edits"]
    make_api.build(tmp_path, names)
    page = (tmp_path / "act_bench.html").read_text(encoding="utf-8")
    # A module has a page of its own.
    for name in set(act_bench.__all__) - {"optimizers"}:
        assert f'id="{name}"' in page
    page = (tmp_path / "act_bench" / "tables" / "distances.html").read_text(encoding="utf-8")
    assert 'id="fim_distances"' in page
    for heading in ("parameters", "returns", "examples"):
        assert f'<h6 id="{heading}' in page, "numpy sections are understood"
    assert (tmp_path / "act_bench" / "spaces" / "edits.html").exists()
