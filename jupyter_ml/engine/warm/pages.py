"""Memory in large pages: a fork copies one entry for each page, and its end takes them back.

Of two hundred megabytes in pages of 4 KiB, that is half of what a fork and its end cost.
Linux joins pages that are there already when it is asked to (since 6.1); where it cannot, or
the administrator wants no large pages, nothing changes.

Standard library only: zygotes import it.
"""

from __future__ import annotations

import ctypes
import mmap
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGE = 2 << 20
_COLLAPSE = 25  # MADV_COLLAPSE, which Python has no name for yet
_SETTING = "/sys/kernel/mm/transparent_hugepage/enabled"
# Memory that belongs to no file: what Python and libraries have allocated.
_ALLOCATED = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0 +(?:\[heap\])?$")


def join() -> None:
    """Have what this process has allocated in large pages, where most of one is in use."""
    if not is_wanted():
        return
    library = ctypes.CDLL(None)
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    library.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    count = _LARGE // mmap.PAGESIZE
    used = ctypes.create_string_buffer(count)
    for address in _places():
        # An empty part would become memory that is held.
        if library.mincore(address, _LARGE, used) == 0 and sum(used.raw) > count // 2:
            library.madvise(address, _LARGE, _COLLAPSE)


def is_wanted() -> bool:
    """Whether this system has large pages that are not switched off."""
    try:
        with open(_SETTING, encoding="ascii") as file:
            return "[never]" not in file.read()
    except OSError:
        return False


def _places() -> Iterator[int]:
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        lines = file.readlines()
    for line in lines:
        if found := _ALLOCATED.match(line):
            first, end = (int(text, 16) for text in found.groups())
            yield from range(-(-first // _LARGE) * _LARGE, end - _LARGE + 1, _LARGE)
