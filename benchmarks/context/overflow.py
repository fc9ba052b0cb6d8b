"""Five and ten times what a context of 128,000 tokens holds, stored, compressed and asked."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from routemem.memory_core import Memory, Settings
from routemem.memory_core.lifecycle.compression import SHARES
from routemem.memory_core.text.tokens import estimate

from .corpora import Document, redundant, varied, zlib_ratio

CONTEXT = 128_000
#: Share of the answers that must be found in the replies.
KEPT = 0.98
#: Few hits in enough tokens: no passage is cut to make room for the others.
TOP_K, TOKENS = 3, 2500
KINDS: dict[str, Callable[[int], Document]] = {"redundant": redundant, "not redundant": varied}


def overflow(times: int, kind: str, embedder: str) -> dict[str, Any]:
    """Store so many contexts of text, compress it in each way, ask for what was planted.

    Raises:
        AssertionError: too few answers are in the packed replies, or the summaries are more than
            a context.
    """
    documents = _filling(times * CONTEXT, KINDS[kind])
    settings = Settings(hygiene_writes=0, backup_hours=0, model="gpt-4o-mini")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scope.db"
        with Memory.open(path, embedder=embedder, settings=settings) as memory:
            start = time.perf_counter()
            ids = [memory.remember(one.text, kind="doc").id for one in documents]
            stored_s = time.perf_counter() - start
            while memory.upkeep.backfill(64):
                pass
            tokens = memory.store.counts()["tokens"]
            results: dict[str, Any] = {
                "documents": len(documents),
                "tokens": tokens,
                "counter": memory.counter.name,
                "embedder": embedder,
                "zlib_ratio": round(zlib_ratio([one.text for one in documents]), 2),
                "remember_s": round(stored_s, 2),
                "file_bytes": memory.store.counts()["bytes"],
            }
            results["stored summaries"] = _stored(memory, ids, tokens, documents)
            results["asked"] = _asked(memory, ids, documents)
            for strategy in SHARES:
                memory.compress(ids, strategy=strategy)
                results[strategy] = _shown(memory, tokens, documents, ids)
    return results


def _filling(tokens: int, make: Callable[[int], Document]) -> list[Document]:
    """As many documents as hold so many tokens."""
    documents: list[Document] = []
    while tokens > 0:
        documents.append(make(len(documents)))
        tokens -= estimate(documents[-1].text)
    return documents


def _stored(
    memory: Memory, ids: list[str], tokens: int, documents: list[Document]
) -> dict[str, Any]:
    """What the hygiene shows: the summary of 200 tokens that every long text gets when stored."""
    for id in ids:
        short = memory._rooms.compressing.short_form(id)
        assert short
        assert memory._rooms.compressing.by_itself(id, short, "benchmark")
    found = _shown(memory, tokens, documents, ids)
    assert found["share_of_context"] <= 0.85, found
    return found


def _shown(
    memory: Memory, tokens: int, documents: list[Document], ids: list[str]
) -> dict[str, Any]:
    """What is shown in place of the texts, and how many of the answers are among it."""
    shown = memory.store.counts()["shown"]
    summaries = [item.summary for id in ids if (item := memory.find(id))]
    kept = [
        answer in summary
        for summary, one in zip(summaries, documents, strict=True)
        for _, answer in one.questions
    ]
    return {
        "shown_tokens": shown,
        "ratio": round(tokens / shown, 2),
        "share_of_context": round(shown / CONTEXT, 4),
        "answers_in_summaries": f"{sum(kept)}/{len(kept)}",
    }


def _asked(memory: Memory, ids: list[str], documents: list[Document]) -> dict[str, Any]:
    """Ask every question of the compressed memory, and read every document's summary by id."""
    questions = [question for one in documents for question in one.questions]
    memory.recall(questions[0][0])  # the first loads what the others find loaded
    search, read, pages = Times(), Times(), Times()
    found = 0
    for question, answer in questions:
        with search:
            hits = memory.recall(question, top_k=TOP_K, full=True, max_tokens=TOKENS).hits
        found += any(answer in hit.text for hit in hits)
    for id in ids * 4:
        with read:
            assert memory.recall(ids=[id]).hits[0].abridged
        with pages:
            assert memory.recall(ids=[id], full=True, max_tokens=1500).hits[0].text
    assert found >= KEPT * len(questions), f"{found} of {len(questions)} answers were found"
    return {
        "answers_found": f"{found}/{len(questions)}",
        "reply": f"{TOP_K} hits, {TOKENS} tokens",
        **search.medians("search"),
        **read.medians("retrieval"),
        **pages.medians("first_page_of_the_text"),
    }


class Times:
    """Times of one thing done again and again, by the clock and by the thread's CPU."""

    def __init__(self) -> None:
        self._wall: list[float] = []
        self._cpu: list[float] = []

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.thread_time()

    def __exit__(self, *_: object) -> None:
        self._wall.append(time.perf_counter() - self._began[0])
        self._cpu.append(time.thread_time() - self._began[1])

    def medians(self, name: str) -> dict[str, float]:
        """Milliseconds; a busy machine changes CPU time little."""
        return {
            f"{name}_p50_ms": round(statistics.median(self._wall) * 1000, 3),
            f"{name}_cpu_p50_ms": round(statistics.median(self._cpu) * 1000, 3),
        }
