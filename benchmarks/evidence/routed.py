"""Does routing lose evidence? The dense stage of recall, routed and exact, among 100,000 others.

    python -m benchmarks.evidence.routed --data FILE [--data FILE] [--vectors DIR] [--items N]

All conversations of all files lie in one index as their vectors are stored, one a passage, beside
the vectors of ``DIR`` and, up to N in all, of the mixture of `benchmarks.vectors`. The index is
packed and calibrated as a scope's is above 14,000 passages; nothing is set by hand. Every question
is searched as recall does it, and once more with every vector compared. R@k is the share of the
gold turns among the first k turns, *found again* the share of the exact search's first k passages.
Results hold numbers only.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before any library is imported

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex

from ..vectors import OWN, Vectors, given, made, mixed, timed
from .conversations import load, users_only
from .embedding import Once
from .metrics import UNANSWERABLE
from .ours import Library

#: Passages that recall takes from the dense stage.
DEEP = 200
KS = (5, 10, 20)
DRAWS = 2000


class Asked:
    """The questions of some conversations and the passages of what was said in them."""

    def __init__(self) -> None:
        self.vectors: list[Vectors] = []
        #: Of each passage its turn, of each question its vector and its gold.
        self.turns: list[tuple[str, Any]] = []
        self.questions: list[tuple[str, Vectors, set[tuple[str, Any]]]] = []

    def add(self, name: str, talk: dict[str, Any], embedder: Any) -> None:
        """Take a conversation in."""
        library = Library(talk, embedder)
        stored = library.memory.store.vectors(None)
        items = library.memory.store.items(sorted(set(stored.items.tolist())))
        self.vectors.append(stored.vectors.astype(np.float32))
        self.turns += [(talk["id"], library.turn[items[row].id]) for row in stored.items.tolist()]
        for asked in talk["questions"]:
            gold = {(talk["id"], turn) for turn in asked["evidence"]}
            if gold and asked["category"] not in UNANSWERABLE:
                self.questions.append((name, embedder.encode([asked["question"]]).vectors[0], gold))
        library.close()


def shares(
    turns: Sequence[tuple[str, Any]], found: NDArray[np.int64], gold: set[tuple[str, Any]]
) -> list[float]:
    """R@k of one question; what is no turn of a conversation counts as one of its own."""
    ranked = list(dict.fromkeys(turns[row] if row < len(turns) else row for row in found.tolist()))
    return [len(gold & set(ranked[:k])) / len(gold) for k in KS]


def compared(index: RoutingIndex, asked: Asked) -> dict[str, Any]:
    """What either way finds, by corpus."""
    rows: dict[str, list[list[float]]] = {}
    for name, vector, gold in asked.questions:
        routed, exact = index.search(vector, DEEP).ids, index.search(vector, DEEP, exact=True).ids
        again = [float(np.isin(exact[:k], routed[:k]).mean()) for k in (10, DEEP)]
        told = [*shares(asked.turns, routed, gold), *shares(asked.turns, exact, gold), *again]
        rows.setdefault(name, []).append(told)
    return {name: summary(np.array(each)) for name, each in rows.items()}


def summary(rows: NDArray[np.float64]) -> dict[str, Any]:
    """Means in per cent, and the difference of R@5 with its 95 % bootstrap interval."""
    means = (100 * rows.mean(0)).round(2).tolist()
    lost = 100 * (rows[:, len(KS)] - rows[:, 0])
    drawn = np.random.default_rng(0).integers(0, len(lost), (DRAWS, len(lost)))
    low, high = np.percentile(lost[drawn].mean(1), [2.5, 97.5])
    return {
        "n": len(rows),
        "routed": dict(zip((f"R@{k}" for k in KS), means, strict=False)),
        "exact": dict(zip((f"R@{k}" for k in KS), means[len(KS) :], strict=False)),
        "R@5 lost": [round(float(each), 2) for each in (lost.mean(), low, high)],
        "questions whose R@5 differs": int(np.count_nonzero(lost)),
        "found again": {"@10": means[-2], f"@{DEEP}": means[-1]},
    }


def main() -> None:
    """Build, ask, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--vectors", type=Path, help="a folder as `benchmarks.vectors` makes it")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--out", type=Path)
    given_ = parser.parse_args()
    asked, embedder = Asked(), Once()
    for path in given_.data:
        for talk in load(path):
            asked.add(path.stem, users_only(talk), embedder)
    said = np.concatenate(asked.vectors)
    others = (given(given_.vectors) if given_.vectors else made(OWN)).stored
    stored = np.concatenate([said, mixed(others, given_.items - len(said))])
    index = RoutingIndex(stored.shape[1], flat_until=0)
    index.add_many(np.arange(len(stored)), stored)
    index.build()
    vectors = np.array([vector for _, vector, _ in asked.questions])
    told: dict[str, Any] = {
        "passages": len(stored),
        "of conversations": len(said),
        "real others": min(len(others), len(stored) - len(said)),
        "probes": index.report().n_probes,
        "buckets": index.report().k,
        **compared(index, asked),
        "routed µs": timed(lambda query: index.search(query, DEEP), vectors),
        "exact µs": timed(lambda query: index.search(query, DEEP, exact=True), vectors[:100]),
    }
    print(json.dumps(told, indent=1, ensure_ascii=False))
    if given_.out:
        given_.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
