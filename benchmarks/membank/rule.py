"""MemBank's rule of retrieval and its test vectors, in our words.

What its package index holds lacks four of its folders and cannot be imported, so its rule stands
here, written from its published source: level 1 is each vector's own steepest components, compared
position by position; level 2 is weighted segment means. A search takes ``5 top_k`` candidates by
level 2, scores them by level 1, and scores by level 0 the ``top_k`` whose better score so far is
best; an item not among the 50 best of a level scores .01 there. With its own corpus of 500 texts
(not included) this gives the 8, 12 and 16 % of its README.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core.routing import hgns
from routemem.memory_core.routing.levels import level_dims

from ..vectors import Vectors

#: Score of a candidate that a level's search did not reach, and how far that search goes.
UNREACHED, REACH = 0.01, 50

#: Made here, as many and as long as theirs, which are not copied.
SENTENCES = (
    "The tide model predicts the harbour level from wind and moon phase.",
    "A recursive solver refines the coarse grid until the residual is small.",
    "Chaotic systems amplify small errors in the initial conditions quickly.",
    "Pointers to stored activations save the cost of computing them again.",
    "The registry counts references and collects records nobody uses.",
    "Memory mapped files let several processes read the same pages.",
    "Nearest neighbour search over embeddings finds related passages fast.",
    "A write ahead log keeps readers and writers out of each other's way.",
    "Mean pooling over tokens gives one vector for a whole sentence.",
    "Hidden states of a transformer layer are captured by a forward hook.",
    "Coarse levels discard most candidates before the exact comparison.",
    "Content addressed storage recognises a text that was stored before.",
    "The weather forecast depends on pressure measured at many stations.",
    "Tensor products describe how multiscale components act together.",
    "Complete normed spaces are the setting of the convergence proof.",
    "Open models need a memory that outlives the context window.",
    "A gradient along the components selects the salient dimensions.",
    "Hashing a text gives the same key on every machine and every day.",
    "The butterfly in the story flaps its wings over a quiet garden.",
    "Plug in adapters connect the store with any language model.",
)
QUESTIONS = (
    "recursive solver chaotic initial conditions residual",
    "pointers stored activations registry references records",
    "convergence proof normed spaces tensor components",
    "nearest neighbour search embeddings coarse candidates",
    "transformer hidden states forward hook mean pooling",
    "gradient components salient dimensions levels",
    "content addressed hashing text stored before",
    "open models memory adapters language model",
    "write ahead log readers writers mapped files",
    "weather forecast pressure wind moon harbour",
)


def corpus(n: int) -> list[str]:
    """Texts by their generator: the sentences in turn, each with its number."""
    return [f"[{number:04d}] {SENTENCES[number % len(SENTENCES)]}" for number in range(n)]


def vectors(texts: list[str], dim: int) -> Vectors:
    """Their test vectors: a random direction a word, earlier words a little heavier."""
    out = np.empty((len(texts), dim), np.float32)
    for row, text in zip(out, texts, strict=True):
        total = np.zeros(dim)
        for place, word in enumerate(text.lower().split()):
            total += _drawn(word, 0, dim) / (1 + 0.1 * place)
        total += 0.01 * _drawn(text, 0xDEADBEEF, dim)
        row[:] = total / np.linalg.norm(total)
    return out


def _drawn(text: str, mask: int, dim: int) -> NDArray[np.float64]:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.default_rng(number ^ mask).standard_normal(dim)


class TheirRule:
    """Vectors at their three levels, searched by their rule."""

    def __init__(self, stored: Vectors) -> None:
        self._levels = self._reduced(stored)

    def search(self, query: Vectors, top_k: int, levels: tuple[int, ...] = (2, 1, 0)) -> list[int]:
        """Rows found, best first; level 2 is always among the levels here."""
        scores = {
            level: self._levels[level] @ mine[0]
            for level, mine in self._reduced(query[None]).items()
        }
        first = np.argsort(scores[2])[::-1][: 5 * top_k].tolist()
        known: dict[int, dict[int, float]] = {row: {2: float(scores[2][row])} for row in first}
        if 1 in levels:
            for row in first:
                known[row][1] = self._reached(scores[1], row)
        if 0 in levels:
            for row in sorted(first, key=lambda row: -max(known[row].values()))[:top_k]:
                known[row][0] = self._reached(scores[0], row)
        return sorted(first, key=lambda row: -known[row][min(known[row])])[:top_k]

    @staticmethod
    def _reached(scores: NDArray[np.float32], row: int) -> float:
        best = np.argsort(scores)[::-1][:REACH]
        return float(scores[row]) if row in best else UNREACHED

    @staticmethod
    def _reduced(rows: Vectors) -> dict[int, Vectors]:
        dims = level_dims(rows.shape[1])
        picked = np.take_along_axis(rows, hgns.salient(rows, dims[1]), axis=1)
        levels = {0: rows, 1: picked, 2: hgns.pooled(rows, dims[2])}
        return {
            level: values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-10)
            for level, values in levels.items()
        }
