"""Half a million conversations in one scope: how long a recall takes, how large it all is."""

import gc
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from routemem.memory_core import Memory, Settings
from routemem.memory_core.embedding.embedder import Vectors
from routemem.memory_core.embedding.hashing import HashingEmbedder
from routemem.memory_core.records import Chunk, Item
from routemem.memory_core.storage.sqlite import SqliteStore
from routemem.memory_core.text.identity import digest
from routemem.memory_core.text.tokens import TokenCounter

from ..texts import question
from .corpora import conversation

BATCH = 500
ASKED = 200
WINDOW = 125_000


def scale(n: int, where: str) -> dict[str, Any]:
    """Fill a scope with hashed vectors, open it anew, ask it."""
    embedder = HashingEmbedder()
    counter = TokenCounter.load()
    settings = Settings(hygiene_writes=0, backup_hours=0)
    with tempfile.TemporaryDirectory(dir=where or None) as folder:
        path = Path(folder) / "scope.db"
        start = time.perf_counter()
        fill(path, n, embedder, counter)
        filled = time.perf_counter() - start
        start = time.perf_counter()
        with Memory.open(path, embedder=embedder, settings=settings) as memory:
            built = memory.index.run("build").status
            built_s = time.perf_counter() - start
        gc.collect()
        start = time.perf_counter()
        with Memory.open(path, embedder=embedder, settings=settings) as memory:
            opened = time.perf_counter() - start
            memory.recall(question(1))
            first = time.perf_counter() - start
            results = {
                "conversations": n,
                "vectors": "hashed words, 384 dimensions (no model ran)",
                "fill_s": round(filled, 1),
                "index": built,
                "build_s": round(built_s, 1),
                "open_s": round(opened, 4),
                "open_to_first_answer_s": round(first, 3),
                **_asked(memory, n),
                **_fitting(memory, n),
                "file_bytes": memory.store.counts()["bytes"],
                "resident_bytes": resident(),
            }
        index = path.with_suffix(".index")
        results["index_bytes"] = sum(p.stat().st_size for p in index.rglob("*") if p.is_file())
    return results


def fill(path: Path, n: int, embedder: HashingEmbedder, counter: TokenCounter) -> None:
    """Store the conversations as `remember` would, many in a transaction."""
    common: dict[str, Vectors] = {}

    def word(text: str) -> Vectors:
        """The vector of a word; numbers, which hardly ever come again, are not kept."""
        if not text.isalpha():
            return embedder._word_vector(text)
        if text not in common:
            common[text] = embedder._word_vector(text)
        return common[text]

    embedder._word = word  # type: ignore[assignment]  # a cache that numbers do not wash out
    store = SqliteStore(path, "global", "a", now=1_767_225_600.0)
    with store.atomic():
        store.set_meta("embedder", f'{{"id": "{embedder.id}", "dim": {embedder.dim}}}')
    for first in range(0, n, BATCH):
        texts = [conversation(number) for number in range(first, min(n, first + BATCH))]
        vectors = embedder.encode(texts).vectors.astype(np.float16)
        with store.atomic():
            for offset, text in enumerate(texts):
                at = 1_767_225_600.0 + 60.0 * (first + offset)
                item = Item(
                    text, kind="turn", created_at=at, updated_at=at, accessed_at=at, when=at,
                    tokens=counter.count(text),
                )  # fmt: skip
                item = replace(item, digest=digest(item))
                store.insert(item, [Chunk(0, len(text))], vectors[offset : offset + 1])
    store.close()


def _asked(memory: Memory, n: int) -> dict[str, Any]:
    took, found, cpu = [], 0, []
    for number in range(ASKED):
        asked = (number * 7919) % n
        start, spent = time.perf_counter(), time.thread_time()
        hits = memory.recall(question(asked * 4), top_k=8).hits
        took.append(time.perf_counter() - start)
        cpu.append(time.thread_time() - spent)
        found += any(f"carries the number {asked * 4} and" in hit.text for hit in hits)
    return {
        "asked": ASKED,
        "found_in_8": f"{found}/{ASKED}",
        "recall_p50_ms": round(statistics.median(took) * 1000, 2),
        "recall_p95_ms": round(sorted(took)[int(0.95 * ASKED)] * 1000, 2),
        "recall_cpu_p50_ms": round(statistics.median(cpu) * 1000, 2),
    }


def _fitting(memory: Memory, n: int) -> dict[str, Any]:
    """How many conversations fit 125,000 tokens, whole and as summaries of a quarter."""
    from routemem.memory_core.lifecycle.compression import shorten

    count = memory.counter.count
    some = [conversation(number * 997 % n) for number in range(400)]
    whole = statistics.mean(count(text) for text in some)
    short = statistics.mean(shorten(text, "balanced", count).tokens for text in some)
    return {
        "tokens_a_conversation": round(whole, 1),
        "fit_125k_whole": int(WINDOW / whole),
        "fit_125k_compressed": int(WINDOW / short),
    }


def resident() -> int:
    """Bytes of memory this process holds."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0
