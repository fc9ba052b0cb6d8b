"""Giving freed memory back to the system."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache

# Of glibc's malloc.h.
_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1
#: Blocks from this size on lie outside the heap, bytes: more than one step of the model takes.
_LARGE = 4 << 20


def share_one_heap() -> None:
    """Have all threads take memory from one heap; for a process that is ours, not for a library.

    glibc gives every thread that allocates its own, and each keeps the most it ever held: a server
    that answers on several threads had 10 to 20 MB of 200 in heaps that nothing used. And once a
    large array was freed, glibc takes the next ones from the heap, where they lie on pages that
    were used before: an array for 8,192 vectors of which a hundred are there is then 13 MB. Does
    nothing where the C library has no such settings.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl
        return
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_THRESHOLD, _LARGE)
    mallopt(_M_TRIM_THRESHOLD, _LARGE)


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
