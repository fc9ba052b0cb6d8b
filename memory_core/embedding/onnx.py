"""Sentence embeddings on ONNX Runtime, without torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError
from .embedder import Encoded, Span, Vectors, check_vectors
from .fingerprint import fingerprint
from .heap import release_memory
from .modules import Recipe, onnx_file, read_recipe
from .pieces import PieceReader
from .pooling import pool, unit
from .session import EncoderSession

# Above this many word pieces a run leaves megabytes of free heap behind.
_LONG = 64
# Above this many, so does the tokenizer (100 MB for a text of 1 MB).
_DOCUMENT = 4096


class OnnxEmbedder:
    """A sentence-transformers folder that carries an ONNX model.

    Each text is run by itself, on one thread: its vector is the same bits in any company, and the
    memory of a call does not grow with the number of texts, apart from the token vectors it
    returns (1.5 kB a word piece at 384 dimensions; pass long lists in slices). Safe to call from
    several threads.

    Args:
        folder: has ``tokenizer.json`` and ``onnx/model.onnx`` or ``model.onnx``, and usually
            ``modules.json`` with what it names; see ``modules.read_recipe``.
        recipe: used instead of what the folder says.
        id: used instead of the folder's name and fingerprint.

    Raises:
        EmbedderError: a file is missing, damaged or of an unsupported kind.
    """

    def __init__(
        self, folder: Path, *, recipe: Recipe | None = None, id: str | None = None
    ) -> None:
        model = onnx_file(folder)
        if model is None:
            raise EmbedderError(
                f"Expected onnx/model.onnx or model.onnx in {folder}, found none. Check the path, "
                'or use the folder through: pip install "routemem[sentence-transformers]"'
            )
        self._recipe = recipe or read_recipe(folder)
        self._reader = PieceReader.from_file(folder / "tokenizer.json", lower=self._recipe.lower)
        self._session = EncoderSession(model)
        self.id = id or f"{folder.resolve().name}/{_version(folder, model)}"
        self.max_tokens = self._recipe.max_tokens
        # The empty text shows the dimension, and that model, tokenizer and layers fit together.
        self.dim = len(self._encode("")[0])
        release_memory()

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Embed the texts; see ``Embedder.encode``.

        Token vectors are those of the encoder passed through the folder's Dense layers; their
        mean, with the special tokens', is the sentence vector under mean pooling.

        Raises:
            EmbedderError: the model cannot be run.
        """
        rows = [self._encode(text) for text in texts]
        if any(len(ids) > _LONG for _, _, ids in rows):
            release_memory()
        vectors = np.array([vector for vector, _, _ in rows], np.float32).reshape(-1, self.dim)
        return Encoded(
            check_vectors(vectors, len(rows), self.dim, self.id),
            tuple(tokens for _, tokens, _ in rows),
            tuple(ids for _, _, ids in rows),
        )

    def pieces(self, text: str) -> list[Span]:
        """Character spans of the text's word pieces, in order, not truncated."""
        spans = self._reader.spans(text)
        if len(spans) > _DOCUMENT:
            release_memory()
        return spans

    def _encode(self, text: str) -> tuple[Vectors, Vectors, NDArray[np.int32]]:
        read = self._reader.read(text, self._recipe.max_tokens, self._recipe.prompt)
        hidden = self._session.run(read.ids)
        vector = pool(hidden[None], np.ones((1, len(hidden)), bool), self._recipe.pooling)
        tokens = hidden[read.content]
        for dense in self._recipe.dense:
            vector, tokens = dense(vector), dense(tokens)
        return unit(vector)[0], tokens, read.ids[read.content].astype(np.int32)


def _version(folder: Path, model: Path) -> str:
    """The fingerprint of what decides a vector: weights, tokenizer, settings, Dense layers."""
    weights = model.parent.glob(f"{model.name}*")  # with its external data, if it has any
    return fingerprint(
        folder, [*weights, *folder.rglob("*.json"), *folder.glob("[0-9]*/*.safetensors")]
    )
