"""Cutting the byte stream into lines."""

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.server.wire import LongLine, read_lines


def reader(chunks: list[bytes]) -> Callable[[], bytes]:
    left = iter(chunks)
    return lambda: next(left, b"")


@given(st.lists(st.binary(min_size=1, max_size=5).filter(bool), max_size=8))
def test_lines_do_not_depend_on_how_the_bytes_arrive(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert list(read_lines(reader(chunks))) == expected


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_of_a_long_line_the_edges_are_kept_and_the_next_line_is_whole(step: int) -> None:
    long = b"a" * 1024 + b"b" * 3000 + b"c" * 1024
    stream = long + b"\nnext\n" + b"x" * 2048 + b"\n"
    chunks = [stream[start : start + step] for start in range(0, len(stream), step)]
    assert list(read_lines(reader(chunks), limit=2048)) == [
        LongLine(len(long), b"a" * 1024, b"c" * 1024),
        b"next",
        b"x" * 2048,
    ]


def test_a_long_line_is_not_held_in_memory() -> None:
    chunk = b"x" * (1 << 16)
    left = iter(range(1024))  # 64 MiB

    def read() -> bytes:
        return chunk if next(left, None) is not None else b""

    tracemalloc.start()
    try:
        (line,) = read_lines(read, limit=1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(line, LongLine)
    assert line.size == 64 << 20
    assert peak < 4 << 20
