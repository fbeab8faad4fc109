"""What the tests of an export share."""

from __future__ import annotations

from pathlib import Path

import pytest

from act_bench.publishing.export import export


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an export of all that is embedded; not to be changed."""
    folder = tmp_path_factory.mktemp("exported") / "act-bench"
    export(folder)
    return folder
