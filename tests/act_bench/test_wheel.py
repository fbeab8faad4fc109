"""The wheel: its packages, its data, its types. Built without network."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from act_bench.files.manifest import read_manifest

ROOT = Path(__file__).parents[2]
PACKAGES = {"act_bench", "builders", "surrogates", "regenerate"}


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel of this source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*build, str(ROOT)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_top_level_names(content):
    tops = {name.partition("/")[0] for name in content}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_every_package_is_typed(content):
    assert {f"{package}/py.typed" for package in PACKAGES} <= content


def test_data_are_in(content):
    data = {f"act_bench/data/{name}" for name in ("manifest.json", *read_manifest())}
    assert data <= content


def test_card_is_in(content):
    """It becomes the README of an export, so an installed package needs it."""
    assert "act_bench/DATASET_CARD.md" in content, (
        "pyproject.toml, [tool.hatch.build.targets.wheel], must have "
        'force-include = { "DATASET_CARD.md" = "act_bench/DATASET_CARD.md" }'
    )


def test_no_tests_and_no_caches(content):
    assert not {name for name in content if "test_" in name or "__pycache__" in name}


def test_both_licences_are_in(content):
    licences = {Path(name).name for name in content if "/licenses/" in name}
    assert licences == {"LICENSE", "LICENSE-DATA"}
