"""Vectors that every benchmark of the index measures on, and how a query is timed.

    python -m benchmarks.vectors FOLDER

makes them once and keeps them: sentences of the standard library's docstrings, embedded by the
bundled model (about a minute per 10,000); one in twenty is held out as a query, and as a question
made of its middle words. Any other folder will do that holds ``*real*.npy``,
``*in_distribution*.npy`` and ``*question*.npy``, float ``(n, dim)``, and perhaps ``source.txt``.
"""

import ast
import re
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core import Codebook, load_embedder

Vectors = NDArray[np.float32]
#: Sentences embedded when no vectors are given.
OWN = 10_000


@dataclass(frozen=True)
class Data:
    """Unit vectors to store and two kinds of queries."""

    source: str
    stored: Vectors
    queries: dict[str, Vectors]


def given(folder: Path) -> Data:
    """The vectors of a folder."""

    def load(pattern: str) -> Vectors:
        (path,) = folder.glob(pattern)
        return unit(np.load(path).astype(np.float32))

    note = folder / "source.txt"
    return Data(
        note.read_text("utf-8").strip() if note.is_file() else "given",
        load("*real*.npy"),
        {"in-distribution": load("*in_distribution*.npy"), "question": load("*question*.npy")},
    )


def made(count: int) -> Data:
    """Vectors of docstring sentences, embedded by the bundled model."""
    sentences = list(dict.fromkeys(docstring_sentences()))
    order = np.random.default_rng(0).permutation(len(sentences))[: count + count // 20]
    chosen = [sentences[place] for place in order]
    asked, kept = chosen[: len(chosen) // 21], chosen[len(chosen) // 21 :]
    questions = [f"Where did we mention {middle(sentence)}?" for sentence in asked]
    embedder = load_embedder("bundled")
    print(f"embedding {len(kept)} sentences and {2 * len(asked)} queries …", file=sys.stderr)
    stored, own, other = (embedder.encode(texts).vectors for texts in (kept, asked, questions))
    return Data("docstrings", stored, {"in-distribution": own, "question": other})


def docstring_sentences() -> Iterator[str]:
    """Sentences of 4 to 40 words from the docstrings of the standard library, in a fixed order."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if {"site-packages", "test", "tests", "idlelib"} & set(path.parts):
            continue
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        for node in ast.walk(tree):
            text = ast.get_docstring(node) if isinstance(node, kinds) else None
            for sentence in re.split(r"(?<=[.!?])\s+|\n\n", text or ""):
                words = sentence.split()
                if 4 <= len(words) <= 40 and sum(word.isalpha() for word in words) * 2 > len(words):
                    yield " ".join(words)


def middle(sentence: str) -> str:
    """The middle half of a sentence's words."""
    words = sentence.rstrip(".!?").split()
    return " ".join(words[len(words) // 4 : max(len(words) * 3 // 4, len(words) // 4 + 2)]).lower()


def mixed(real: Vectors, n: int) -> Vectors:
    """Real vectors filled up to ``n`` with made ones that lie among them.

    A made vector is ``x_i + u (x_j - x_i) + 0.5 sqrt(v) (x_k - x_l)``, unit, with both pairs from
    one fine cluster (24 real vectors on average) and ``u``, ``v`` uniform in 0 … 1. Calibrated so
    that 10,000 real and 24,500 made ones have the distances of 34,500 real ones; the nearest
    neighbours of made ones are harder to tell apart than real ones.
    """
    if n <= len(real):
        return real[:n]
    rng = np.random.default_rng(1)
    codes, _ = Codebook.fit(real, len(real) // 24, sample_per_centroid=24).encode_many(real)
    order, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    out = np.empty((n, real.shape[1]), np.float32)
    out[: len(real)] = real
    for start in range(len(real), n, 20_000):
        m = min(20_000, n - start)
        own, other = codes[rng.integers(0, len(real), (2, m))]

        def pick(cluster: Any) -> Vectors:
            place = starts[cluster] + rng.random(len(cluster)) * sizes[cluster]
            picked: Vectors = real[order[place.astype(np.int64)]]
            return picked

        one, two, three, four = pick(own), pick(own), pick(other), pick(other)
        u, v = rng.random((2, m, 1), np.float32)
        out[start : start + m] = unit(one + u * (two - one) + 0.5 * np.sqrt(v) * (three - four))
    return out


def unit(vectors: Vectors) -> Vectors:
    """Rows of length 1."""
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def timed(work: Callable[[Vectors], Any], queries: Vectors) -> dict[str, float]:
    """Median and 95th percentile of the CPU time of one query, in microseconds."""
    spent = []
    for query in queries:
        start = time.thread_time_ns()
        work(query)
        spent.append((time.thread_time_ns() - start) / 1000)
    p50, p95 = np.percentile(spent, [50, 95])
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}


def exactly(stored: Vectors, query: Vectors) -> NDArray[np.int64]:
    """The 10 nearest, by one product and a partial sort: what the index is compared with."""
    scores = stored @ query
    top = np.argpartition(-scores, min(10, len(scores) - 1))[:10]
    best: NDArray[np.int64] = top[np.argsort(-scores[top])]
    return best


def nearest(stored: Vectors, queries: Vectors, k: int) -> NDArray[np.int64]:
    """Rows of the ``k`` exact nearest of each query, best first, int64 ``(queries, k)``."""
    k = min(k, len(stored))
    out = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), 64):
        scores = queries[start : start + 64] @ stored.T
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
        out[start : start + 64] = np.take_along_axis(top, order, axis=1)
    return out


def kept(data: Data, folder: Path) -> None:
    """Write vectors where `given` finds them."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "real.npy", data.stored)
    np.save(folder / "in_distribution.npy", data.queries["in-distribution"])
    np.save(folder / "question.npy", data.queries["question"])
    (folder / "source.txt").write_text(data.source + "\n", "utf-8")


if __name__ == "__main__":
    kept(made(OWN), Path(sys.argv[1]))
