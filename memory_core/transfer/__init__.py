"""Transfer: a scope as a bundle, and back; emptying it. One room of an open memory."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from ..course import ALONE, Course
from ..errors import Stopped, Withheld
from ..intake import Intake
from ..records import Item, Trust
from ..storage.contract import Store
from .bundle import Head
from .exporting import Exported, export, names, snapshot
from .importing import Imported, Importing
from .training import TrainingSet, write_training

__all__ = ["Exported", "Imported", "TrainingSet", "Transfer"]


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

    def export(
        self, file: IO[bytes], *, only: Sequence[str] | None = None, course: Course = ALONE
    ) -> Exported:
        """Write everything but what was deleted, one snapshot, as a bundle.

        Held and deleted texts are not in it; vectors neither: they are made anew from the texts.

        Args:
            only: these ids and keys of facts.

        Raises:
            Stopped: the bundle has no end.
        """
        return export(self._store, file, None if only is None else frozenset(only), course)

    def restore(
        self,
        file: IO[bytes],
        *,
        trust: Trust = "verified",
        keep_ids: bool = False,
        course: Course = ALONE,
        checked: Head | None = None,
    ) -> Imported:
        """Take a bundle in. It is checked as a whole before anything is stored.

        It is screened like everything that comes in, and what must not be stored is held. What is
        there already stays: of two versions of an item or card the newer one wins, facts
        become one history, and what was forgotten here is not brought back.

        Args:
            file: seekable; read twice.
            trust: the most an item is trusted afterwards; never more than in the bundle.
            keep_ids: keep ids of other scopes too, for whoever registers them as moved.
            checked: what `bundle.check` said of this very file, which is not checked again then.

        Raises:
            InvalidBundle: it is torn, changed, or no bundle; nothing was changed.
            WriteTimeout, DiskFull, Stopped: what came in so far stays, whole transactions; the
                same bundle again completes it.
        """
        now = self._clock()
        job = Importing(
            self._store, self._revive, self._intake, now, trust, keep_ids=keep_ids, course=course
        )
        try:
            done = job.restore(file, checked)
        except Stopped as error:
            self._finish(job.withheld)
            with self._store.atomic():
                self._store.note([(now, "import_stopped", "", 0.0, False, str(error))])
            raise
        self._finish(job.withheld)
        return done

    def _finish(self, withheld: Sequence[Withheld]) -> None:
        """Hold what must not be stored, and have the rest embedded."""
        for refused in withheld:  # sealing may ask the system's keyring: not under the lock
            if refused.draft is not None:
                self._hold(refused)
        self._wake()

    def export_training(self, folder: Path) -> TrainingSet:
        """Write what a small model can learn from here: chats as JSONL, and a LoRA configuration.

        Nothing untrusted is in it. Off unless it is asked for.

        Raises:
            InvalidArgument: there is nothing to learn from, or the files are there already.
            StorageError: they cannot be written.
        """
        return write_training(self._store, folder)

    def snapshot(self) -> dict[str, Any]:
        """Counts, facts, boards and usage, as `schema.state_schema` says; no texts of items."""
        return snapshot(self._store, self._clock())

    def names(self) -> list[str]:
        """Ids of all items and cards, and keys of all facts."""
        with self._store.reading():
            return names(self._store)

    def has(self, ref: str) -> bool:
        """Whether an id or key of a fact is here."""
        return bool(self._store.find(ref) or self._store.card(ref) or self._store.facts([ref]))

    def let_go(self, refs: Sequence[str], to: str) -> None:
        """Erase what has been moved, with the note that a move is under way."""
        with self._store.atomic():
            for ref in refs:
                if item := self._store.find(ref):
                    self._store.erase(item.row)
                elif self._store.card(ref):
                    self._store.erase_card(ref)
                else:
                    for fact in self._store.facts([ref]):
                        self._store.erase_fact(fact.row)
            now = self._clock()
            self._store.note([(now, "move", ref, 0.0, True, f"to {to}") for ref in refs])
            self._store.set_meta("moving", "")

    def clear(self) -> int:
        """Erase everything in the scope for good; returns how many items there were.

        The file stays, and no id is given out again. The log is erased by the caller.
        """
        with self._store.atomic():
            return self._store.clear()
