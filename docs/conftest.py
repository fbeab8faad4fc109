"""Tutorials and how-tos run in a folder and with a cache of their own."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parent


@pytest.fixture(autouse=True)
def own_folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let such a page begin in an empty folder, but for the file that it says one has."""
    if request.path.parent not in (DOCS / "tutorials", DOCS / "how-to"):
        yield
        return
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    if request.path.stem == "import-upstream":
        files = runpy.run_path(str(DOCS.parent / "tests" / "builders" / "upstream_files.py"))
        files["write_upstream"](Path("act-bench-cnn.json"))
    if request.path.stem != "your-network":
        yield
        return
    # Its network is so small that a second thread would wait more than it works.
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
