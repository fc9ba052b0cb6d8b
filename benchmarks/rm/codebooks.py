"""H1, H4 and A6: how well centroids stand for vectors, how many to have, how even they are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core import Codebook
from routemem.memory_core.routing.codebook import gini
from routemem.memory_core.routing.heuristics import RULES, centroid_count, measured_counts

from ..claims import Options, Row, Table, percent
from ..theirs import ask
from ..vectors import Vectors, mixed, nearest
from . import DRIVER

SEED = 42


def fidelity(options: Options) -> Table:
    """H1."""
    stored = options.data.stored[: options.n or None]
    counts = [k for k in (16, 32, 64, 128, 256, 512) if k <= len(stored) // 4]
    theirs = ask(DRIVER, options.theirs, {"stored": stored}, do="codebooks", ks=counts, seed=SEED)
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    for k in counts:
        book = Codebook.fit(stored, k, seed=SEED)
        codes, _ = book.encode_many(stored)
        mine = {"fidelity": book.fidelity(stored), "gini": book.gini(codes)}
        raw[str(k)] = {"ours": mine, "theirs": theirs and theirs[str(k)]}
        cell, holds = "", True
        if theirs:
            sizes = np.array(theirs[str(k)]["sizes"])
            cell = f"{theirs[str(k)]['fidelity']:.4f}, Gini {gini(sizes):.3f}"
            holds = mine["fidelity"] >= theirs[str(k)]["fidelity"]
        rows.append(
            Row(
                f"fidelity, K = {k}",
                "0.7415" if k == 64 else "",
                cell,
                f"{mine['fidelity']:.4f}, Gini {mine['gini']:.3f}",
                "ours >= theirs" if theirs else "",
                holds,
            )
        )
    return Table(
        "codebook fundamentals",
        "Fidelity: mean cosine of all vectors with their nearest centroid. It depends on the data "
        "more than on the code: the claim's data is not published.",
        options.data.source,
        len(stored),
        rows,
        raw,
        SEED,
    )


def heuristics(options: Options) -> Table:
    """H4."""
    n = options.n or 5000
    stored = mixed(options.data.stored, n)
    asked = options.data.queries["in-distribution"][: options.queries]
    truth = nearest(stored, asked, 5)
    counts = {rule: centroid_count(rule, n) for rule in RULES}
    theirs = ask(
        DRIVER,
        options.theirs,
        {"stored": stored},
        do="codebooks",
        ks=sorted(set(counts.values())),
        seed=SEED,
        every=10,
    )
    raw: dict[str, Any] = {rule: opened(stored, asked, truth, k) for rule, k in counts.items()}
    chosen = measured_counts(stored, n, seed=SEED)[0].rule
    best = min(raw, key=lambda rule: float(raw[rule]["work"]))
    rows = [
        Row(
            f"{rule}, K = {counts[rule]}",
            "lowest Gini" if rule == "sqrt" else "",
            f"Gini {gini(np.array(theirs[str(counts[rule])]['sizes'])):.3f}" if theirs else "",
            f"Gini {found['gini']:.3f}, {found['dead']} dead codes, "
            f"work {percent(found['work'])} of n",
        )
        for rule, found in raw.items()
    ]
    rows.append(
        Row(
            f"auto chooses {chosen}",
            ours=f"work {percent(raw[chosen]['work'])}; "
            f"least: {best}, {percent(raw[best]['work'])}",
            check="within 10 % of the least work",
            holds=raw[chosen]["work"] <= 1.1 * raw[best]["work"],
        )
    )
    return Table(
        "heuristics for the number of centroids",
        "Work: centroids plus items of the opened buckets, as a share of the items, when buckets "
        "are opened until the queries have found .98 of their 5 exact nearest. Gini: imbalance of "
        "the bucket sizes; it is not what a search costs.",
        f"{options.data.source}, {len(asked)} in-distribution queries",
        n,
        rows,
        raw | {"auto": chosen},
        SEED,
    )


def opened(stored: Vectors, asked: Vectors, truth: NDArray[np.int64], k: int) -> dict[str, float]:
    """What K costs at R@5 .98: an own computation, not the library's."""
    book = Codebook.fit(stored, k, seed=SEED)
    codes, _ = book.encode_many(stored)
    sizes = np.bincount(codes, minlength=k)
    order = np.argsort(-(asked @ book.centroids.T), axis=1)
    rank = np.argsort(order, axis=1)
    needed = np.sort(np.take_along_axis(rank, codes[truth], axis=1).ravel())
    probes = int(needed[int(np.ceil(0.98 * len(needed))) - 1]) + 1
    scanned = float(sizes[order[:, :probes]].sum(axis=1).mean())
    return {
        "k": k,
        "gini": gini(sizes),
        "dead": int((sizes == 0).sum()),
        "probes": probes,
        "scanned": scanned / len(stored),
        "work": (k + scanned) / len(stored),
    }


def imbalance(options: Options) -> Table:
    """A6."""
    n = options.n or 100_000
    stored = mixed(options.data.stored, n)
    k = min(256, n // 8)
    theirs = ask(
        DRIVER, options.theirs, {"stored": stored}, do="codebooks", ks=[k], seed=SEED, every=100
    )
    book = Codebook.fit(stored, k, seed=SEED)
    codes, _ = book.encode_many(stored)
    mine = book.gini(codes)
    other = gini(np.array(theirs[str(k)]["sizes"])) if theirs else None
    sizes = book.sizes(codes)
    row = Row(
        f"Gini of the bucket sizes, K = {k}",
        "0.3628 (100K, K = 256)",
        f"{other:.4f}" if other is not None else "",
        f"{mine:.4f}; largest bucket {sizes.max() / sizes.mean():.1f} times the mean",
        "ours <= theirs" if other is not None else "",
        other is None or mine <= other,
    )
    real = min(n, len(options.data.stored))
    return Table(
        "bucket imbalance",
        "Gini coefficient of the number of items per bucket: 0 when all are equal.",
        f"{options.data.source}: {real:,} real vectors, the rest made by the mixture",
        n,
        [row],
        {"ours": mine, "theirs": other, "sizes": sizes.tolist()},
        SEED,
    )
