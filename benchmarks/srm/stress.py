"""Drift: centroids that move while their items stay, and centroids that take them along."""

from typing import Any

import numpy as np

from routemem.memory_core import RoutingIndex
from routemem.memory_core.routing.adapt import adapt_to

from ..claims import Options, Row, Table, percent
from ..theirs import ask
from ..vectors import Vectors, unit
from . import DRIVER

K, BUDGET, PROBES = 128, 50, 8
#: Squared distance from which a vector moves its centroid, and how far.
TAU, ETA = 0.75, 0.05
CLOSE = 0.98


def drift(options: Options) -> Table:
    """Static against adaptive, with 50 candidates a query."""
    n = options.n or 5000
    k = min(K, n // 8)
    before, after = clumped(n, 1), clumped(n, 99)
    theirs = ask(
        DRIVER,
        options.theirs,
        {"before": before, "after": after},
        do="drift",
        k=k,
        max_candidates=BUDGET,
        adaptive={"tau": TAU, "eta": ETA},
    )
    asked = after[: min(1000, n)]
    ours: dict[str, Any] = {}
    for name in ("static", "adaptive"):
        index = RoutingIndex(before.shape[1], k=k, init="k-means++", flat_until=0, merging="manual")
        index.add_many(np.arange(n), before)
        index.build()
        index.add_many(np.arange(n, 2 * n), after)
        index.merge()
        if name == "adaptive":  # a squared distance of tau is a cosine of 1 - tau / 2
            adapt_to(index, after, eta=ETA, least_qerr=TAU / 2)
        ours[name] = measured(index, np.concatenate([before, after]), asked)
    found = {name: hits(one["best"]) for name, one in theirs.items()} if theirs else {}
    rows = []
    for name, claim in (("static", "safer"), ("adaptive", "")):
        mine = ours[name]
        rows += [
            Row(
                f"{name}: found with {BUDGET} candidates",
                claim,
                percent(found[name]) if found else "",
                percent(mine["found"]),
                "at least as much as static" if name == "adaptive" else "",
                name == "static" or mine["found"] >= ours["static"]["found"],
            ),
            Row(
                f"{name}: items in a bucket that is not their nearest",
                "",
                f"{theirs[name]['wrong']} of {2 * n}" if theirs else "",
                f"{mine['wrong']} of {2 * n}",
                "0",
                mine["wrong"] == 0,
            ),
            Row(
                f"{name}: centroids not of length 1",
                "",
                f"{theirs[name]['not_unit']} of {k}" if theirs else "",
                f"{mine['not_unit']} of {k}",
                "0",
                mine["not_unit"] == 0,
            ),
        ]
    return Table(
        "drift under a small budget",
        "Their generator: 20 dense clusters, then 20 others; the codebook is fitted to the first. "
        f"A query is a stored vector of the second part; it counts as found if a hit has a cosine "
        f"above {CLOSE}. {PROBES} probes, {BUDGET} candidates, tau {TAU}, eta {ETA}. Theirs cuts "
        "candidates by order of insertion and leaves items where they were when centroids move.",
        f"made: 2 times {n:,} vectors of 384",
        2 * n,
        rows,
        {"ours": ours, "theirs": found},
    )


def clumped(n: int, seed: int) -> Vectors:
    """Their dense clusters: noise .02 a component around 20 directions."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((20, 384)).astype(np.float32))
    vectors = np.empty((n, 384), np.float32)
    for row in vectors:
        row[:] = centres[rng.integers(0, 20)] + rng.standard_normal(384).astype(np.float32) * 0.02
    return unit(vectors)


def measured(index: RoutingIndex, every: Vectors, asked: Vectors) -> dict[str, Any]:
    """What is found, and whether every item lies where it belongs."""
    assert index.codebook is not None
    codes, nearest = index.codes(), index.codebook.encode_many(stored_as(index, every))[0]
    sizes = np.linalg.norm(index.codebook.centroids, axis=1)
    found = [index.search(query, 10, PROBES, max_candidates=BUDGET).hits for query in asked]
    best = [max((hit.score for hit in each), default=0.0) for each in found]
    return {
        "found": hits(best),
        "wrong": sum(codes[item] != int(code) for item, code in enumerate(nearest)),
        "not_unit": int((np.abs(sizes - 1) > 1e-4).sum()),
    }


def stored_as(index: RoutingIndex, every: Vectors) -> Vectors:
    """Vectors as the index holds them: float16 rows."""
    assert index.pack is not None
    return index.pack.vectors(np.arange(len(every)))


def hits(best: list[float]) -> float:
    """Share of queries with a close enough hit."""
    return float(np.mean(np.array(best) > CLOSE))
