"""The routing index beside exact search by numpy: recall, time per query, bytes, build, insert.

    python -m benchmarks.index [--vectors DIR] [--sizes 5000,34500,60000] [--out FILE]

``DIR`` holds ``*real*.npy``, ``*in_distribution*.npy`` and ``*question*.npy``, float ``(n, 384)``.
Without it the vectors are made here: sentences of the standard library's docstrings, embedded by
the bundled model (about a minute per 10,000); one in twenty is held out as a query, and as a
question made of its middle words. A size above the number of real vectors is filled up by the
mixture of `mixed`, and said to be.

One thread, one query at a time, CPU time of the thread. Trust the ratios, not the microseconds.
"""

import argparse
import ast
import json
import os
import re
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core import Codebook, RoutingIndex, load_embedder
from routemem.memory_core.routing.index import FLAT_UNTIL
from routemem.memory_core.routing.results import SearchResult

RESULTS = Path(__file__).parent / "results"
Vectors = NDArray[np.float32]
#: Sentences embedded when no vectors are given.
OWN = 10_000


@dataclass(frozen=True)
class Data:
    """Unit vectors to store and two kinds of queries."""

    source: str
    stored: Vectors
    queries: dict[str, Vectors]


# ---------------------------------------------------------------------- data


def given(folder: Path) -> Data:
    """The vectors of a folder."""

    def load(pattern: str) -> Vectors:
        (path,) = folder.glob(pattern)
        return unit(np.load(path).astype(np.float32))

    return Data(
        "given",
        load("*real*.npy"),
        {"in-distribution": load("*in_distribution*.npy"), "question": load("*question*.npy")},
    )


def made(count: int) -> Data:
    """Vectors of docstring sentences, embedded by the bundled model."""
    sentences = list(dict.fromkeys(docstring_sentences()))
    order = np.random.default_rng(0).permutation(len(sentences))[: count + count // 20]
    chosen = [sentences[place] for place in order]
    asked, kept = chosen[: len(chosen) // 21], chosen[len(chosen) // 21 :]
    questions = [f"Where did we mention {middle(sentence)}?" for sentence in asked]
    embedder = load_embedder("bundled")
    print(f"embedding {len(kept)} sentences and {2 * len(asked)} queries …", file=sys.stderr)
    stored, own, other = (embedder.encode(texts).vectors for texts in (kept, asked, questions))
    return Data("docstrings", stored, {"in-distribution": own, "question": other})


def docstring_sentences() -> Iterator[str]:
    """Sentences of 4 to 40 words from the docstrings of the standard library, in a fixed order."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if {"site-packages", "test", "tests", "idlelib"} & set(path.parts):
            continue
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        for node in ast.walk(tree):
            text = ast.get_docstring(node) if isinstance(node, kinds) else None
            for sentence in re.split(r"(?<=[.!?])\s+|\n\n", text or ""):
                words = sentence.split()
                if 4 <= len(words) <= 40 and sum(word.isalpha() for word in words) * 2 > len(words):
                    yield " ".join(words)


def middle(sentence: str) -> str:
    """The middle half of a sentence's words."""
    words = sentence.rstrip(".!?").split()
    return " ".join(words[len(words) // 4 : max(len(words) * 3 // 4, len(words) // 4 + 2)]).lower()


def mixed(real: Vectors, n: int) -> Vectors:
    """Real vectors filled up to ``n`` with made ones that lie among them.

    A made vector is ``x_i + u (x_j - x_i) + 0.5 sqrt(v) (x_k - x_l)``, unit, with both pairs from
    one fine cluster (24 real vectors on average) and ``u``, ``v`` uniform in 0 … 1. Calibrated so
    that 10,000 real and 24,500 made ones have the distances of 34,500 real ones; the nearest
    neighbours of made ones are harder to tell apart than real ones.
    """
    if n <= len(real):
        return real[:n]
    rng = np.random.default_rng(1)
    codes, _ = Codebook.fit(real, len(real) // 24, sample_per_centroid=24).encode_many(real)
    order, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    out = np.empty((n, real.shape[1]), np.float32)
    out[: len(real)] = real
    for start in range(len(real), n, 20_000):
        m = min(20_000, n - start)
        own, other = codes[rng.integers(0, len(real), (2, m))]

        def pick(cluster: Any) -> Vectors:
            place = starts[cluster] + rng.random(len(cluster)) * sizes[cluster]
            picked: Vectors = real[order[place.astype(np.int64)]]
            return picked

        one, two, three, four = pick(own), pick(own), pick(other), pick(other)
        u, v = rng.random((2, m, 1), np.float32)
        out[start : start + m] = unit(one + u * (two - one) + 0.5 * np.sqrt(v) * (three - four))
    return out


def unit(vectors: Vectors) -> Vectors:
    """Rows of length 1."""
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


# ---------------------------------------------------------------------- measurements


Search = Callable[[Vectors], SearchResult]


def timed(work: Callable[[Vectors], Any], queries: Vectors) -> dict[str, float]:
    """Median and 95th percentile of the CPU time of one query, in microseconds."""
    spent = []
    for query in queries:
        start = time.thread_time_ns()
        work(query)
        spent.append((time.thread_time_ns() - start) / 1000)
    p50, p95 = np.percentile(spent, [50, 95])
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}


def exactly(stored: Vectors, query: Vectors) -> NDArray[np.int64]:
    """The 10 nearest, by one product and a partial sort: what the index is compared with."""
    scores = stored @ query
    top = np.argpartition(-scores, 10)[:10]
    best: NDArray[np.int64] = top[np.argsort(-scores[top])]
    return best


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
