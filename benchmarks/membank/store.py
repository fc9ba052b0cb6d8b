"""Benchmarks 1 and 2: how fast texts go in, and how fast they come back."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from routemem.memory_core import Embedder, Encoded, Memory, load_embedder

from ..claims import Options, Row, Table
from ..vectors import Vectors, exactly, timed
from .levels import DIM, TOP_K
from .rule import QUESTIONS, TheirRule, corpus, vectors

QUERIES = 30


class WordVectors:
    """Their test vectors as an embedder of ours; everything but the vectors is hashing's."""

    def __init__(self, hashing: Embedder) -> None:
        self._hashing = hashing
        self.id, self.dim, self.max_tokens = "word-vectors", DIM, hashing.max_tokens
        self.pieces = hashing.pieces

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Their vectors, one a text."""
        return Encoded(vectors(list(texts), DIM), self._hashing.encode(texts).tokens)


def throughput(options: Options) -> Table:
    """Benchmark 1."""
    sizes = [options.n] if options.n else [50, 200, 500]
    rows: list[Row] = []
    raw: dict[str, float] = {}
    for n in sizes:
        with tempfile.TemporaryDirectory() as name:
            raw[f"{n} durable"] = rate(opened(Path(name) / "scope.db"), corpus(n))
        raw[f"{n} in memory"] = rate(opened(None), corpus(n))
        claim = "165 a second" if n == 500 else ""
        rows += [
            Row(f"{n} texts, on disk before the call returns", "", "", told(raw[f"{n} durable"])),
            Row(
                f"{n} texts, in memory as theirs",
                claim,
                "",
                told(raw[f"{n} in memory"]),
                "above the claim" if claim else "",
                not claim or raw[f"{n} in memory"] > 165,
            ),
        ]
    return Table(
        "ingest",
        "Texts remembered a second, one call each, wall time; the making of word vectors included. "
        "Theirs kept its registry in memory and its vectors in a mapped file nobody flushed.",
        f"made: word vectors of {DIM}",
        sizes[-1],
        rows,
        raw,
    )


def rate(memory: Memory, texts: list[str]) -> float:
    """Texts remembered a second; closes the memory."""
    memory.remember("first", source="user")  # loads what is loaded once
    start = time.perf_counter()
    for text in texts:
        memory.remember(text, source="user")
    spent = time.perf_counter() - start
    memory.close()
    return len(texts) / spent


def told(rate: float) -> str:
    """A cell."""
    return f"{rate:.0f} a second"


def latency(options: Options) -> Table:
    """Benchmark 2."""
    n = options.n or 500
    texts = corpus(n)
    stored = vectors(texts, DIM)
    asked = [QUESTIONS[number % len(QUESTIONS)] for number in range(QUERIES)]
    queries = vectors(asked, DIM)
    with tempfile.TemporaryDirectory() as name:
        memory = opened(Path(name) / "scope.db")
        for text in texts:
            memory.remember(text, source="user")
        memory.recall(asked[0], top_k=TOP_K)
        spent = []
        for text in asked:
            start = time.perf_counter()
            memory.recall(text, top_k=TOP_K)
            spent.append((time.perf_counter() - start) * 1000)
        memory.close()
    p50, p99 = np.percentile(spent, [50, 99])
    rule = TheirRule(stored)

    def their_search(query: Vectors) -> Any:
        return rule.search(query, TOP_K)

    theirs = timed(their_search, queries)
    exact = timed(lambda query: exactly(stored, query), queries)
    rows = [
        Row(
            "recall, text to texts: p50", "15.6 ms", "", f"{p50:.2f} ms", "below claim", p50 < 15.6
        ),
        Row("recall, text to texts: p99", "26.7 ms", "", f"{p99:.2f} ms"),
        Row(
            "search of vectors alone, CPU p50",
            "",
            f"{theirs['p50'] / 1000:.2f} ms (their rule, all in arrays)",
            f"{exact['p50'] / 1000:.2f} ms (exact numpy)",
        ),
    ]
    return Table(
        "latency of recall",
        "Wall time of a recall of 5 with its making of the question's vector. Ours reads texts "
        "from its file and ranks by words too; theirs gives hashes of texts. The claim is of "
        "another machine: their package cannot be run as it is published.",
        f"made: {n:,} texts, word vectors of {DIM}, {QUERIES} recalls",
        n,
        rows,
        {"ours_ms": spent, "theirs": theirs, "exact": exact},
    )


def opened(path: Path | None) -> Memory:
    """A memory with their vectors."""
    return Memory.open(path, embedder=WordVectors(load_embedder(f"hash:{DIM}")))
