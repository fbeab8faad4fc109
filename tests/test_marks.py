"""Tests that need what is not here are skipped, or fail where they are required."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("required", "outcome"),
    [
        ("", pytest.skip.Exception),
        ("gpu", pytest.skip.Exception),
        ("triton", pytest.fail.Exception),
        ("gpu,triton", pytest.fail.Exception),
    ],
)
def test_a_mark_skips_or_fails(
    required: str,
    outcome: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> None:
    plugins = pytestconfig.pluginmanager.get_plugins()
    (conftest,) = (each for each in plugins if hasattr(each, "NEEDS"))
    monkeypatch.setenv(conftest.REQUIRED, required)
    marked: Any = SimpleNamespace(get_closest_marker=lambda name: name == "triton" or None)
    monkeypatch.setitem(conftest.NEEDS, "triton", (lambda: False, "a compiler"))
    with pytest.raises(outcome, match=r"(needs|lacks) a compiler"):
        conftest.pytest_runtest_setup(marked)
    monkeypatch.setitem(conftest.NEEDS, "triton", (lambda: True, "a compiler"))
    conftest.pytest_runtest_setup(marked)
