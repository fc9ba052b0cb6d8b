"""The routing index in use: filters, single adds, opening, growing, being read.

    python -m benchmarks.index_upkeep [--vectors DIR] [--sizes 60000,1000000] [--cache DIR]

Vectors as in `benchmarks.index`: what exceeds the real ones is filled up by the mixture. CPU time
of one thread except where it says wall.

* filters: 1 % and 10 % of the ids, drawn at random and made ready once (``index.allow``), beside
  gathering the allowed rows and comparing all of them with numpy. Recall is that within the filter.
* inserts: single adds into an index that is merged in the background meanwhile, then one batch.
* opening: mapping a generation from files, in a process that has its imports behind it.
* growing: two thirds of the vectors are built, the last third is added in batches and merged
  without fitting, with one round of `adapt.run_adaptation` and a calibration at the end; beside a
  fresh build of all. Once in random order, and once real vectors first, so that all that comes
  later is of another kind.
* reads: whether 500 searches change what a search finds.
* memory: what a process holds more after opening and 300 searches, by kind of page (Linux).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from routemem.memory_core import RoutingIndex
from routemem.memory_core.routing import generation
from routemem.memory_core.routing.adapt import run_adaptation
from routemem.memory_core.routing.kernel import ACTIVE

from .index import room_for
from .index_peers import TOP
from .index_tuning import Queries, recalls
from .vectors import OWN, Data, Vectors, given, made, timed

RESULTS = Path(__file__).parent / "results" / "index_upkeep.json"
#: What a fresh process does to an index; prints the kB it holds more afterwards, by kind of page.
READER = """
import json, sys
import numpy as np
from pathlib import Path
from routemem.memory_core import RoutingIndex
from routemem.memory_core.routing import generation

def held():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    return {line.split()[0][:-1]: int(line.split()[1]) for line in lines}

queries = np.load(sys.argv[2])
RoutingIndex(queries.shape[1]).search(queries[0])
before = held()
found = generation.load(Path(sys.argv[1]))
index = RoutingIndex.from_pack(found.pack, found.plan)
for query in queries[:300]:
    index.search(query)
after = held()
print(json.dumps({name: after[name] - before[name] for name in ("Rss", "Anonymous")}))
"""


def _by_itself(index: RoutingIndex, query: Vectors) -> Any:
    return index.search(query).ids


def _in_a_quarter(index: RoutingIndex, query: Vectors) -> Any:
    assert index.codebook is not None
    return index.search(query, n_probes=index.codebook.k // 4, max_candidates=200).ids


def _gathered(stored: Vectors, ids: Any, query: Vectors) -> Vectors:
    scores: Vectors = stored[ids] @ query
    return scores


def packed(stored: Vectors, **options: Any) -> RoutingIndex:
    """An index over vectors, built."""
    index = RoutingIndex(stored.shape[1], flat_until=0, **options)
    index.add_many(np.arange(len(stored)), stored)
    index.build()
    return index


def filters(index: RoutingIndex, stored: Vectors, asked: Vectors) -> dict[str, Any]:
    """Filtered searches beside numpy."""
    rng = np.random.default_rng(0)
    told = {}
    for share in (0.01, 0.1):
        ids = np.sort(rng.permutation(len(stored))[: int(share * len(stored))])
        ready = index.allow(ids)
        apart = stored[ids]
        hits = []
        for query in asked:
            truth = ids[np.argsort(-(apart @ query))[:TOP]]
            found = index.search(query, allowed=ready).ids
            hits.append(len({*truth.tolist()} & {*found.tolist()}))
        told[f"{share:.0%}"] = {
            "allowed": len(ids),
            "recall": round(float(np.mean(hits)) / min(TOP, len(ids)), 4),
            "cpu_us": timed(partial(index.search, allowed=ready), asked),
            "numpy_gathering_us": timed(partial(_gathered, stored, ids), asked[:40]),
            "numpy_gathered_before_us": timed(apart.dot, asked[:40]),
        }
    return told


def inserts(index: RoutingIndex, vectors: Vectors, first: int) -> dict[str, float]:
    """Single adds and one batch, microseconds per vector.

    Wall times are told apart by whether the system took the processor away meanwhile, to give it to
    another process or to the thread that merges.
    """
    half = len(vectors) // 2
    wall, cpu, interrupted = np.empty(half), np.empty(half), np.empty(half, np.bool_)
    for place in range(half):
        switched = switches()
        begun, worked = time.perf_counter_ns(), time.thread_time_ns()
        index.add(first + place, vectors[place])
        cpu[place] = (time.thread_time_ns() - worked) / 1000
        wall[place] = (time.perf_counter_ns() - begun) / 1000
        interrupted[place] = switches() > switched
    index.wait()
    begun = time.perf_counter_ns()
    index.add_many(np.arange(first + half, first + len(vectors)), vectors[half:])
    batch = (time.perf_counter_ns() - begun) / 1000 / (len(vectors) - half)
    index.wait()
    alone = wall[~interrupted]
    return {
        "adds": half,
        "cpu_p50_us": round(float(np.percentile(cpu, 50)), 1),
        "cpu_p99.9_us": round(float(np.percentile(cpu, 99.9)), 1),
        "wall_p50_us": round(float(np.percentile(wall, 50)), 1),
        "wall_p99.9_us": round(float(np.percentile(wall, 99.9)), 1),
        "wall_most_us": round(float(wall.max()), 1),
        "interrupted": int(interrupted.sum()),
        "wall_p99.9_us_uninterrupted": round(float(np.percentile(alone, 99.9)), 1),
        "wall_most_us_uninterrupted": round(float(alone.max()), 1),
        "batch_us": round(batch, 2),
        "batch_per_minute": round(6e7 / batch),
        "batch_speedup": round(float(np.mean(wall)) / batch, 1),
    }


def switches() -> int:
    """How often the system took the processor from this thread; 0 where it does not tell."""
    if sys.platform != "linux":
        return 0
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


def _opened(place: Path) -> RoutingIndex:
    found = generation.load(place)
    return RoutingIndex.from_pack(found.pack, found.plan)


def opening(index: RoutingIndex, asked: Vectors) -> dict[str, Any]:
    """Mapping a generation, and what a process holds that searched it."""
    assert index.pack is not None
    assert index.plan is not None
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # /tmp may be memory
        folder = Path(name)
        stamp = generation.Stamp("measured", 1, "any")
        place = generation.write(folder / "index", index.pack, index.plan, stamp, index.pack.n)
        spent = []
        for _ in range(9):
            begun = time.thread_time_ns()
            _opened(place).search(asked[0])
            spent.append((time.thread_time_ns() - begun) / 1e6)
        opened = _opened(place)
        same = all(
            (opened.search(query).ids == index.search(query).ids).all() for query in asked[:50]
        )
        np.save(folder / "queries.npy", asked)
        child = [sys.executable, "-c", READER, str(place), str(folder / "queries.npy")]
        memory = json.loads(subprocess.check_output(child)) if sys.platform == "linux" else {}
    return {
        "cpu_ms_with_the_first_search": round(float(np.median(spent)), 2),
        "finds_the_same": same,
        "process_grows_by_kb": memory,
    }


def growing(stored: Vectors, queries: Queries) -> dict[str, Any]:
    """Recall after growing by half, beside a fresh build."""
    first = len(stored) * 2 // 3
    grown = packed(stored[:first], merging="inline")
    built_k = grown.report().k
    for start in range(first, len(stored), 5000):
        stop = min(start + 5000, len(stored))
        grown.add_many(np.arange(start, stop), stored[start:stop])
    grown.merge()
    done = run_adaptation(grown, force=True)
    grown.calibrate()
    fresh = packed(stored)
    told: dict[str, Any] = {
        "from": first,
        "to": len(stored),
        "k": {"first": built_k, "grown": grown.report().k, "fresh": fresh.report().k},
        "splits": done.splits,
    }
    for name, index in (("grown", grown), ("fresh", fresh)):
        told[name] = {
            "auto": recalls(partial(_by_itself, index), queries),
            "a quarter of the buckets, 200 rows": recalls(partial(_in_a_quarter, index), queries),
        }
    return told


def read_often(index: RoutingIndex, asked: Vectors) -> dict[str, Any]:
    """Whether searches change anything."""
    before = [index.search(query) for query in asked[:100]]
    for query in np.resize(asked, (500, asked.shape[1])):
        index.search(query)
    after = [index.search(query) for query in asked[:100]]
    return {"reads": 500, "same_answers": before == after}


def measure(data: Data, n: int, cache: Path | None, adds: int) -> dict[str, Any]:
    """All figures at one size."""
    stored = room_for(data, n, cache)[:n]
    queries = Queries.of(stored, data.queries)
    asked = data.queries["in-distribution"]
    index = packed(stored)
    told = {
        "n": n,
        "real": min(n, len(data.stored)),
        "kernel": ACTIVE.name,
        "filters": filters(index, stored, asked[:200]),
        "opening": opening(index, asked),
        "reads": read_often(index, asked),
    }
    rng = np.random.default_rng(2)
    new = stored[rng.integers(0, n, adds)] + rng.normal(0, 0.02, (adds, stored.shape[1]))
    told["inserts"] = inserts(index, new.astype(np.float32), n)
    del index
    if n <= 300_000:
        order = np.random.default_rng(3).permutation(n)
        told["growing"] = growing(stored[order], Queries.of(stored[order], data.queries))
        if n > len(data.stored):
            told["growing_by_another_kind"] = growing(stored, queries)
    return told


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vectors", type=Path, help="folder of vectors and queries")
    parser.add_argument("--sizes", default="", help="as 60000,1000000; nothing for all there are")
    parser.add_argument("--cache", type=Path, help="folder to keep made sets in")
    parser.add_argument("--adds", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",") if size]
    data = given(options.vectors) if options.vectors else made(min([OWN, *sizes[-1:]]))
    figures = []
    for n in sizes or [len(data.stored)]:
        figures.append(measure(data, n, options.cache, options.adds))
        print(json.dumps(figures[-1], indent=1), flush=True)
        told = {"source": data.source, "sizes": figures}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
