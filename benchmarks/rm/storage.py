"""H7: bytes and times, each kind of bytes on a line of its own."""

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

from ..claims import Options, Row, Table
from ..theirs import ask
from ..vectors import Vectors, exactly, mixed, nearest, timed
from . import DRIVER
from .retrieval import SEED, filled, searched, their_point


def storage(options: Options) -> Table:
    """H7."""
    n = options.n or 5000
    stored = mixed(options.data.stored, n)
    asked = options.data.queries["in-distribution"][: options.queries]
    theirs = ask(DRIVER, options.theirs, {"stored": stored}, do="memory", seed=SEED)
    found = searched(options, stored, asked, (3,))
    speed = their_point(found, 3, nearest(stored, asked, 5))["p50"] if found else None
    index = filled(stored, flat_until=0)
    arrays = index.footprint().arrays
    dense = n * stored.shape[1] * 4
    codes = arrays["codes"] + arrays["factors"]
    routing = arrays["ids"] + arrays["lanes"] + arrays["offsets"] + arrays["routing"]
    routing += arrays["scales"]
    hot, cold = index.footprint().hot, index.footprint().cold
    apart = measured(stored)
    flat = timed(partial(exactly, stored), asked)["p50"]
    mine = timed(partial(index.search, top_k=5), asked)["p50"]

    def line(what: str, ours: int, their: int | None = None, claim: str = "") -> Row:
        return Row(what, claim, told(their, dense) if their else "", told(ours, dense))

    number = 2 * n  # their claim: a 2-byte bucket number an item, and nothing else
    rows = [
        line(
            "codes only: a bucket number per item, which ranks nothing",
            number,
            number,
            "768x",
        ),
        line("ids by bucket, offsets, routing table", routing),
        line("1-bit codes and factors", codes),
        line("all that every query reads (hot)", hot),
        line("vectors for the exact comparison, keys, centroids (cold, in a file)", cold),
        line("everything: hot and cold", hot + cold),
        Row(
            "resident memory gained by filling it",
            "",
            told(theirs["rss"], dense) if theirs else "",
            told(apart["rss"], dense),
            "below theirs" if theirs else "",
            theirs is None or apart["rss"] < theirs["rss"],
        ),
        line("resident memory gained by opening the file and 200 searches", apart["open_rss"]),
        line("file", apart["file"], theirs["file"] if theirs else None),
        Row(
            "CPU of a query (exact numpy: " + f"{flat:.0f} µs)",
            "a fraction of exact search",
            f"{speed:.0f} µs" if speed else "",
            f"{mine:.0f} µs",
            "below theirs" if speed else "",
            speed is None or mine < speed,
        ),
        Row(
            "items added a second, vectors given",
            "",
            f"{theirs['adds_per_s']:.0f}" if theirs else "",
            f"{apart['adds_per_s']:.0f} (index alone, no file)",
        ),
        Row(
            "opening the file",
            "",
            f"{theirs['open_s']:.2f} s" if theirs else "",
            f"{apart['open_s'] * 1000:.1f} ms",
        ),
    ]
    return Table(
        "storage and time",
        "Bytes counted on the arrays; resident memory in a fresh process before and after filling "
        "it with the vectors. Theirs keeps texts (here: a number) and vectors in SQLite; ours is "
        "the index, whose file holds float16 vectors, codes and keys. A ratio to the "
        f"{dense / 1e6:.1f} MB of float32 vectors stands beside each figure.",
        f"{options.data.source}: {min(n, len(options.data.stored)):,} real vectors",
        n,
        rows,
        {"arrays": arrays, "ours": apart, "theirs": theirs, "p50": {"ours": mine, "theirs": speed}},
        SEED,
    )


def told(size: int, dense: int) -> str:
    """Bytes, and how they compare with the vectors as float32."""
    ratio, which = (dense / size, "less") if size < dense else (size / dense, "more")
    return f"{size / 1e6:.2f} MB, {ratio:.0f}x {which}" if ratio >= 10 else (
        f"{size / 1e6:.2f} MB, {ratio:.1f}x {which}"
    )  # fmt: skip


def measured(stored: Vectors) -> dict[str, Any]:
    """Resident memory, file and times of ours, in a process of its own."""
    answer: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        np.save(Path(name) / "stored.npy", stored)
        for step in ("filled", "opened"):
            done = subprocess.run(
                [sys.executable, "-m", __name__, step, name],
                cwd=Path(__file__).parents[2],
                capture_output=True,
                check=True,
            )
            answer |= json.loads(done.stdout)
    return answer


def resident() -> int:
    """Resident bytes of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def fill(place: Path) -> dict[str, Any]:
    """Fill an index item by item, build it and write it."""
    import sklearn.cluster  # type: ignore[import-untyped]  # noqa: F401  not the items' memory

    stored = np.load(place / "stored.npy")
    index = RoutingIndex(stored.shape[1], seed=SEED, flat_until=0, merging="manual")
    before, start = resident(), time.perf_counter()
    for number, vector in enumerate(stored):
        index.add(number, vector)
    added = time.perf_counter() - start
    index.build()
    used = resident() - before
    assert index.pack is not None
    assert index.plan is not None
    stamp = generation.Stamp("benchmark", 1, "given")
    written = generation.write(place / "index", index.pack, index.plan, stamp, len(stored))
    size = sum(path.stat().st_size for path in written.iterdir())
    return {"rss": used, "file": size, "adds_per_s": len(stored) / added}


def reopen(place: Path) -> dict[str, Any]:
    """Open what was written and search it."""
    queries = np.load(place / "stored.npy", mmap_mode="r")[:200]
    queries = np.array(queries)
    (folder,) = (place / "index").iterdir()
    before, start = resident(), time.perf_counter()
    found = generation.load(folder)
    index = RoutingIndex.from_pack(found.pack, found.plan, seed=SEED)
    opened = time.perf_counter() - start
    for query in queries:
        index.search(query)
    return {"open_s": opened, "open_rss": resident() - before}


if __name__ == "__main__":
    work = {"filled": fill, "opened": reopen}[sys.argv[1]]
    print(json.dumps(work(Path(sys.argv[2]))))
