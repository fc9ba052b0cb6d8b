"""What keeps a scope in order: embedding again, collecting, erasing, telling how it is."""

import threading
from collections.abc import Callable
from dataclasses import replace

from .course import ALONE, Course
from .errors import NotFound
from .ledger import Ledger
from .meaning import Meaning
from .records import Collected, Erasure, Status
from .settings import Settings
from .storage.backups import Backups
from .storage.ballast import Ballast
from .storage.contract import Store
from .storage.soundness import watch
from .storage.sqlite import SqliteStore
from .succeeding import Succeeding
from .text.tokens import TokenCounter
from .transfer.erasing import erase_from_exports

STATES = ("active", "compressed", "archived", "deleted", "purged", "quarantined")


class Upkeep:
    """Maintenance of one open scope; every step may be interrupted and repeated.

    Attributes:
        backups: of its file; None for a memory that leaves none.
        ballast: space for forgetting on a full disk.
    """

    def __init__(
        self,
        store: Store,
        meaning: Meaning,
        succeeding: Succeeding,
        ledger: Ledger,
        settings: Settings,
        clock: Callable[[], float],
        closing: threading.Event,
        backups: Backups | None,
    ) -> None:
        self._store = store
        self._meaning = meaning
        self._succeeding = succeeding
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._closing = closing
        self.backups = backups
        self.ballast = Ballast(store.place)
        self._soundness = watch(store, clock, closing.is_set)

    def backfill(self, limit: int = 64) -> int:
        """Embed up to ``limit`` waiting chunks; returns how many. 0: none waits or can be.

        What could not be compared with its neighbours when it was stored is compared now.
        """
        if self._settings.read_only:
            return 0
        waiting = self._store.waiting(limit)
        done = self._meaning.backfill(waiting)
        if done:
            self._succeeding.link([item for chunk, item in waiting if chunk.start == 0])
        return done

    def embed_waiting(self, course: Course = ALONE) -> int:
        """Embed all chunks that wait; returns how many still do: stopped, or no embedder works.

        Args:
            course: hears of the chunks that have a vector and the chunks there are.
        """
        while not course.stopped() and self.backfill(32):
            counts = self._store.counts()  # the caretaker embeds some of them, too
            course.at(counts["chunks"] - counts["pending"], counts["chunks"])
        return self._store.counts()["pending"]

    def erase_log(self) -> Erasure:
        """Erase what was erased from index files, exports, backups and log too.

        What is not done is owed, and so is what is erased from the scope meanwhile.
        """
        owed = self._store.erasure_owed()
        self._meaning.blank()
        copies = self._erase_copies()
        done = self._store.flush_log() and copies.done
        if done:
            self._store.settle_erasure(owed)
        return replace(copies, done=done)

    def _erase_copies(self) -> Erasure:
        store, backups = self._store, self.backups
        if backups is None or not isinstance(store, SqliteStore) or store.place is None:
            return Erasure(True)
        erased = store.erased()
        exports = erase_from_exports(store.place.parent, store.scope, erased)
        saved = backups.catch_up(erased)
        return Erasure(exports.done and saved.done, exports.left_in + saved.left_in)

    def round(self) -> bool:
        """One round of the caretaker; True when there must be another."""
        if self._settings.read_only:
            return False
        if self._soundness is not None and self._soundness.due() and not self._soundness.check():
            return False  # the next call on this scope sets the file aside
        self.ballast.make()
        self._ledger.flush()
        self._store.drop_expired(self._clock())
        if self._store.erasure_owed():
            self.erase_log()
        if self.backups is not None and self.backups.due():
            self.backups.make()
            self._ledger.note("backup", at=self._clock())
        if not self._meaning.renewal.check(self._closing.is_set):
            self._ledger.note("index_damaged", at=self._clock(), ok=False)
        alarm = self._meaning.index.alarm
        if self._meaning.renew(self._closing.is_set) and alarm is not None:
            self._ledger.note("drift_alarm", at=self._clock(), detail=alarm.message)
        return bool(self._store.erasure_owed() or len(self._ledger))

    def reindex(self, course: Course = ALONE) -> int:
        """Embed every memory again from its text; returns how many chunks no longer wait for it.

        Until it is done, what is not embedded yet is found by its words. Stopped, the rest waits
        for the caretaker.

        Args:
            course: hears of the chunks done and the chunks there are.

        Raises:
            EmbedderError: there is no working embedder; nothing was changed.
        """
        self._meaning.start_over()
        return self._store.counts()["chunks"] - self.embed_waiting(course)

    def release(self, id: str) -> int:
        """Give back one copy of an item that was stored several times; returns what remains.

        An item with no copy left is removed by the next `gc`.

        Raises:
            NotFound: the id names nothing.
        """
        with self._store.atomic():
            item = self._store.find(id)
            if item is None:
                raise NotFound(f"No memory {id!r}.")
            left = max(0, item.copies - 1)
            self._store.amend(replace(item, copies=left))
        return left

    def gc(self) -> Collected:
        """Remove what nothing holds any more and give the space back to the disk."""
        before = self._store.counts()["bytes"]
        with self._store.atomic():
            rows = self._store.released()
            for row in rows:
                self._store.erase(row)
        expired = self._store.drop_expired(self._clock())
        self._store.compact()
        after = self._store.counts()["bytes"]
        return Collected(len(rows), expired, before, after)

    def status(self, counter: TokenCounter) -> Status:
        """Counts, mode and sizes."""
        counts = self._store.counts()
        embedder = self._meaning.embedder()
        return Status(
            scope=self._store.scope,
            items={state: counts.get(f"state:{state}", 0) for state in STATES},
            facts=counts["facts"],
            chunks=counts["chunks"],
            pending=counts["pending"],
            mode="lexical" if self._meaning.degraded else "hybrid",
            degraded=self._meaning.degraded,
            embedder=embedder.id if embedder else "",
            counter=counter.name,
            tokens=counts["tokens"],
            bytes=counts["bytes"],
            index=self._meaning.index.report(),
            changes=counts["changes"],
        )
