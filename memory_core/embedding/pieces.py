"""Word pieces: what a tokenizer.json makes of a text."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError
from .embedder import Span

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SURROGATE = re.compile("[\ud800-\udfff]")


def well_formed(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD; positions stay what they were.

    JSON may carry them, UTF-8 and so every tokenizer refuses them.
    """
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """One text as the model reads it.

    Attributes:
        ids: int64, shape ``(t,)``, never empty: vocabulary ids with the special tokens.
        content: bool, shape ``(t,)``: True at the word pieces of the text itself.
    """

    ids: NDArray[np.int64]
    content: NDArray[np.bool_]


class PieceReader:
    """A tokenizer without its shipped truncation and padding. Safe to call from several threads.

    Both are state of the tokenizer, and published files carry surprising values (128 and "fill up
    to 128" for all-MiniLM-L6-v2); here a text is cut by hand, so nothing is ever set.
    """

    def __init__(self, tokenizer: "Tokenizer", *, lower: bool = False) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        if lower:
            _lower(tokenizer)
        self._tokenizer = tokenizer

    @classmethod
    def from_file(cls, path: Path, *, lower: bool = False) -> "PieceReader":
        """Read a ``tokenizer.json``.

        Args:
            path: the file.
            lower: lower-case the text first, as ``do_lower_case`` in a sentence-transformers
                folder asks for.

        Raises:
            EmbedderError: the file is missing or not a tokenizer.
        """
        from tokenizers import Tokenizer

        if not path.is_file():
            raise EmbedderError(
                f"Expected {path.name} in {path.parent}, found none. Save the model with a fast "
                'tokenizer, or use it through: pip install "routemem[sentence-transformers]"'
            )
        try:
            return cls(Tokenizer.from_file(str(path)), lower=lower)
        except Exception as error:  # tokenizers raises Exception itself
            raise EmbedderError(
                f"{path} is not a readable tokenizer ({error}). Fetch the file again."
            ) from error

    @classmethod
    def from_transformers(cls, tokenizer: Any) -> "PieceReader":
        """Read as a tokenizer of transformers does, from a copy: that one is set at every call.

        Raises:
            EmbedderError: it is not a fast tokenizer, so it has no character positions.
        """
        from tokenizers import Tokenizer

        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise EmbedderError(
                f"Expected a fast tokenizer, got {type(tokenizer).__name__}. Save the model with a "
                "tokenizer.json, or choose another model."
            )
        return cls(Tokenizer.from_str(backend.to_str()))

    def read(self, text: str, limit: int, prompt: str = "") -> Pieces:
        """The word pieces of ``prompt + text``, cut to ``limit`` with the special tokens kept.

        Args:
            text: any string; lone surrogates are read as U+FFFD.
            limit: most pieces returned, special tokens included.
            prompt: put in front of the text and not counted as its content.
        """
        encoding = self._tokenizer.encode(prompt + well_formed(text))
        special = np.array(encoding.special_tokens_mask, bool)
        keep = special | (np.cumsum(~special) <= limit - special.sum())
        content = ~special
        if prompt:
            content &= np.array([end > len(prompt) for _, end in encoding.offsets], bool)
        ids = np.array(encoding.ids, np.int64)[keep]
        if not len(ids):  # an empty text, and a tokenizer without special tokens
            return Pieces(np.zeros(1, np.int64), np.zeros(1, bool))
        return Pieces(ids, content[keep])

    def spans(self, text: str) -> list[Span]:
        """Character spans of all word pieces of the text, in order, special tokens left out."""
        return list(self._tokenizer.encode(well_formed(text), add_special_tokens=False).offsets)


def _lower(tokenizer: "Tokenizer") -> None:
    from tokenizers import normalizers

    first = normalizers.Lowercase()
    own = tokenizer.normalizer
    tokenizer.normalizer = first if own is None else normalizers.Sequence([first, own])
