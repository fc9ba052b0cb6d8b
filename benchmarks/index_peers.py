"""Other libraries beside the routing index, each on one thread, each tuned to the same recall.

Needed by benchmarks only: ``pip install faiss-cpu rabitqlib turbovec hnswlib usearch``. One that is
not installed is left out, and named. Where a library returns candidates rather than exact scores,
the best ``R`` of them are compared exactly: in its own C++ where it can do that (faiss), else by
one product of numpy's (`best_of`). Bytes are those of the serialised index; the float32 rows the
exact comparison reads are counted as cold, as they are in ours.
"""

import importlib
import importlib.metadata
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Search = Callable[[Vectors], NDArray[Any]]

PACKAGES = ("faiss", "rabitqlib", "turbovec", "hnswlib", "usearch")
#: Neighbours asked for.
TOP = 10
#: Recall@10 that a setting has to reach.
BAR = {"in-distribution": 0.99, "question": 0.98}
#: Above these no graph is built: it takes many minutes of CPU and several gigabytes.
SYMQG_UNTIL, GRAPHS_UNTIL = 300_000, 100_000


@dataclass
class Side:
    """One way to search, at several settings.

    Attributes:
        name: of the library and the kind of its index.
        settings: a search at each setting: query ``(dim,)`` to ids, best first.
        hot: bytes an item that must be in memory.
        cold: bytes an item of which a query reads a few rows.
        build: CPU seconds.
        add: adds one vector, after which the next search finds it; None if the library cannot.
        note: what a reader has to know.
        tried: recall and time of settings with a few queries.
        measured: recall of settings with all queries.
    """

    name: str
    settings: dict[str, Search]
    hot: float
    cold: float
    build: float
    add: Callable[[Vectors], Any] | None = None
    note: str = ""
    keeps: list[Any] = field(default_factory=list)  # what else must not be collected
    tried: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)


@contextmanager
def built_cpu() -> Iterator[list[float]]:
    """CPU seconds of what is done inside, in a list of one."""
    spent = [0.0]
    begun = time.process_time()
    yield spent
    spent[0] = time.process_time() - begun


def best_of(room: Vectors, candidates: NDArray[Any], query: Vectors) -> NDArray[Any]:
    """The best of some candidates by their exact scores."""
    order = np.argsort(-(room[candidates] @ query))[:TOP]
    best: NDArray[Any] = candidates[order]
    return best


def sides(room: Vectors, n: int, k: int) -> Iterator[Side]:
    """Every peer that is installed, built.

    Args:
        room: float32 ``(more than n, dim)``, unit; rows from ``n`` on are for what is added later.
        n: rows to build with.
        k: buckets of those that have buckets.
    """
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError:
            continue
        yield from _MAKERS[package](room, n, k)


def versions() -> dict[str, str]:
    """Versions of the peers; why one is missing."""
    found = {}
    for package in PACKAGES:
        name = {"faiss": "faiss-cpu"}.get(package, package)
        try:
            importlib.import_module(package)
            found[name] = importlib.metadata.version(name)
        except ImportError as error:
            found[name] = f"left out: {error}"
    return found


def probe_counts(k: int) -> list[int]:
    """Numbers of buckets worth trying: all to 1/11 of them; of very many, 1/3 to 1/11."""
    return sorted({max(1, round(k / 2 ** (step / 2))) for step in range(3 * (k > 1000), 8)})


# ---------------------------------------------------------------------- faiss


def _faiss(room: Vectors, n: int, k: int) -> Iterator[Side]:  # noqa: C901  one story
    faiss: Any = importlib.import_module("faiss")

    faiss.omp_set_num_threads(1)
    stored, dim = room[:n], room.shape[1]
    exact = faiss.IndexFlatIP(dim)
    exact.add(stored)

    def ids(index: Any, params: Any, query: Vectors) -> NDArray[Any]:
        found: NDArray[Any] = index.search(query[None], TOP, params=params)[1][0]
        return found

    yield Side(
        "faiss Flat",
        {"exact": partial(ids, exact, None)},
        4 * dim, 0, 0, lambda vector: exact.add(vector[None]),
    )  # fmt: skip

    begun = time.process_time()
    means = faiss.Kmeans(dim, k, niter=10, max_points_per_centroid=64, spherical=True, seed=0)
    means.train(stored)
    centroids = means.centroids
    means_cpu = time.process_time() - begun

    def made(description: str, rerank: bool) -> Side:
        begun = time.process_time()
        index = faiss.index_factory(dim, description, faiss.METRIC_INNER_PRODUCT)
        ivf = faiss.try_extract_index_ivf(index)
        if ivf is not None:
            rotated = centroids
            if isinstance(index, faiss.IndexPreTransform):
                index.chain.at(0).train(stored[:1000])
                rotated = index.chain.at(0).apply(centroids)
            ivf.quantizer.add(np.ascontiguousarray(rotated))
            ivf.cp.niter = 0
        index.train(stored[: max(100_000, 64 * k)])
        index.add(stored)
        spent = time.process_time() - begun + (means_cpu if ivf is not None else 0)
        hot = len(faiss.serialize_index(index)) / n
        settings: dict[str, Search] = {}
        refined = faiss.IndexRefine(index, exact) if rerank else None
        for probes in probe_counts(k) if ivf is not None else [0]:
            inner = faiss.SearchParametersIVF(nprobe=probes) if probes else None
            if inner is not None and isinstance(index, faiss.IndexPreTransform):
                inner = faiss.SearchParametersPreTransform(index_params=inner)
            if refined is None:
                settings[f"nprobe={probes}"] = partial(ids, index, inner)
                continue
            for depth in (50, 100, 150, 200, 300):
                outer = faiss.IndexRefineSearchParameters(
                    k_factor=depth / TOP, **({"base_index_params": inner} if inner else {})
                )
                label = f"nprobe={probes} R={depth}" if probes else f"R={depth}"
                settings[label] = partial(ids, refined, outer)

        def add(vector: Vectors) -> None:
            index.add(vector[None])
            if refined is not None:
                exact.add(vector[None])
                refined.ntotal = index.ntotal

        side = Side(
            "faiss " + description.replace(f"IVF{k}", "IVF") + (" + rerank" if rerank else ""),
            settings, hot, 4 * dim if rerank else 0, spent, add,
        )  # fmt: skip
        side.keeps = [index, refined, exact]
        return side

    yield made(f"IVF{k},Flat", rerank=False)
    yield made(f"IVF{k},PQ{dim // 4}x4fs", rerank=True)
    yield made(f"RR{dim},IVF{k},RaBitQfs", rerank=True)


# ---------------------------------------------------------------------- rabitqlib


def _rabitqlib(room: Vectors, n: int, k: int) -> Iterator[Side]:
    rabitqlib: Any = importlib.import_module("rabitqlib")

    stored, dim = room[:n], room.shape[1]
    begun = time.process_time()
    means = rabitqlib.RaBitQKMeans(dim, k, num_threads=1, niter=10, seed=0, spherical=True)
    means.train(stored)
    means_cpu = time.process_time() - begun

    def size(index: Any) -> float:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "index"
            index.save(str(path))
            return path.stat().st_size / n

    def ids(index: Any, probes: int, query: Vectors) -> NDArray[Any]:
        found: NDArray[Any] = index.search(query[None], TOP, probes)[0][0]
        return found

    def reranked(index: Any, probes: int, depth: int, query: Vectors) -> NDArray[Any]:
        found = index.search(query[None], depth, probes)[0][0]
        if found[-1] >= len(room):  # fewer than asked for: filled up with the largest number
            found = found[found < len(room)]
        return best_of(room, found, query)

    def grow(index: Any, vector: Vectors) -> None:
        room[index.num_points] = vector
        index.add(vector[None])

    for bits in (1, 2, 4):
        begun = time.process_time()
        index = rabitqlib.IvfIndex(dim, n, k, bits, metric="ip")
        index.build(stored, means.centroids, means.assignments)
        spent = time.process_time() - begun + means_cpu
        settings: dict[str, Search] = {
            f"nprobe={probes} R={depth}": partial(reranked, index, probes, depth)
            for probes in probe_counts(k)
            for depth in ((100, 150, 200, 300) if bits == 1 else (15, 20, 30, 50))
        }
        yield Side(
            f"rabitqlib IVF {bits}-bit + rerank", settings, size(index), 4 * dim, spent,
            partial(grow, index),
        )  # fmt: skip

    if n <= SYMQG_UNTIL:
        begun = time.process_time()
        graph = rabitqlib.SymqgIndex(dim, 32, metric="ip")
        graph.build(stored, 400, num_threads=1)
        spent = time.process_time() - begun
        settings = {
            f"ef={ef}": partial(ids, graph, ef)
            for ef in (64, 96, 128, 192, 256, 384, 512, 768, 1024)
        }
        yield Side(
            "rabitqlib SymQG 32", settings, size(graph), 0, spent, None,
            "static: nothing can be added",
        )  # fmt: skip


# ---------------------------------------------------------------------- turbovec


def _turbovec(room: Vectors, n: int, k: int) -> Iterator[Side]:
    turbovec: Any = importlib.import_module("turbovec")

    stored, dim = room[:n], room.shape[1]
    sample = stored[np.random.default_rng(0).permutation(n)[:4096]]

    def reranked(index: Any, depth: int, query: Vectors) -> NDArray[Any]:
        return best_of(room, index.search(query[None], depth)[1][0], query)

    def grow(index: Any, vector: Vectors) -> None:
        room[len(index)] = vector
        index.add(vector[None])

    for bits in (2, 4):
        begun = time.process_time()
        index = turbovec.TurboQuantIndex(dim=dim, bit_width=bits)
        index.calibrate(sample)
        index.add(stored)
        index.prepare()
        spent = time.process_time() - begun
        depths = (15, 18, 20, 22, 25, 30, 40, 50, 70) if bits == 2 else (12, 15, 20)
        yield Side(
            f"turbovec {bits}-bit + rerank",
            {f"R={depth}": partial(reranked, index, depth) for depth in depths},
            len(index.to_bytes()) / n, 4 * dim, spent, partial(grow, index),
        )  # fmt: skip


# ---------------------------------------------------------------------- graphs


def _hnswlib(room: Vectors, n: int, k: int) -> Iterator[Side]:
    hnswlib: Any = importlib.import_module("hnswlib")

    stored, dim = room[:n], room.shape[1]
    if n > GRAPHS_UNTIL:
        return
    begun = time.process_time()
    index = hnswlib.Index("ip", dim)
    index.init_index(n + 1000, M=16, ef_construction=200, random_seed=0)
    index.set_num_threads(1)
    index.add_items(stored)
    spent = time.process_time() - begun

    def ids(ef: int, query: Vectors) -> NDArray[Any]:
        index.set_ef(ef)
        found: NDArray[Any] = index.knn_query(query, TOP)[0][0]
        return found

    handle, path = tempfile.mkstemp()
    os.close(handle)
    index.save_index(path)
    size = Path(path).stat().st_size / (n + 1000)
    Path(path).unlink()
    yield Side(
        "hnswlib M=16", {f"ef={ef}": partial(ids, ef) for ef in (48, 64, 96, 128, 192, 256, 384)},
        size, 0, spent, lambda vector: index.add_items(vector[None]),
    )  # fmt: skip


def _usearch(room: Vectors, n: int, k: int) -> Iterator[Side]:
    usearch: Any = importlib.import_module("usearch.index")

    stored, dim = room[:n], room.shape[1]
    if n > GRAPHS_UNTIL:
        return
    begun = time.process_time()
    index = usearch.Index(ndim=dim, metric="ip", dtype="i8", connectivity=16, expansion_add=128)
    index.add(np.arange(n), stored, threads=1)
    spent = time.process_time() - begun

    def grow(vector: Vectors) -> None:
        room[len(index)] = vector
        index.add(len(index), vector)

    def ids(ef: int, query: Vectors) -> NDArray[Any]:
        index.expansion_search = ef
        found = index.search(query, 40, threads=1).keys.astype(np.int64)
        return best_of(room, found, query)

    size = index.serialized_length / n
    settings: dict[str, Search] = {
        f"ef={ef} R=40": partial(ids, ef) for ef in (40, 64, 96, 128, 192, 256)
    }
    yield Side("usearch int8 M=16 + rerank", settings, size, 4 * dim, spent, grow)


_MAKERS: dict[str, Callable[[Vectors, int, int], Iterator[Side]]] = {
    "faiss": _faiss,
    "rabitqlib": _rabitqlib,
    "turbovec": _turbovec,
    "hnswlib": _hnswlib,
    "usearch": _usearch,
}
