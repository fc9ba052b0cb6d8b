"""What a store must do for a `Memory`: the one seam behind which another database could stand.

`SqliteStore` is the product; a small dict store in the tests passes the same suite. Methods that
write are called inside `atomic()`; methods that read may be called inside `reading()` to see one
snapshot, or alone.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from .cards import Card, Cards
from .facts import Facts
from .items import Items
from .relations import Relations
from .upkeep import Upkeep
from .vectors import Changes, Float16s, StoredVectors, Vectors
from .withdrawn import Held, Tombstone, Withdrawn
from .words import Outlines, Words

__all__ = [
    "Card",
    "Changes",
    "Float16s",
    "Held",
    "Outlines",
    "Store",
    "StoredVectors",
    "Tombstone",
]


class Store(Items, Relations, Vectors, Words, Facts, Cards, Withdrawn, Upkeep, Protocol):
    """Everything of one scope."""

    @property
    def scope(self) -> str:
        """Its real name."""
        ...

    @property
    def place(self) -> Path | None:
        """Folder for what is derived from the store; None when nothing may be kept on disk."""
        ...

    def atomic(self) -> AbstractContextManager[None]:
        """One transaction, nesting: everything in it happens, or nothing."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """One snapshot for all reads inside."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...
