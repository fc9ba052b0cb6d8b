"""The benchmark of 20,000 items, and the sweep over the number of centroids."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex

from ..claims import Options, Row, Table, percent
from ..theirs import ask
from ..vectors import Vectors, nearest, timed, unit
from . import DRIVER

COUNTS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
PROBES, BUDGET = 8, 5000
#: Their memory of 20,000 items.
CONFIG = {"top_k": 10, "max_candidates": 1000}


def twenty_thousand(options: Options) -> Table:
    """20k: around 100 topics, noise .1 a component; the last 100 are the queries."""
    n, seed = options.n or 20_000, 42
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((100, 384)).astype(np.float32))
    every = np.empty((n, 384), np.float32)
    for row in every:
        row[:] = centres[rng.integers(0, 100)] + rng.standard_normal(384).astype(np.float32) * 0.1
    every = unit(every)
    asked_count = min(100, n // 10)
    stored, asked = every[:-asked_count], every[-asked_count:]
    truth = nearest(stored, asked, 10)
    k = min(256, n // 8)
    theirs = ask(
        DRIVER,
        options.theirs,
        {"stored": stored, "queries": asked},
        do="search",
        ks=[k],
        m=12,
        fit=5000,
        n_iter=25,
        config=CONFIG,
    )
    index = RoutingIndex(384, seed=seed)
    index.add_many(np.arange(len(stored)), stored)
    report = index.build()
    found = [[hit.id for hit in index.search(query).hits] for query in asked]
    mine = timed(index.search, asked)["p50"]
    sort = timed(lambda query: np.argsort(-(stored @ query))[:10], asked)["p50"]
    part = timed(lambda query: np.argpartition(-(stored @ query), 10)[:10], asked)["p50"]
    first, all_ten = top_in(found, truth), share(found, truth)
    other = theirs[str(k)] if theirs else None
    rows = [
        Row(
            "the nearest item is among 10 hits (their recall@10)",
            "100 %",
            percent(top_in(other["ids"], truth)) if other else "",
            percent(first),
            "100 %",
            first == 1,
        ),
        Row(
            "share of the 10 nearest among 10 hits",
            "",
            percent(share(other["ids"], truth)) if other else "",
            percent(all_ten),
            ">= 99 %",
            all_ten >= 0.99,
        ),
        Row(
            f"CPU of a query (dense: {sort:.0f} µs with their full sort, {part:.0f} µs with a "
            "partial one)",
            "lower than dense",
            f"{other['p50']:.0f} µs" if other else "",
            f"{mine:.0f} µs",
            "below both",
            mine < min(sort, part),
        ),
        Row(
            "bytes: routing (theirs), all that a query reads (ours)",
            "",
            f"{other['routing_bytes'] / 1e6:.2f} MB" if other else "",
            f"{report.footprint.hot / 1e6:.2f} MB, and {report.footprint.cold / 1e6:.1f} MB of "
            "vectors in a file",
        ),
    ]
    return Table(
        "20,000 items",
        f"Their data generator and queries. Theirs: K = {k}, 12 probes, at most 1,000 candidates, "
        "float16 vectors; ours as it comes. Median CPU time of one thread.",
        f"made: {n:,} vectors of 384 around 100 topics",
        len(stored),
        rows,
        {"ours": [first, all_ten, mine], "theirs": other, "dense": [sort, part], "k": report.k},
        seed,
    )


def sweep(options: Options) -> Table:
    """K sweep: 50 blobs in 768 dimensions, as theirs, and real vectors."""
    n, seed = options.n or 10_000, 0
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((50, 768), np.float32)
    labels = rng.integers(0, 50, n)
    noise = rng.standard_normal((n, 768), np.float32) * np.float32(0.35)
    blobs = unit((centres[labels] + noise).astype(np.float32))
    asked_count = min(1000, n // 10)
    real = options.data
    sets = {
        "blobs": (blobs[asked_count:], blobs[:asked_count]),
        "real": (real.stored[:n], real.queries["question"][: options.queries]),
    }
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    for name, (stored, asked) in sets.items():
        raw[name] = swept(options, stored, asked, seed)
        rows += rows_of(name, raw[name])
    return Table(
        "sweep over the number of centroids",
        f"recall@10 against exact search with {PROBES} probes and at most {BUDGET:,} candidates; "
        "share of items compared; CPU µs (median, one thread). Beyond the budget theirs drops what "
        "was added last, ours what is routed worst. Recommended: least time at a recall within one "
        "point of the best.",
        f"their generator (50 blobs, 768 dimensions); {real.source} (384 dimensions, questions)",
        n,
        rows,
        raw,
        seed,
    )


def swept(options: Options, stored: Vectors, asked: Vectors, seed: int) -> dict[str, Any]:
    """Points of ours and theirs by K."""
    counts = [k for k in COUNTS if k <= len(stored) // 4]
    truth = nearest(stored, asked, 10)
    theirs = ask(
        DRIVER,
        options.theirs,
        {"stored": stored, "queries": asked},
        do="search",
        ks=counts,
        m=PROBES,
        fit=len(stored),
        n_iter=15,
        config={"top_k": 10, "max_candidates": min(BUDGET, len(stored)), "store_payloads": False},
    )
    out: dict[str, Any] = {"exact": timed(partial(best, stored), asked)["p50"], "ours": {}}
    every: list[int | str] = [*counts, "2sqrt"]
    for k in every:
        index = RoutingIndex(stored.shape[1], seed=seed, k=k, flat_until=0)
        index.add_many(np.arange(len(stored)), stored)
        index.build()
        if isinstance(k, str):
            out["auto"] = point(index, asked, truth)
        else:
            how = {"n_probes": min(PROBES, k), "max_candidates": BUDGET}
            out["ours"][k] = point(index, asked, truth, **how)
    out["theirs"] = {
        int(k): {"recall": share(one["ids"], truth), "compared": one["compared"], "p50": one["p50"]}
        for k, one in (theirs or {}).items()
    }
    return out


def point(
    index: RoutingIndex, asked: Vectors, truth: NDArray[np.int64], **how: Any
) -> dict[str, float]:
    """Recall, share compared exactly and time of one way to search an index."""
    results = [index.search(query, return_signals=True, **how) for query in asked]
    looked = [one.signals.reranked for one in results if one.signals]
    return {
        "recall": share([[hit.id for hit in one.hits] for one in results], truth),
        "compared": float(np.mean(looked)) / len(index),
        "p50": timed(partial(index.search, **how), asked)["p50"],
    }


def rows_of(name: str, points: dict[str, Any]) -> list[Row]:
    """Lines of one set of vectors."""
    ours, theirs = points["ours"], points["theirs"]
    rows = [
        Row(
            f"{name}, K = {k}",
            "the sweet spot" if k == 256 else "",
            told(theirs[k]) if k in theirs else "",
            told(one),
        )
        for k, one in ours.items()
    ]
    advice = Row(
        f"{name}: recommended (exact numpy: {points['exact']:.0f} µs)",
        "K = 256",
        f"K = {recommended(theirs)}" if theirs else "",
        f"K = {recommended(ours)}",
    )
    auto = points["auto"]
    as_it_comes = Row(
        f"{name}: ours as it comes, codes first",
        ours=told(auto),
        check="recall >= .99",
        holds=auto["recall"] >= 0.99,
    )
    return [*rows, advice, as_it_comes]


def recommended(points: dict[int, dict[str, float]]) -> int:
    """The quickest K whose recall is within a point of the best."""
    most = max(one["recall"] for one in points.values())
    good = {k: one["p50"] for k, one in points.items() if one["recall"] >= most - 0.01}
    return min(good, key=lambda k: good[k])


def best(stored: Vectors, query: Vectors) -> NDArray[np.int64]:
    """Exact search by numpy."""
    return np.argpartition(-(stored @ query), 10)[:10]


def top_in(found: list[list[int]], truth: NDArray[np.int64]) -> float:
    """Share of queries whose nearest item was found."""
    return float(np.mean([row[0] in ids for ids, row in zip(found, truth, strict=True)]))


def share(found: list[list[int]], truth: NDArray[np.int64]) -> float:
    """Share of the nearest items that were found."""
    return sum(len({*a} & {*b.tolist()}) for a, b in zip(found, truth, strict=True)) / truth.size


def told(one: dict[str, float]) -> str:
    """A cell."""
    return f"{one['recall']:.4f} ({percent(one['compared'])}, {one['p50']:.0f} µs)"
