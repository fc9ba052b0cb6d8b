"""What a question costs without the model, and what a memory weighs.

    python -m benchmarks.query_cost [--items 5000 10000 100000] [--rounds 60] [--out FILE]

Made-up turns of 30 tokens from five speakers, in conversations of twenty, with random unit vectors
and token codes (their cost does not depend on what they say). CPU of the asking thread per
question; beside it, in the same run, FTS5's BM25 ordered by rank over the same words, and one
float32 product of all vectors. Results hold numbers only.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from routemem.memory_core import Memory, Settings
from routemem.memory_core.draft import draft_item
from routemem.memory_core.meaning import Asked
from routemem.memory_core.question import ask
from routemem.memory_core.records import Chunk
from routemem.memory_core.retrieval.lexical import content_words
from routemem.memory_core.text.identity import digest

from .texts import PEOPLE, memory, question

DIM, TOKENS, PARTS = 384, 41, ("vectors", "token_codes", "words_data", "items", "chunks")


class Told:
    """An embedder whose vectors are drawn, so that nothing of its time is counted."""

    id, dim, max_tokens = "drawn/384", DIM, 256

    def encode(self, texts: Any) -> Any:
        """Not called: everything is stored and asked with vectors."""
        raise NotImplementedError

    def pieces(self, text: str) -> list[tuple[int, int]]:
        """Not called."""
        raise NotImplementedError


def fill(stored: Memory, n: int) -> None:
    """Store ``n`` turns with drawn vectors and codes, in one transaction each thousand."""
    draw = np.random.default_rng(0)
    store = stored.store
    with store.atomic():
        store.set_meta("embedder", json.dumps({"id": Told.id, "dim": DIM}))
        store.set_meta("token_coder", "drawn")
    for first in range(0, n, 1000):
        with store.atomic():
            for number in range(first, min(first + 1000, n)):
                item = draft_item(
                    memory(number), kind="turn", priority=5, tags=[], source="user",
                    speaker=PEOPLE[number % 5], when=1.7e9 + number // 20 * 86400, pinned=False,
                    metadata={}, key="", now=1.7e9, max_bytes=1 << 20,
                )  # fmt: skip
                item = replace(item, digest=digest(item), tokens=30)
                vector = draw.standard_normal((1, DIM)).astype(np.float32)
                vector /= np.linalg.norm(vector)
                code = draw.integers(0, 256, 16 * TOKENS, np.uint8).tobytes()
                whole = [Chunk(0, len(item.text))]
                store.insert(item, whole, vector.astype(np.float16), [code])


def asked(number: int) -> tuple[str, Asked]:
    """A question and how a model would have read it."""
    draw = np.random.default_rng(number)
    text = question(number)
    drawn = draw.standard_normal(DIM)
    vector = (drawn / np.linalg.norm(drawn)).astype(np.float32)
    tokens = draw.standard_normal((14, 128)).astype(np.float32)
    spans = tuple((at * len(text) // 14, (at + 1) * len(text) // 14) for at in range(14))
    return text, Asked(vector, Told.id, tokens, spans, "drawn")


def cpu(calls: list[Callable[[], Any]]) -> dict[str, float]:
    """Milliseconds of this thread for each call, the first three not counted."""
    spent = []
    for call in calls:
        began = time.thread_time()
        call()
        spent.append((time.thread_time() - began) * 1000)
    ordered = sorted(spent[3:])
    return {
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
    }


def measure(n: int, rounds: int) -> dict[str, Any]:
    """One size of store."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scope.db"
        settings = Settings(token_counter="estimate", flush_seconds=3600)
        with Memory.open(path, embedder=Told(), settings=settings) as stored:
            fill(stored, n)
            began = time.thread_time()
            stored._rooms.recalling.search(ask("first"), asked(0)[1], None)
            told: dict[str, Any] = {
                "items": n,
                "first_ms": round(1000 * (time.thread_time() - began)),
            }
            questions = [asked(number * 37 % n) for number in range(rounds)]

            def recall(text: str, read: Asked) -> None:
                with stored.store.reading():
                    stored._rooms.recalling.search(ask(text), read, None)

            told["query_ms"] = cpu([lambda q=q: recall(*q) for q in questions])  # type: ignore[misc]  # bound early
            db = stored.store.db  # type: ignore[attr-defined]  # SQLite

            def bm25(text: str) -> None:
                words = " OR ".join(f'"{word}"' for word in content_words(text))
                db.rows(
                    "select rowid from words where words match ? order by rank limit 200", (words,)
                )

            told["bm25_ms"] = cpu([lambda q=q: bm25(q[0]) for q in questions])  # type: ignore[misc]  # bound early
            matrix = stored.store.vectors(None).vectors.astype(np.float32)
            told["dense_ms"] = cpu([lambda q=q: matrix @ q[1].vector for q in questions])  # type: ignore[misc]  # bound early
            stored.store.flush_log()
            told["bytes_per_memory"] = round(path.stat().st_size / n)
            sizes = dict(db.rows("select name, sum(pgsize) from dbstat group by name"))
            told["of_these"] = {part: round(sizes.get(part, 0) / n) for part in PARTS}
    return told


def main() -> None:
    """Measure each size, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=[5000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    results = []
    for n in given.items:
        results.append(measure(n, given.rounds))
        print(json.dumps(results[-1]))
    if given.out:
        given.out.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
