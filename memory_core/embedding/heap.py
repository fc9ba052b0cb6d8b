"""Giving freed memory back to the system."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache


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
