"""Exact comparisons with rows that may still be on the disk.

A page of a mapped file that is not in memory stops the thread until the disk has answered, one page
after the other. Told beforehand which pages it will read, the system fetches them at once: on a
cold file a fifth of the time and less (``benchmarks/cold_rows.py``). Telling costs more than the
comparison itself when the pages are there, so a few rows are compared first: if these come at the
speed of memory, so will the others.
"""

import mmap
import time
from collections.abc import Iterator

import numpy as np

from .arrays import F32, I64, Rows
from .kernel import nearest as found
from .kernel import rerank
from .stages import Packed

#: Rows compared first, and nanoseconds they take at most when they are in memory (a single page
#: from a fast disk takes longer).
SCOUTS, WARM_NS = 8, 60_000


def nearest(pack: Packed, picked: I64, guesses: F32, query: F32, top: int) -> tuple[I64, F32, F32]:
    """`stages.nearest`, with rows of a mapped file fetched together if they are not in memory."""
    scout(pack.rows, pack.row_scales, picked, query)
    return found(pack, picked, guesses, query, top)


def scout(rows: Rows, row_scales: F32, picked: I64, query: F32) -> None:
    """Compare a few rows of a mapped file, and ask for the others if these came slowly."""
    held = mapped(rows) if len(picked) > SCOUTS else None
    if held is None:
        return
    begin = time.perf_counter_ns()
    rerank(rows, row_scales, picked[:SCOUTS], query)
    if time.perf_counter_ns() - begin > WARM_NS:
        fetch(held, rows, picked[SCOUTS:])


def fetch(held: mmap.mmap, rows: Rows, picked: I64) -> int:
    """Ask for the pages of some rows at once, without waiting; returns how many runs of pages.

    Does nothing where the system takes no such advice (Windows).

    Args:
        held: a map that starts with the first row.
        rows: ``(n, dim)``.
        picked: row numbers.
    """
    if not hasattr(held, "madvise"):
        return 0
    asked = 0
    for start, length in page_runs(picked, rows.strides[0], mmap.PAGESIZE):
        held.madvise(mmap.MADV_WILLNEED, start, min(length, len(held) - start))
        asked += 1
    return asked


def page_runs(picked: I64, width: int, page: int) -> Iterator[tuple[int, int]]:
    """The runs of neighbouring pages that hold some rows, as start and length in bytes, ascending.

    Args:
        picked: row numbers, in any order.
        width: bytes of a row.
        page: bytes of a page.
    """
    if not len(picked):
        return
    starts = np.sort(picked.astype(np.int64)) * width
    first, last = starts // page, (starts + width - 1) // page
    breaks = np.flatnonzero(first[1:] > last[:-1] + 1) + 1
    for begin, end in zip([0, *breaks.tolist()], [*breaks.tolist(), len(first)], strict=True):
        start = int(first[begin]) * page
        yield start, (int(last[end - 1]) + 1) * page - start


def mapped(rows: Rows) -> mmap.mmap | None:
    """The map an array lies in; None for one in memory."""
    base = rows.base
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return base if isinstance(base, mmap.mmap) else None
