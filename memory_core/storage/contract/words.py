"""What a search reads before any text: words, and the outline of items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """Everything of some items but what they say.

    Attributes:
        items: int64 ``(n,)``, rows, ascending.
        at: float64 ``(n,)``, event time, else when it was stored; seconds UTC.
        turns: bool ``(n,)``.
        live: bool ``(n,)``, active or compressed.
        archived: bool ``(n,)``.
        traits: int64 ``(n,)``, bits; see ``text.traits``.
        speakers: rows of the items of each speaker.
        chunks: int64 ``(m,)``, rows, ascending.
        owners: int64 ``(m,)``, row of each chunk's item.
        lengths: int64 ``(m,)``, characters.
    """

    items: NDArray[np.int64]
    at: NDArray[np.float64]
    turns: NDArray[np.bool_]
    live: NDArray[np.bool_]
    archived: NDArray[np.bool_]
    traits: NDArray[np.int64]
    speakers: Mapping[str, NDArray[np.int64]]
    chunks: NDArray[np.int64]
    owners: NDArray[np.int64]
    lengths: NDArray[np.int64]


class Words(Protocol):
    """The word index, and the outlines of items."""

    def outlines(self, items: Sequence[int] | None) -> Outlines:
        """Order, time, speaker and size of these items, or of all."""
        ...

    def postings(self, words: Sequence[str], most: int) -> list[NDArray[np.int64] | None]:
        """The rows of the chunks that hold each word; None for a word too common to look up.

        Args:
            most: rows to return in all; the most common words are left out until it fits, never
                all of them.
        """
        ...
