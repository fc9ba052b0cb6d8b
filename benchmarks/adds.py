"""Adding to the routing index: ``python -m benchmarks.adds``.

Batches of 10,000 beside single adds; the same beside a packed index until its delta is as large
as it gets before it is merged, with what they cost one by one, what a search then costs, and the
hot bytes of an item with everything counted. CPU time of one thread. Vectors are made up: normal
ones around 400 centres, which is harder on the codes than sentence vectors and all the same to the
times.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: one thread

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex
from routemem.memory_core.routing import kernel

RESULTS = Path(__file__).parent / "results" / "adds.json"
DIM, BATCH = 384, 10_000


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=60_000, help="packed items")
    given = parser.parse_args()
    delta = max(2000, given.n // 20)
    vectors = _made_up(given.n + delta + BATCH)
    result = {
        "machine": {"system": platform.platform(), "kernel": kernel.ACTIVE.name},
        "dim": DIM,
        "batch": _batches(vectors[:BATCH]),
        "beside_a_pack": _beside_a_pack(vectors, given.n, delta),
    }
    print(json.dumps(result, indent=2))
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def _batches(vectors: NDArray[np.float32]) -> dict[str, float]:
    """Nanoseconds an item, in one batch and one by one."""
    ids = np.arange(len(vectors))

    def together() -> None:
        RoutingIndex(DIM, merging="manual").add_many(ids, vectors)

    def singly() -> None:
        index = RoutingIndex(DIM, merging="manual")
        for id, vector in enumerate(vectors):
            index.add(id, vector)

    many, one = (
        statistics.median(_cpu(work) for _ in range(5)) / len(vectors)
        for work in (together, singly)
    )
    return {
        "add_many_ns": round(many), "add_ns": round(one), "times_faster": round(one / many, 1),
        "add_many_a_minute": round(60e9 / many),
    }  # fmt: skip


def _beside_a_pack(vectors: NDArray[np.float32], n: int, delta: int) -> dict[str, object]:
    index = RoutingIndex(DIM, flat_until=0, merging="manual")
    index.add_many(np.arange(n), vectors[:n])
    index.build()
    assert index.pack is not None
    assert index.plan is not None
    twin = RoutingIndex.from_pack(index.pack, index.plan, merging="manual")
    queries = vectors[-200:]
    before, bytes_before = _search(index, queries), index.footprint().hot_per_item
    took = [_cpu(partial(index.add, id, vectors[id])) / 1000 for id in range(n, n + delta)]
    many = _cpu(partial(twin.add_many, np.arange(n, n + delta), vectors[n : n + delta])) / 1000
    return {
        "packed": n, "delta": delta,
        "add_many_us": round(many / delta, 2), "times_faster": round(sum(took) / many, 1),
        "add_us": {
            f"p{part}": round(float(np.percentile(took, part)), 1) for part in (50, 99, 99.9, 100)
        },
        "search_us": {"before": before, "after": _search(index, queries)},
        "hot_bytes_an_item": {
            "before": round(bytes_before, 1),
            "after": round(index.footprint().hot_per_item, 1),
        },
    }  # fmt: skip


def _search(index: RoutingIndex, queries: NDArray[np.float32]) -> float:
    """Median microseconds of a search."""
    for query in queries:
        index.search(query)
    return round(statistics.median(_cpu(partial(index.search, q)) for q in queries) / 1000, 1)


def _cpu(work: Callable[[], object]) -> int:
    begin = time.thread_time_ns()
    work()
    return time.thread_time_ns() - begin


def _made_up(n: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(400, DIM)).astype(np.float32)
    vectors = centres[rng.integers(0, 400, n)] + rng.standard_normal((n, DIM), np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    return unit


if __name__ == "__main__":
    main()
