"""What keeps a scope in order: audit, counts, erased bytes."""

from collections.abc import Sequence
from typing import Protocol


class Upkeep(Protocol):
    """Audit rows, notes about the store itself, counts, and giving space back."""

    def note(self, rows: Sequence[tuple[float, str, str, float, bool, str]]) -> None:
        """Append audit rows ``(at, op, id, ms, ok, detail)``, without the detail of what was
        deleted meanwhile.
        """
        ...

    def forget_details(self, id: str) -> None:
        """Blank what the audit rows of an item say beyond the operation."""
        ...

    def calls(self) -> list[tuple[str, int, int, float]]:
        """What the audit rows count: ``(op, how often, how often it failed, ms in all)``."""
        ...

    def meta(self, key: str) -> str | None:
        """A note about the store itself."""
        ...

    def set_meta(self, key: str, value: str) -> None:
        """Write or replace a note about the store itself."""
        ...

    def shown(self) -> int:
        """Tokens the packer would show now: facts, items, recent turns. Nothing is scanned."""
        ...

    def counts(self) -> dict[str, int]:
        """Items per state under ``state:<state>``, and ``items``, ``chunks``, ``facts``,
        ``pending``, ``tokens``, ``bytes``; ``shown``: tokens of what is shown of all of them.
        """
        ...

    def last_write(self) -> float:
        """When anything was last written, seconds UTC; 0.0 when nothing is there."""
        ...

    def flush_log(self) -> bool:
        """Fold the log into the file so that erased bytes are gone; False: try again later."""
        ...

    def erasure_owed(self) -> str:
        """The mark of the last thing erased, while its bytes may still lie in the log or a copy;
        "" when nothing is owed. Every erasure, this process's or another's, sets another.
        """
        ...

    def settle_erasure(self, owed: str) -> None:
        """Note that all that was erased up to a mark is gone; what was erased since stays owed."""
        ...

    def clear(self) -> int:
        """Erase everything but the scope's name, the count of its ids, the bare audit rows, and
        what is sealed.

        Returns:
            How many items there were.
        """
        ...

    def compact(self) -> None:
        """Give free space back."""
        ...
