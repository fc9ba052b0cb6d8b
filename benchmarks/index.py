"""The routing index beside exact search by numpy: recall, time per query, bytes, build, insert.

    python -m benchmarks.index [--vectors DIR] [--sizes 5000,34500,60000] [--out FILE]

``DIR`` holds vectors and queries as `benchmarks.vectors` says, which makes some without it. A size
above the number of real vectors is filled up by the mixture of `mixed`, and said to be.

One thread, one query at a time, CPU time of the thread. Trust the ratios, not the microseconds.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from routemem.memory_core import RoutingIndex
from routemem.memory_core.routing.index import FLAT_UNTIL
from routemem.memory_core.routing.results import SearchResult

from .vectors import OWN, Data, Vectors, exactly, given, made, mixed, timed

RESULTS = Path(__file__).parent / "results"
Search = Callable[[Vectors], SearchResult]


def recall(search: Search, stored: Vectors, queries: Vectors) -> float:
    """Share of the exact 10 nearest among the 10 found."""
    found = [
        len({hit.id for hit in search(query).hits} & {*exactly(stored, query).tolist()})
        for query in queries
    ]
    return round(float(np.mean(found)) / 10, 4)


def inserts(index: RoutingIndex, vectors: Vectors, first: int) -> dict[str, float]:
    """Single adds, wall and CPU time in microseconds, and the vectors a minute of one batch.

    Merges run in the background meanwhile. On a machine shared with others the wall time's 99.9th
    percentile is mostly the scheduler's; the CPU time is the index's own.
    """
    half = len(vectors) // 2
    spent, worked = [], []
    for place in range(half):
        start, cpu = time.perf_counter_ns(), time.thread_time_ns()
        index.add(first + place, vectors[place])
        worked.append((time.thread_time_ns() - cpu) / 1000)
        spent.append((time.perf_counter_ns() - start) / 1000)
    index.wait()
    start = time.perf_counter_ns()
    index.add_many(np.arange(first + half, first + len(vectors)), vectors[half:])
    batch = (time.perf_counter_ns() - start) / 1000 / (len(vectors) - half)
    index.wait()
    p50, p999 = np.percentile(spent, [50, 99.9])
    return {
        "add_p50_us": round(float(p50), 1),
        "add_p99.9_us": round(float(p999), 1),
        "add_p99.9_cpu_us": round(float(np.percentile(worked, 99.9)), 1),
        "add_max_us": round(max(spent), 1),
        "add_many_us": round(batch, 2),
        "add_many_per_minute": round(6e7 / batch),
        "batch_speedup": round(float(np.mean(spent)) / batch, 1),
    }


def measure(data: Data, n: int, most_queries: int) -> dict[str, Any]:
    """All figures at one size."""
    stored = mixed(data.stored, n)
    queries = {kind: vectors[:most_queries] for kind, vectors in data.queries.items()}
    index = RoutingIndex(stored.shape[1], flat_until=0)
    start, cpu = time.perf_counter(), time.process_time()
    index.add_many(np.arange(n), stored)
    report = index.build()
    built = {"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}
    assert index.codebook is not None
    k = index.codebook.k
    ways: dict[str, Search] = {
        "auto": index.search,
        "all codes, 200 rows": partial(index.search, n_probes=k, max_candidates=200),
        "half the buckets, 200 rows": partial(index.search, n_probes=k // 2, max_candidates=200),
        "a quarter, 200 rows": partial(index.search, n_probes=k // 4, max_candidates=200),
        "4 buckets, exact": partial(index.search, n_probes=4),
    }
    if n <= FLAT_UNTIL:
        flat = RoutingIndex(stored.shape[1])
        flat.add_many(np.arange(n), stored)
        ways["flat, the default here"] = flat.search
    rows: dict[str, Any] = {}
    for kind, asked in queries.items():
        numpy_time = timed(partial(exactly, stored), asked)
        rows.setdefault("exact numpy", {})[kind] = {"recall": 1.0, **numpy_time, "ratio": 1.0}
        for name, search in ways.items():
            spent = timed(search, asked)
            rows.setdefault(name, {})[kind] = {
                "recall": recall(search, stored, asked),
                **spent,
                "ratio": round(spent["p50"] / numpy_time["p50"], 3),
            }
    new = mixed(data.stored, n + 10_000)[n:] if n + 10_000 > len(data.stored) else data.stored[n:]
    return {
        "n": n,
        "real": min(n, len(data.stored)),
        "k": k,
        "n_probes": report.n_probes,
        "depth": report.depth,
        "gini": round(report.gini, 3),
        "dead_codes": report.dead_codes,
        "hot_bytes_per_item": round(report.footprint.hot_per_item, 1),
        "cold_bytes_per_item": round(report.footprint.cold / n, 1),
        "dense_bytes_per_item": stored.shape[1] * 4,
        "build": {name: round(value, 2) for name, value in built.items()},
        "searches": rows,
        "inserts": inserts(index, new[:10_000], n),
    }


def show(figures: dict[str, Any]) -> None:
    """Print the figures of one size."""
    n, real = figures["n"], figures["real"]
    said = "all real" if real == n else f"{real:,} real, the rest made by the mixture"
    print(f"\n## {n:,} vectors ({said}), K = {figures['k']}\n")
    print("| search | recall@10 | CPU p50 µs | ÷ numpy | question: recall@10 | p50 µs | ÷ numpy |")
    print("|---|---|---|---|---|---|---|")
    for name, kinds in figures["searches"].items():
        cells = [
            f"{kind['recall']:.4f} | {kind['p50']:.0f} | {kind['ratio']:.2f}"
            for kind in kinds.values()
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print(
        f"\nauto: {figures['n_probes']} probes, {figures['depth']} rows compared. Bytes per item: "
        f"{figures['hot_bytes_per_item']} hot, {figures['cold_bytes_per_item']} cold "
        f"(float16 rows), {figures['dense_bytes_per_item']} dense. "
        f"Gini {figures['gini']}, dead codes {figures['dead_codes']}.\n"
        f"Build {figures['build']['wall_s']} s ({figures['build']['cpu_s']} CPU-s). "
        + ", ".join(f"{name} {value}" for name, value in figures["inserts"].items())
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--vectors", type=Path, help="folder with real vectors and queries")
    parser.add_argument("--sizes", default="", help="numbers of vectors, with commas")
    parser.add_argument("--queries", type=int, default=300, help="queries of each kind at the most")
    parser.add_argument("--out", type=Path, default=RESULTS / "index.json")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",") if size]
    data = given(options.vectors) if options.vectors else made(min([OWN, *sizes[-1:]]))
    figures = []
    for n in sizes or sorted({5000, len(data.stored)}):
        figures.append(measure(data, n, options.queries))
        show(figures[-1])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps({"source": data.source, "numpy": np.__version__, "sizes": figures}, indent=1)
    )


if __name__ == "__main__":
    main()
