"""Memory that training frees and takes again."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")

TAKE = """
import ctypes
from regenerate.training.allocator import keep_freed_memory
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
refused = {refused}
if refused:
    plain = library.mallopt
    library.mallopt = lambda name, value: value < refused and plain(name, value)
    ctypes.CDLL = lambda _: library
keep_freed_memory()
maps = [library.malloc(8 << 20) for _ in range(40)]
print(*maps)
for address in maps:
    library.free(address)
print(library.malloc(8 << 20))
print(open("/proc/self/smaps").read())
"""


@pytest.mark.skipif(
    not THP.exists() or platform.libc_ver()[0] != "glibc", reason="no huge pages, or no glibc"
)
@pytest.mark.parametrize("refused", [0, (1 << 25) + 1])
def test_feature_maps_lie_where_huge_pages_are_asked_for(refused: int) -> None:
    """Also with an old C library, which refuses to keep blocks of more than 32 MiB."""
    done = subprocess.run(
        [sys.executable, "-c", TAKE.format(refused=refused)],
        check=True,
        capture_output=True,
        text=True,
    )
    first, again, smaps = done.stdout.split("\n", 2)
    advised = []
    for region in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", smaps):
        start, end = (int(word, 16) for word in region.split()[0].split("-"))
        if re.search(r"^VmFlags:.*\bhg\b", region, re.MULTILINE):
            advised.append(range(start, end))
    addresses = [int(word) for word in first.split()]
    assert len(addresses) == 40
    for address in (*addresses, int(again)):
        assert any(address in region and address + (8 << 20) in region for region in advised)
