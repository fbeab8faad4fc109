"""What no change of the layout may change: the functions that train, and what optimizers ask."""

import importlib.util
from pathlib import Path

import pytest

from act_bench.search.verify import verify
from act_bench.spaces.paper import load_space
from surrogates.searches.single import rerun

FOLDER = Path(__file__).parent
SHARES = 6


def load_make():
    """The module beside this one that writes the fixtures; it is a script, in no package."""
    spec = importlib.util.spec_from_file_location("guard_make", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("share", range(SHARES))
def test_every_entry_is_tabulated_as_it_was(share):
    make = load_make()
    hashes = make.HASHES.read_text(encoding="ascii").split()
    representatives = load_space().representatives
    assert len(hashes) == len(representatives)
    chosen = range(share, len(hashes), SHARES)
    changed = [
        representatives[entry]
        for entry in chosen
        if make.table_digest(representatives[entry]) != hashes[entry]
    ]
    assert changed == []


@pytest.mark.parametrize(
    "path",
    sorted(FOLDER.glob("traces/*/*.jsonl")),
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_every_optimizer_asks_as_it_did(path):
    checks = {check.name: check for check in verify(path, rerun=rerun)}
    assert {
        name: (check.passed, check.detail) for name, check in checks.items() if not check.passed
    } == {}
