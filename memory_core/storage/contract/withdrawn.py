"""What is there no more: held in quarantine, or deleted."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Held:
    """What is held in quarantine: an id, why, and the sealed payload.

    Attributes:
        id: of the item, where one was taken out, else a new one.
        version: how often this id was held; part of what the payload is bound to.
        state: "held", "released" or "purged".
        what: "memory", "fact" or "text" (nothing that was ever stored).
        context_type: kind of content, in the words of who held it.
        reason: why, without a word of the content.
        origin: where the content comes from.
        at: when it was held, seconds UTC.
        part_of: id of what it was derived from and is held with; "" for none.
        mark: keyed hash of the text, by which it is known again.
        sealed: the payload; None once released or purged.
    """

    id: str
    version: int
    state: str
    what: str
    context_type: str
    reason: str
    origin: str
    at: float
    part_of: str
    mark: bytes
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a deleted item: its id, and a sealed copy until ``expires_at``."""

    id: str
    state: str
    expires_at: float | None
    sealed: bytes | None


class Withdrawn(Protocol):
    """Sealed entries of the quarantine, and tombstones."""

    def hold(self, held: Held) -> None:
        """Store what is held, or replace the entry of its id."""
        ...

    def held(self, id: str) -> Held | None:
        """The entry of an id, whatever its state."""
        ...

    def any_held(self) -> bool:
        """Whether anything is held."""
        ...

    def held_as(self, mark: bytes) -> Held | None:
        """The entry that is held under this mark."""
        ...

    def all_held(self) -> list[Held]:
        """Entries that are held, oldest first."""
        ...

    def bury(self, tombstone: Tombstone, at: float) -> None:
        """Store or replace a tombstone."""
        ...

    def tombstone(self, id: str) -> Tombstone | None:
        """What is left of a deleted item."""
        ...

    def unbury(self, id: str) -> None:
        """Remove a tombstone."""
        ...

    def drop_expired(self, now: float) -> int:
        """Drop sealed copies whose time is over; returns how many."""
        ...
