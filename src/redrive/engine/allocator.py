"""Has the C library give memory back that large payloads took, where it is glibc.

Payloads pass through many threads in pieces of a megabyte. By default each thread gets an arena of its
own, keeps what was freed in it, and such pieces come from there after the first: the process stays as
large as all threads together have ever been.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
ARENAS: Final = 2
LARGE_BYTES: Final = 1280 << 10
"""Pieces from this size on are mapped one by one, and unmapped when they are freed. It lies above the pieces
of a megabyte that payloads go in: to map each of those anew took a fifth of the CPU time of a
large run.
"""
KEPT_BYTES: Final = 4 << 20


def give_back() -> bool:
    """For the whole process, before it has many threads. Whether the C library can be told."""
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        wanted = ((_ARENA_MAX, ARENAS), (_MMAP_THRESHOLD, LARGE_BYTES), (_TRIM_THRESHOLD, KEPT_BYTES))
        return all(mallopt(name, value) == 1 for name, value in wanted)
    return False
