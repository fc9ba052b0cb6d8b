"""Benchmarks 3 to 5 and the reductions: bytes of the levels, and what a drill-down finds."""

from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core import Hierarchy, RoutingIndex
from routemem.memory_core.routing.levels import Reduction

from ..claims import Options, Row, Table, percent
from ..vectors import Vectors, nearest
from .rule import QUESTIONS, TheirRule, corpus, vectors

DIM, TOP_K = 256, 5
DRILLS: dict[str, tuple[int, ...]] = {"L2": (2,), "L2 + L1": (2, 1), "L2 + L1 + L0": (2, 1, 0)}
CLAIMS = {"L2": "8 %", "L2 + L1": "12 %", "L2 + L1 + L0": "16 %"}


def bytes_by_level(options: Options) -> Table:
    """Benchmark 3."""
    n = options.n or 500
    stored = vectors(corpus(n), DIM)
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    claims = {0: "1.0 KB", 1: "336 B", 2: "84 B"}
    for reduction in ("hgns", "pca", "bit"):
        made = hierarchy(stored, reduction)
        raw[reduction] = {level: size / n for level, size in made.nbytes.items()}
    for level, claim in claims.items():
        ours = {reduction: raw[reduction][level] for reduction in raw}
        rows.append(
            Row(
                f"level {level}: bytes an item",
                claim,
                "",
                ", ".join(f"{size:.0f} ({reduction})" for reduction, size in ours.items()),
            )
        )
    small = raw["bit"][1] + raw["bit"][2]
    rows.append(
        Row(
            "levels 1 and 2 together",
            "420 B",
            "",
            f"{small:.0f} (bit, the default)",
            "below theirs",
            small < 420,
        )
    )
    return Table(
        "bytes of the levels",
        "Bytes of the arrays of each level divided by the items. Their figure for level 1 leaves "
        "out the component numbers, without which its vectors cannot be compared.",
        f"made: {n:,} texts, word vectors of {DIM}",
        n,
        rows,
        raw,
    )


def accuracy(options: Options) -> Table:
    """Benchmark 4."""
    n = options.n or 500
    stored, asked = vectors(corpus(n), DIM), vectors(list(QUESTIONS), DIM)
    truth = nearest(stored, asked, TOP_K)
    index = RoutingIndex(DIM, flat_until=0)
    index.add_many(np.arange(n), stored)
    index.build()
    rule, made = TheirRule(stored), hierarchy(stored, "bit")
    theirs = precision([rule.search(query, TOP_K) for query in asked], truth)
    ways = {
        "routing index": [[hit.id for hit in index.search(q, TOP_K).hits] for q in asked],
        "levels, as by default": [[hit.id for hit in made.search(q, TOP_K)] for q in asked],
    }
    rows = []
    for way, found in ways.items():
        mine = precision(found, truth)
        rows.append(
            Row(
                f"precision@{TOP_K} against exact search, {way}",
                "16 %",
                f"{percent(theirs)} (their rule)",
                percent(mine),
                "100 %" if way == "routing index" else ">= 95 %",
                mine >= (1 if way == "routing index" else 0.95),
            )
        )
    return Table(
        "accuracy",
        "Share of the 5 exact nearest among 5 hits.",
        f"made: {n:,} texts, word vectors of {DIM}, {len(asked)} questions",
        n,
        rows,
    )


def contribution(options: Options) -> Table:
    """Benchmark 5, on its kind of corpus and on real vectors."""
    n = options.n or 500
    words = (vectors(corpus(n), DIM), vectors(list(QUESTIONS), DIM))
    real = options.data.stored[: max(n, 2000)], options.data.queries["question"][: options.queries]
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    for name, (stored, asked) in {"word vectors": words, "real vectors": real}.items():
        truth = nearest(stored, asked, TOP_K)
        rule = TheirRule(stored)
        made = {reduction: hierarchy(stored, reduction) for reduction in get_args(Reduction)}
        for drill, levels in DRILLS.items():
            found: dict[str, float] = {}
            for reduction, each in made.items():
                hits = [each.search(query, TOP_K, levels, candidates=100) for query in asked]
                found[reduction] = precision([[hit.id for hit in one] for one in hits], truth)
            theirs = precision([rule.search(query, TOP_K, levels) for query in asked], truth)
            raw[f"{name}, {drill}"] = {"ours": found, "theirs": theirs}
            told = [f"{percent(share)} {reduction}" for reduction, share in found.items()]
            full = drill == "L2 + L1 + L0"
            rows.append(
                Row(
                    f"{name}, {drill}",
                    CLAIMS[drill] if name == "word vectors" else "",
                    f"{percent(theirs)} (their rule)",
                    ", ".join(told),
                    "bit, the default, is best and >= 95 %" if full else "",
                    not full or found["bit"] >= max(0.95, *found.values()),
                )
            )
    return Table(
        "what each level contributes",
        "precision@5 against exact search by level 2 alone, with level 1, with level 0; 100 "
        "candidates of level 2 in ours, 25 in their rule. hgns is their reduction with component "
        "numbers used; hgns-global keeps the same components of every vector.",
        f"{n:,} made texts, word vectors of {DIM}; {options.data.source}: {len(real[0]):,} vectors",
        n,
        rows,
        raw,
    )


def hierarchy(stored: Vectors, reduction: Reduction) -> Hierarchy:
    """A filled hierarchy; ids are row numbers."""
    made = Hierarchy(stored.shape[1], reduction=reduction)
    made.fit(np.arange(len(stored)), stored)
    return made


def precision(found: list[list[int]], truth: NDArray[np.int64]) -> float:
    """Share of what was found that is among the exact nearest."""
    right = sum(len({*ids} & {*row.tolist()}) for ids, row in zip(found, truth, strict=True))
    return right / max(1, sum(map(len, found)))
