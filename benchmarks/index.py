"""The routing index beside exact search and beside other libraries, in one process and run.

    python -m benchmarks.index [--vectors DIR] [--sizes 5000,34500,60000] [--no-peers]
                               [--cache DIR] [--out FILE]

``DIR`` holds vectors and queries as `benchmarks.vectors` says, which makes some without it. A size
above the number of real vectors is filled up by the mixture of `mixed`, and said to be; ``--cache``
keeps such sets. The other libraries are those of `benchmarks.index_peers` that are installed.

What is compared: each way to search, at its cheapest setting with recall@10 of at least .99 on
in-distribution queries and .98 on question-style ones (chosen on these queries: the index's own
``auto`` is not), and, as a second group, at the recall that ``auto`` reaches. CPU time of the whole
process, one thread, one query at a time, the ways taking turns. Trust the ratios, not the
microseconds. ``ROUTEMEM_KERNEL=avx2`` (``scalar``, ``numpy``) measures another path of ours.

Sizes are added to those a result file holds already, so that large ones can be run by themselves.
"""

import argparse
import json
import os
import platform
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before any library is imported
os.environ.setdefault("RAYON_NUM_THREADS", "1")

import numpy as np

from routemem.memory_core import RoutingIndex
from routemem.memory_core.routing.kernel import ACTIVE

from .index_peers import BAR, Search, Side, built_cpu, sides, versions
from .index_tuning import Chosen, Queries, added, chosen, recalls, take_turns
from .vectors import OWN, Data, Vectors, exactly, given, made, mixed

RESULTS = Path(__file__).parent / "results"
#: Peers that keep more than this in memory are shown, but not what the ratio is taken to.
LEAN = 260
#: How far below the recall of ``auto`` a peer may stay and still be called equal.
SLACK = 0.002


#: Rows kept free behind the vectors, for what is added at the end.
SPARE = 100


def ours(stored: Vectors) -> tuple[RoutingIndex, Side]:
    """The index over some vectors, with settings like those that peers are tried at."""
    n = len(stored)
    index = RoutingIndex(stored.shape[1], flat_until=0)
    with built_cpu() as spent:
        index.add_many(np.arange(n), stored)
        index.build()
    report = index.report()

    def ids(probes: int | str, depth: int | None, query: Vectors) -> Any:
        return index.search(query, n_probes=probes, max_candidates=depth).ids

    free = iter(range(n, n + SPARE))

    def grow(vector: Vectors) -> None:
        index.add(next(free), vector)

    settings: dict[str, Search] = {"auto": partial(ids, "auto", None)}
    for share in (0.07, 0.1, 0.14, 0.18, 0.25, 0.35, 0.5, 0.7, 1):
        probes = max(1, round(report.k * share))
        for depth in (80, 100, 140, 200, 300):
            settings[f"n_probes={probes} max_candidates={depth}"] = partial(ids, probes, depth)
    bytes_held = report.footprint
    return index, Side(
        "routemem", settings, bytes_held.hot_per_item, bytes_held.cold / n, spent[0], grow,
    )  # fmt: skip


def compared(room: Vectors, n: int, queries: Queries, peers: bool) -> dict[str, Any]:
    """Every way to search ``room[:n]``: what it keeps, how it was set, how it did."""
    stored = room[:n]
    index, mine = ours(stored)
    report = index.report()
    exact = Side("numpy exact", {"all": partial(exactly, stored)}, 4 * stored.shape[1], 0, 0)
    every = [mine, exact, *(sides(room, n, report.k) if peers else ())]
    automatic = recalls(mine.settings["auto"], queries)
    picks = [Chosen(mine, "auto", automatic, "auto")]
    equal = {kind: value - SLACK for kind, value in automatic.items()}
    for side in every:
        for group, bar in (("bar", BAR), ("auto", equal)):
            if (side is mine and group == "auto") or (group == "bar" and not peers):
                continue  # without peers, ``auto`` and exact search stand alone
            pick = chosen(side, queries, bar, group)
            if pick is not None:
                picks.append(pick)
    rows = take_turns(picks, queries)
    for side in every:  # last: it changes what was searched
        if side.add is not None:
            pick = next((pick for pick in picks if pick.side is side), None)
            if pick is not None:
                spent = added(pick, queries)
                for row in rows:
                    if row["name"] == side.name:
                        row["add_then_search_us"] = spent
    missing = [side.name for side in every if all(pick.side is not side for pick in picks)]
    return {
        "k": report.k,
        "auto": {"n_probes": report.n_probes, "depth": report.depth},
        "gini": round(report.gini, 3),
        "searches": rows,
        "never_at_the_bar": missing,
        "ratios": ratios(rows),
        "limit": limit(index, queries, rows),
    }


def ratios(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """CPU time of ours over that of the best peer that keeps little, and over exact search."""

    def p50(row: dict[str, Any]) -> float:
        return float(row["cpu_us"]["in-distribution"]["p50"])

    told: dict[str, Any] = {}
    exact = next(row for row in rows if row["name"] == "numpy exact")
    for group, own in (("bar", "bar"), ("auto", "auto")):
        mine = [row for row in rows if row["name"] == "routemem" and row["group"] == own]
        lean = [
            row
            for row in rows
            if row["name"] != "routemem" and row["group"] == group and row["hot_bytes"] <= LEAN
        ]
        if mine:
            told[f"{group}: to exact numpy"] = round(p50(mine[0]) / p50(exact), 4)
        if mine and lean:
            best = min(lean, key=p50)
            told[f"{group}: to the best lean peer"] = round(p50(mine[0]) / p50(best), 3)
            told[f"{group}: that peer"] = f"{best['name']}, {best['setting']}"
    return told


def limit(index: RoutingIndex, queries: Queries, rows: list[dict[str, Any]]) -> dict[str, float]:
    """What ``auto`` would take if it did nothing but read what it looks at."""
    assert index.pack is not None
    pack, dim = index.pack, index.dim
    asked = queries.vectors["in-distribution"][:100]
    signals = [index.search(query, return_signals=True).signals for query in asked]
    scanned = float(np.mean([told.scanned for told in signals if told is not None]))
    compared_rows = float(np.mean([told.reranked for told in signals if told is not None]))
    read = scanned * (dim / 8 + 2) + pack.k * dim + compared_rows * dim * 2
    held = np.ones(max(pack.codes.nbytes, 1 << 20) // 4, np.float32)
    with built_cpu() as spent:
        for _ in range(20):
            held.dot(held)
    rate = 20 * held.nbytes / spent[0]
    mine = next(row for row in rows if row["name"] == "routemem" and row["group"] == "auto")
    least = read / rate * 1e6
    return {
        "scanned": round(scanned),
        "bytes_read": round(read),
        "read_gb_per_s": round(rate / 1e9, 1),
        "least_us": round(least, 1),
        "ratio": round(mine["cpu_us"]["in-distribution"]["p50"] / least, 2),
    }


def room_for(data: Data, n: int, cache: Path | None) -> Vectors:
    """``n`` vectors and spare rows of zeros; made ones are kept in a folder if there is one."""
    path = cache / f"mixed_{n}.npy" if cache is not None and n > len(data.stored) else None
    if path is not None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, mixed(data.stored, n))
    room = np.zeros((n + SPARE, data.stored.shape[1]), np.float32)
    room[:n] = mixed(data.stored, n) if path is None else np.load(path, mmap_mode="r")
    return room


def show(figures: dict[str, Any]) -> Iterator[str]:
    """The figures of one size as a table."""
    n, real = figures["n"], figures["real"]
    said = "all real" if real == n else f"{real:,} real, the rest made by the mixture"
    yield f"\n## {n:,} vectors ({said}), K = {figures['k']}, kernel {figures['kernel']}\n"
    yield (
        "| search | setting | group | R@10 | questions | CPU p50 µs | p95 | hot B | cold B | "
        "build s | add + search µs |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for row in sorted(
        figures["searches"], key=lambda row: (row["group"], row["cpu_us"]["in-distribution"]["p50"])
    ):
        own, question = row["recall"].values()
        spent = row["cpu_us"]["in-distribution"]
        yield (
            f"| {row['name']} | {row['setting']} | {row['group']} | {own:.4f} | {question:.4f} | "
            f"{spent['p50']:.0f} | {spent['p95']:.0f} | {row['hot_bytes']:.0f} | "
            f"{row['cold_bytes']:.0f} | {row['build_cpu_s']:.1f} | "
            f"{row.get('add_then_search_us', '–')} |"
        )
    yield f"\n{json.dumps(figures['ratios'], indent=1)}\nlimit: {figures['limit']}"
    if figures["never_at_the_bar"]:
        yield f"never at the bar: {', '.join(figures['never_at_the_bar'])}"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="the routing index beside exact search and peers")
    parser.add_argument("--vectors", type=Path, help="folder of vectors and queries")
    parser.add_argument("--sizes", default="", help="as 5000,34500; nothing for 5000 and all there")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--cache", type=Path, help="folder to keep made sets in")
    parser.add_argument("--out", type=Path, default=RESULTS / "index.json")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",") if size]
    data = given(options.vectors) if options.vectors else made(min([OWN, *sizes[-1:]]))
    found: dict[str, Any] = {"sizes": []}
    if options.out.exists():
        found = json.loads(options.out.read_text("utf-8"))
    kept = {figures["n"]: figures for figures in found["sizes"]}
    for n in sizes or sorted({min(5000, len(data.stored)), len(data.stored)}):
        room = room_for(data, n, options.cache)
        queries = Queries.of(room[:n], data.queries)
        figures = {
            "n": n,
            "real": min(n, len(data.stored)),
            "kernel": ACTIVE.name,
            **compared(room, n, queries, not options.no_peers),
        }
        print("\n".join(show(figures)), flush=True)
        kept[n] = figures
        told = {
            "source": data.source,
            "machine": platform.machine(),
            "numpy": np.__version__,
            "peers": {} if options.no_peers else versions(),
            "bar": BAR,
            "sizes": [kept[size] for size in sorted(kept)],
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
