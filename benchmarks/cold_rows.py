"""Exact comparisons with rows of a file that is not in memory: ``python -m benchmarks.cold_rows``.

Writes a file of float16 vectors, drops it from the page cache (``posix_fadvise``) before every
measurement, and compares 160 random rows with a query: through a plain map, a map that does not
read ahead (MADV_RANDOM), and one that is told beforehand which pages come (MADV_WILLNEED), as a
search does. Then the same rows once more, warm, to show what the check for cold rows costs. Wall
time, median and range; Linux. A virtual disk may be cached by its host: the ratios count.
"""

import argparse
import json
import mmap
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: one thread

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core.routing import cold
from routemem.memory_core.routing.kernel import rerank

RESULTS = Path(__file__).parent / "results" / "cold_rows.json"
DIM, ROWS = 384, 160
WAYS = ("plain", "random", "random + willneed")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=600_000, help="vectors in the file")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    query = rng.standard_normal(DIM).astype(np.float32)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # /tmp may be memory
        path = Path(folder) / "rows.bin"
        with path.open("wb") as file:
            for _ in range(0, given.n, 10_000):
                file.write(rng.standard_normal((10_000, DIM)).astype(np.float16).tobytes())
            os.fsync(file.fileno())
        took: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(given.rounds):
            for way in WAYS:
                picked = rng.integers(0, given.n, ROWS)
                took[way].append(_cold(path, way, picked, query))
        warm = _warm(path, rng.integers(0, given.n, ROWS), query)
    result = {
        "machine": {"system": platform.platform(), "python": platform.python_version()},
        "n": given.n, "dim": DIM, "rows": ROWS, "rounds": given.rounds,
        "cold_ms": {
            way: {"p50": statistics.median(ms), "least": min(ms), "most": max(ms)}
            for way, ms in took.items()
        },
        "warm_us": warm,
    }  # fmt: skip
    print(json.dumps(result, indent=2))
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def told_before(*given: Any) -> Any:
    """Rows compared as a search compares them: fetched together if the first come slowly."""
    cold.scout(*given)
    return rerank(*given)


def _map(path: Path, way: str) -> tuple[mmap.mmap, NDArray[np.float16]]:
    with path.open("rb") as file:
        held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if way != "plain":
        held.madvise(mmap.MADV_RANDOM)
    return held, np.frombuffer(held, np.float16).reshape(-1, DIM)


def _cold(path: Path, way: str, picked: NDArray[np.int64], query: NDArray[np.float32]) -> float:
    """Milliseconds of one comparison with a file that was just dropped from memory."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    _, rows = _map(path, way)
    compare = told_before if way == WAYS[2] else rerank
    begin = time.perf_counter()
    compare(rows, np.empty(0, np.float32), picked, query)
    return (time.perf_counter() - begin) * 1000


def _warm(path: Path, picked: NDArray[np.int64], query: NDArray[np.float32]) -> dict[str, float]:
    """Microseconds of CPU of a comparison in memory, with and without the check for cold rows."""
    _, rows = _map(path, "random")
    scales = np.empty(0, np.float32)
    ways = {"with the check": told_before, "without": rerank}
    took: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(2000):
        for way, compare in ways.items():
            begin = time.thread_time_ns()
            compare(rows, scales, picked, query)
            took[way].append((time.thread_time_ns() - begin) / 1000)
    return {way: statistics.median(us) for way, us in took.items()}


if __name__ == "__main__":
    main()
