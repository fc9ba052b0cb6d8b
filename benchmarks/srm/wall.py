"""A million items of 768 dimensions: what routing holds, and what recall needs beside it."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from routemem.memory_core import Codebook, RoutingIndex
from routemem.memory_core.routing.codes import Rotation
from routemem.memory_core.routing.pack import Rerank, pack_rows

from ..claims import Options, Row, Table
from ..theirs import ask
from ..vectors import nearest
from . import DRIVER
from .search import share

D = 768
BATCH = 20_000


def memory_wall(options: Options) -> Table:
    """Bytes counted on real arrays; the vectors are made in batches and lie in a file."""
    n = options.n or 1_000_000
    k = min(256, n // 8)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "rows.f16"
        rng = np.random.default_rng(n)
        with path.open("wb") as file:
            for start in range(0, n, BATCH):
                batch = rng.standard_normal((min(BATCH, n - start), D), np.float32)
                batch /= np.linalg.norm(batch, axis=1, keepdims=True)
                file.write(batch.astype(np.float16).tobytes())
        rows = np.memmap(path, np.float16, "r", shape=(n, D))
        sample = rows[:: max(1, n // (64 * k))].astype(np.float32)
        book = Codebook.fit(sample, k)
        pack = pack_rows(np.arange(n), rows, np.empty(0, np.float32), book, Rotation.random(D, 0))
        file_bytes = path.stat().st_size
    routing = {
        field: getattr(pack, field).nbytes
        for field in ("ids", "lanes", "offsets", "routing", "scales")
    }
    codes = pack.codes.nbytes + pack.factors.nbytes
    packed = 4 * n + 4 * (k + 1) + k * D * 4
    theirs = ask(DRIVER, options.theirs, {"codes": pack.buckets()}, do="wall", k=k, d=D)
    mine, dense = sum(routing.values()), n * D * 4
    recalls = {kind: routed_only(options, kind) for kind in ("none", "fp16")}
    other = their_recall(options)
    table = [
        Row("dense, float32", "2.93 GB", size(dense), size(dense)),
        Row("routing in Python lists", "43.15 MB", size(theirs["lists"]) if theirs else ""),
        Row(
            "routing, packed: ids by bucket, offsets, centroids",
            "4.57 MB (640x)",
            f"{size(packed)} (arrays of their script's shapes)",
            size(mine),
            "no more than theirs",
            mine <= packed,
        ),
        Row("with what ranks: 1-bit codes and factors", "", "nothing ranks", size(mine + codes)),
        Row(
            "with what recall needs: the rerank vectors",
            "",
            f"{size(packed + n * D * 2)} (float16, in memory)",
            f"{size(mine + codes + file_bytes)}, of it {size(file_bytes)} (float16) in a file",
        ),
        Row(
            "recall@10 without vectors",
            "",
            f"{other['none']:.3f}" if other else "",
            f"{recalls['none']:.3f}",
            "above theirs" if other else "",
            other is None or recalls["none"] > other["none"],
        ),
        Row(
            "recall@10 with vectors",
            "",
            f"{other['fp16']:.3f} (8 probes)" if other else "",
            f"{recalls['fp16']:.3f} (auto)",
            ">= .99",
            recalls["fp16"] >= 0.99,
        ),
    ]
    real = options.data
    return Table(
        "memory wall",
        f"Bytes of arrays by nbytes, K = {k}. Items are really assigned to their nearest centroid "
        "(their script draws buckets at random). MB and GB are 2^20 and 2^30 bytes, as theirs. The "
        "recall lines are of real vectors at K = 256: a layer that small cannot rank by itself.",
        f"made: {n:,} Gaussian vectors of {D}; recall: {real.source}, {len(real.stored):,} vectors",
        n,
        table,
        {"routing": routing, "codes": codes, "recall": recalls, "theirs": theirs, "other": other},
    )


def routed_only(options: Options, rerank: Rerank) -> float:
    """Our recall@10 on real vectors, without rerank vectors or with them."""
    stored, asked = options.data.stored, options.data.queries["in-distribution"][: options.queries]
    index = RoutingIndex(
        stored.shape[1], k=min(256, len(stored) // 8), flat_until=0, rerank=rerank, merging="manual"
    )
    index.add_many(np.arange(len(stored)), stored)
    index.build()
    found = [[hit.id for hit in index.search(query).hits] for query in asked]
    return share(found, nearest(stored, asked, 10))


def their_recall(options: Options) -> dict[str, float] | None:
    """Theirs, likewise."""
    stored, asked = options.data.stored, options.data.queries["in-distribution"][: options.queries]
    truth, k = nearest(stored, asked, 10), min(256, len(stored) // 8)
    out = {}
    for kind, keep in (("none", False), ("fp16", True)):
        config: dict[str, Any] = {"top_k": 10, "store_item_embeddings": keep}
        answer = ask(
            DRIVER,
            options.theirs,
            {"stored": stored, "queries": asked},
            do="search",
            ks=[k],
            m=8,
            fit=min(10_000, len(stored)),
            n_iter=15,
            config=config,
        )
        if answer is None:
            return None
        out[kind] = share(answer[str(k)]["ids"], truth)
    return out


def size(count: int) -> str:
    """Bytes in the units of the claim."""
    return f"{count / 2**30:.2f} GB" if count >= 2**30 else f"{count / 2**20:.2f} MB"
