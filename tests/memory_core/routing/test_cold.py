"""Rows in a mapped file are compared as rows in memory are, and fetched together when cold."""

import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex
from routemem.memory_core.routing import cold, kernel

ROWS = np.random.default_rng(0).normal(size=(900, 48)).astype(np.float16)
QUERY = np.random.default_rng(1).normal(size=48).astype(np.float32)
NO_SCALES = np.empty(0, np.float32)


@pytest.fixture
def in_file(tmp_path: Path) -> NDArray[np.float16]:
    (tmp_path / "rows.bin").write_bytes(ROWS.tobytes())
    with (tmp_path / "rows.bin").open("rb") as file:
        held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(held, np.float16).reshape(ROWS.shape)


@pytest.mark.parametrize("warm_ns", [-1, 10**12], ids=["cold", "warm"])
@pytest.mark.parametrize("n", [0, 3, 8, 9, 160])
def test_the_scores_are_those_of_the_kernel(
    in_file: NDArray[np.float16], monkeypatch: pytest.MonkeyPatch, warm_ns: int, n: int
) -> None:
    monkeypatch.setattr(cold, "WARM_NS", warm_ns)
    index = RoutingIndex(48, flat_until=0)
    index.add_many(np.arange(len(ROWS)), ROWS.astype(np.float32))
    index.build()
    assert index.pack
    picked = np.random.default_rng(n).permutation(len(ROWS))[:n]
    given = (picked, NO_SCALES, QUERY, 20)
    found = cold.nearest(replace(index.pack, rows=in_file), *given)
    for one, two in zip(found, kernel.nearest(replace(index.pack, rows=ROWS), *given), strict=True):
        np.testing.assert_array_equal(one, two)


def test_only_rows_that_come_slowly_from_a_file_are_fetched(
    in_file: NDArray[np.float16], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[int] = []
    monkeypatch.setattr(cold, "fetch", lambda held, rows, picked: fetched.append(len(picked)))
    picked = np.arange(100)
    monkeypatch.setattr(cold, "WARM_NS", -1)
    cold.scout(ROWS, NO_SCALES, picked, QUERY)
    assert fetched == []
    cold.scout(in_file, NO_SCALES, picked, QUERY)
    assert fetched == [100 - cold.SCOUTS]
    monkeypatch.setattr(cold, "WARM_NS", 10**12)
    cold.scout(in_file, NO_SCALES, picked, QUERY)
    assert len(fetched) == 1


@pytest.mark.skipif(not hasattr(mmap.mmap, "madvise"), reason="the system takes no advice")
def test_pages_are_asked_for_in_runs(in_file: NDArray[np.float16]) -> None:
    held = cold.mapped(in_file)
    assert held is not None
    assert cold.fetch(held, in_file, np.array([899, 0, 1, 500])) == 3
    assert cold.fetch(held, in_file, np.arange(900)) == 1
    assert cold.fetch(held, in_file, np.empty(0, np.int64)) == 0


def test_without_advice_nothing_is_asked_for() -> None:
    deaf: Any = object()
    assert cold.fetch(deaf, ROWS, np.arange(9)) == 0


@given(st.lists(st.integers(0, 5000), max_size=60), st.integers(1, 9000))
def test_the_runs_hold_every_byte_of_every_row_once_and_no_page_without_one(
    picked: list[int], width: int
) -> None:
    page = 4096
    runs = list(cold.page_runs(np.array(picked, np.int64), width, page))
    pages = [
        number
        for start, length in runs
        for number in range(start // page, (start + length) // page)
    ]
    wanted = {
        number
        for row in picked
        for number in range(row * width // page, ((row + 1) * width - 1) // page + 1)
    }
    assert sorted(pages) == pages
    assert set(pages) >= wanted
    assert len(pages) == len(set(pages))
    assert set(pages) == wanted
    assert all(start % page == 0 for start, _ in runs)
