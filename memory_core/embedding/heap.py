"""Giving freed memory back to the system."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache

# Of glibc's malloc.h.
_M_ARENA_MAX = -8


def share_one_heap() -> None:
    """Have all threads take memory from one heap; for a process that is ours, not for a library.

    glibc gives every thread that allocates its own, and each keeps the most it ever held: a server
    that answers on several threads had 10 to 20 MB of 200 in heaps that nothing used. Does nothing
    where the C library has no such setting.
    """
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    except (OSError, AttributeError):  # musl
        return


def release_memory() -> None:
    """Return freed heap pages to the system; does nothing where the C library has no such call.

    glibc keeps what a long text needed (14 MB for 256 word pieces) for the life of the process.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # musl
        return None
    return trim
