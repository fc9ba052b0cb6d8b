"""Vectors from words alone: no model, the same on every machine."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..errors import EmbedderError
from .embedder import Encoded, Span, Vectors, check_vectors
from .pieces import well_formed
from .pooling import unit

# A Han or kana character is a word of its own; other words end after 32 characters, so that no
# text is one endless word; anything else but space is a piece by itself.
_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}])[^\W_]){{1,32}}|[^\w\s]|_")
_SPREAD = 4  # buckets a feature touches: two words then rarely look alike by a collision
_GRAMS = 0.5  # weight of a word's spelling beside the word itself
_SIGN = 0.1  # weight of punctuation


class HashingEmbedder:
    """Feature hashing (Weinberger et al. 2009) of words and their character 3- and 4-grams.

    Words in common raise the cosine, similar spelling does a little; meaning is not seen. For
    tests, and for a library without a model. Deterministic across processes and machines.

    Args:
        dim: length of a vector, 16 to 4096.

    Raises:
        EmbedderError: ``dim`` is out of range.
    """

    def __init__(self, dim: int = 384) -> None:
        if not 16 <= dim <= 4096:
            raise EmbedderError(f"Expected 16 to 4096 dimensions for 'hash', got {dim}.")
        self.id = f"hash-v1/{dim}"
        self.dim = dim
        self.max_tokens = 256
        self._word = lru_cache(maxsize=1024)(self._word_vector)  # 1.5 MB

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Embed the texts; see ``Embedder.encode``. A text without words gets a fixed vector."""
        words = [self._words(text) for text in texts]
        tokens = tuple(self._stack([self._word(word) for word in each]) for each in words)
        ids = tuple(np.array([_word_id(word) for word in each], np.int32) for each in words)
        vectors = unit(self._stack([each.sum(0) for each in tokens]))
        return Encoded(check_vectors(vectors, len(words), self.dim, self.id), tokens, ids)

    def pieces(self, text: str) -> list[Span]:
        """Character spans of the text's words and signs, in order, not truncated."""
        return [match.span() for match in _PIECE.finditer(well_formed(text))]

    def _words(self, text: str) -> list[str]:
        found = [match.group() for match in _PIECE.finditer(well_formed(text))]
        return [unicodedata.normalize("NFKC", word).casefold() for word in found[: self.max_tokens]]

    def _word_vector(self, word: str) -> Vectors:
        vector = np.zeros(self.dim, np.float32)
        if not word[:1].isalnum():
            self._add(vector, word, _SIGN)
            return vector
        self._add(vector, word, 1.0)
        edged = f"<{word}>"
        grams = [edged[at : at + n] for n in (3, 4) for at in range(len(edged) - n + 1)]
        for gram in grams:
            self._add(vector, "#" + gram, _GRAMS / len(grams) ** 0.5)
        return vector

    def _add(self, vector: Vectors, feature: str, weight: float) -> None:
        digest = hashlib.blake2b(feature.encode(), digest_size=4 * _SPREAD).digest()
        for value in np.frombuffer(digest, "<u4").tolist():
            sign = 1 if value & 1 else -1
            vector[(value >> 1) % self.dim] += sign * weight / _SPREAD**0.5

    def _stack(self, rows: list[Vectors]) -> Vectors:
        return np.array(rows, np.float32).reshape(-1, self.dim)


def _word_id(word: str) -> int:
    digest = hashlib.blake2b(word.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") >> 1
