"""How many tokens a text costs a language model.

The estimate sums a fitted weight for every pair of neighbouring UTF-8 bytes. Pairs tell common
spellings from rare ones in every script at once, so one mechanism serves prose, code, JSON and
base64; benchmarks/token_estimate.py fits the weights and measures the error that is left.
"""

import logging
import math
import os
import sys
import threading
import zlib
from base64 import b85decode
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Self

from ..errors import InvalidArgument
from . import vocabulary
from .pair_weights import PACKED
from .truncation import truncate

__all__ = ["TokenCounter", "estimate", "truncate"]

#: Weights are stored as multiples of 1 / SCALE token.
SCALE = 32
# The estimate errs upwards: by a part, for what a kind of text does systematically, and by chance,
# which averages out as a text grows.
MARGIN = 1.05
NOISE = 0.5

_log = logging.getLogger(__name__)


class TokenCounter:
    """Counts tokens: exactly once a vocabulary is loaded, by the estimate until then.

    Safe to call from several threads. A count may change once, when the vocabulary arrives.
    """

    def __init__(self, exact: Callable[[str], int] | None = None) -> None:
        self._exact = exact
        self._loader: threading.Thread | None = None

    @classmethod
    def load(cls, mode: str = "auto", *, environ: Mapping[str, str] = os.environ) -> Self:
        """The counter of a mode. Never touches the network.

        Args:
            mode: ``estimate``; ``tiktoken``, exact at once; or ``auto``: exact as soon as a
                background thread has read the vocabulary, if tiktoken has it on disk.
            environ: says where tiktoken keeps its files.

        Raises:
            InvalidArgument: another mode, or ``tiktoken`` without a usable vocabulary.
        """
        counter = cls()
        if mode == "tiktoken":
            counter._exact = _exact(environ)
        elif mode == "auto":
            counter._load_later(vocabulary.cached(environ))
        elif mode != "estimate":
            raise InvalidArgument(
                f"Token counter {mode!r}: expected 'auto', 'estimate' or 'tiktoken'."
            )
        return counter

    @property
    def exact(self) -> bool:
        """Whether counts are exact (o200k) at this moment."""
        return self._exact is not None

    @property
    def name(self) -> str:
        """``o200k_base`` or ``estimate``."""
        return vocabulary.NAME if self.exact else "estimate"

    def count(self, text: str) -> int:
        """Tokens of the text; 0 only for the empty text."""
        exact = self._exact
        return estimate(text) if exact is None else exact(text)

    def settle(self) -> bool:
        """Wait for the background thread, if there is one; True when counts are exact."""
        if self._loader is not None:
            self._loader.join()
        return self.exact

    def _load_later(self, path: Path | None) -> None:
        if path is None:
            return

        def load() -> None:
            try:
                self._exact = vocabulary.load(path)
            except (ImportError, OSError, ValueError) as error:
                _log.warning("Token counts stay estimates: %s", error)

        self._loader = threading.Thread(target=load, name="vocabulary", daemon=True)
        self._loader.start()


def _exact(environ: Mapping[str, str]) -> Callable[[str], int]:
    path = vocabulary.cached(environ)
    try:
        if path is None:
            raise FileNotFoundError("tiktoken's cache does not hold it")
        return vocabulary.load(path)
    except (ImportError, OSError, ValueError) as error:
        raise InvalidArgument(
            f"Exact token counts need the {vocabulary.NAME} vocabulary: {error}. Run "
            f"`routemem tokens fetch`, or put the file {vocabulary.FILE} into the folder "
            "TIKTOKEN_CACHE_DIR names, or choose 'auto'."
        ) from error


def estimate(text: str) -> int:
    """Estimated tokens, biased up, of the larger of the o200k and cl100k counts.

    0 only for the empty text; never less when text is appended. Linear, about 25 MB of UTF-8 a
    second.
    """
    if not text:
        return 0
    data = memoryview(fold(text))
    weigh = _weights().__getitem__
    pairs = len(data) - 1
    total = sum(map(weigh, data[: pairs + 1 & ~1].cast("H")))
    total += sum(map(weigh, data[1 : 1 + (pairs & ~1)].cast("H")))
    tokens = total / SCALE
    return max(1, math.ceil(tokens * MARGIN + NOISE * math.sqrt(tokens)))


def _folded(byte: int) -> int:
    if chr(byte) in "0123456789":
        return ord("0")  # a token holds up to three digits, whichever they are
    if byte == ord("\r"):
        return ord("\n")
    plain = byte in b"\t\n" or 0x20 <= byte < 0x7F or 0x80 <= byte < 0xF5
    return byte if plain else 0


_FOLD = bytes(map(_folded, range(256)))
#: The byte values ``fold`` gives out.
FOLDED = frozenset(_FOLD)


def fold(text: str) -> bytes:
    """The bytes whose neighbouring pairs are weighed: a space, then the text's UTF-8."""
    return b" " + text.encode("utf-8", "surrogatepass").translate(_FOLD)


@cache
def _weights() -> bytes:
    """Weight of a pair, at the number this machine reads the two bytes as."""
    table = zlib.decompress(b85decode(PACKED))
    if sys.byteorder == "big":
        return table
    return b"".join(table[second::256] for second in range(256))
