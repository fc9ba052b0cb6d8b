"""Embedders small enough to see through."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core.embedding.embedder import Encoded, Span
from routemem.memory_core.errors import EmbedderError


class FirstLetter:
    """An embedder in ten lines: a direction for each first letter."""

    id, dim, max_tokens = "first-letter", 26, 256

    def encode(self, texts: Sequence[str]) -> Encoded:
        rows = [ord(text.lower()[0]) - ord("a") for text in texts]
        return Encoded(np.eye(26, dtype=np.float32)[rows])

    def pieces(self, text: str) -> list[Span]:
        return [(k, k + 1) for k in range(len(text))]


class Wrong(FirstLetter):
    """An embedder that gives back something else than it promised."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors

    def encode(self, texts: Sequence[str]) -> Encoded:
        return Encoded(self._vectors)


class Broken(FirstLetter):
    """An embedder that cannot embed."""

    def encode(self, texts: Sequence[str]) -> Encoded:
        raise EmbedderError("The model is out of order.")
