"""The page, made once, and a browser to look at it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from act_bench import explore
from tests.act_bench.headless_browser import MISSING, REQUIRED, Browser, headless


@pytest.fixture(scope="session")
def data() -> explore.Payload:
    return explore.collect()


@pytest.fixture(scope="session")
def page(data: explore.Payload, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "act-bench.html"
    file.write_text(explore.render(data), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Skip where no browser is installed; fail there if ACT_BENCH_BROWSER=required."""
    if MISSING and REQUIRED:
        pytest.fail(MISSING)
    if MISSING:
        pytest.skip(MISSING)
    with headless(tmp_path_factory.mktemp("profile")) as opened:
        yield opened
