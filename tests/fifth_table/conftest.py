"""What tests of a table of one's own share.

The module that registers the table is for other processes: here it would register it too.
"""

from collections.abc import Iterator

import pytest

from tests.fifth_table.reversed_table import NAME, make, registered

collect_ignore = ["fifth.py"]


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have the table that is searched by its loss, embedded."""
    made = tmp_path_factory.mktemp(NAME)
    with registered(made):
        make(made)
        yield
