"""Transfer: a scope as a bundle, and back; emptying it. One room of an open memory."""

from collections.abc import Callable
from typing import IO, Any

from ..errors import Withheld
from ..intake import Intake
from ..records import Item, Trust
from ..storage.contract import Store
from .exporting import Exported, export, snapshot
from .importing import Imported, Importing

__all__ = ["Exported", "Imported", "Transfer"]


class Transfer:
    """``memory.transfer``: what a scope holds, out of its file and into it.

    Args:
        revive: stores an item with its chunks; it is embedded later.
        intake: looks at everything on its way in.
        hold: keeps in quarantine what must not come in.
        wake: has the caretaker embed what waits.
    """

    def __init__(
        self,
        store: Store,
        revive: Callable[[Item], None],
        intake: Intake,
        hold: Callable[[Withheld], object],
        clock: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._revive = revive
        self._intake = intake
        self._hold = hold
        self._clock = clock
        self._wake = wake

    def export(self, file: IO[bytes]) -> Exported:
        """Write everything but what was deleted, one snapshot, as a bundle.

        Held and deleted texts are not in it; vectors neither: they are made anew from the texts.
        """
        return export(self._store, file)

    def restore(self, file: IO[bytes], *, trust: Trust = "verified") -> Imported:
        """Take a bundle in: all of it, or nothing.

        It is screened like everything that comes in, and what must not be stored is held. What is
        there already stays: of two versions of an item or card the newer one wins, facts
        become one history, and what was forgotten here is not brought back.

        Args:
            file: seekable; read twice.
            trust: the most an item is trusted afterwards; never more than in the bundle.

        Raises:
            InvalidBundle: it is torn, changed, or no bundle; nothing was changed.
            WriteTimeout, DiskFull: nothing was changed.
        """
        job = Importing(self._store, self._revive, self._intake, self._clock(), trust)
        done = job.restore(file)
        for refused in job.withheld:  # sealing may ask the system's keyring: not under the lock
            if refused.draft is not None:
                self._hold(refused)
        self._wake()
        return done

    def snapshot(self) -> dict[str, Any]:
        """Counts, facts, boards and usage, as `schema.state_schema` says; no texts of items."""
        return snapshot(self._store, self._clock())

    def clear(self) -> int:
        """Erase everything in the scope for good; returns how many items there were.

        The file stays, and no id is given out again. The log is erased by the caller.
        """
        with self._store.atomic():
            return self._store.clear()
