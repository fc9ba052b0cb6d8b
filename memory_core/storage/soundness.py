"""Whether a scope's file still is what was written: looked at when there is reason to, and daily.

SQLite notices damage only where it reads, so a bad page can lie for months. What is derived (the
word index, the other indexes) is made anew where it lies; damage to what is true is an error.
"""

import logging
import re
from collections.abc import Callable

import apsw

from ..errors import DamagedFile
from .database import Database
from .files import beside, size
from .sqlite import SqliteStore

log = logging.getLogger("routemem")

#: Largest file that is checked before it is used when its log was left behind, bytes: about 0.2 s.
AT_ONCE = 64 << 20
#: Seconds between two checks of a file in use.
EVERY = 86_400.0
#: Steps of SQLite's machine between two looks at whether somebody waits for the check to end.
STEPS = 100_000
CHECKED = "checked"
_WORDS = re.compile(r"fts5|inverted index|words", re.IGNORECASE)
_INDEX = re.compile(r"missing from index|wrong # of entries in index|non-unique entry in index")


def left_open(database: Database) -> bool:
    """Whether a log lies beside the file: its last program was killed, or another has it open."""
    return database.path is not None and size(beside(database.path, "-wal")) > 0


def check_opened(store: SqliteStore) -> None:
    """Check a small file that has just been opened; a large one is checked in the background.

    Raises:
        DamagedFile: what is true is damaged.
    """
    if store.db.size() <= AT_ONCE:
        restore_soundness(store, "quick_check")


def restore_soundness(store: SqliteStore, how: str = "integrity_check") -> None:
    """Check the whole file, and make derived parts that are damaged anew.

    Args:
        how: ``integrity_check``, or ``quick_check``, which does not compare indexes with rows.

    Raises:
        DamagedFile: what is true is damaged.
    """
    said = _complaints(store.db, how)
    if any(_WORDS.search(each) for each in said):
        log.warning("the word index of %s was damaged and is made anew", store.scope)
        with store.atomic():
            store.db.execute("insert into words(words) values('rebuild')")
    if any(_INDEX.search(each) for each in said):
        log.warning("an index of %s was damaged and is made anew", store.scope)
        with store.atomic():
            store.db.execute("reindex")
    if said:
        with store.atomic():  # on the writer: a reader checks the word index as it remembers it
            left = _complaints(store.db, how)
        if left:
            raise store.db.damaged(left[0])


def _complaints(database: Database, how: str) -> list[str]:
    """What SQLite's check says, at most 20 lines; nothing when all is well."""
    said = [str(line) for (line,) in database.rows(f"pragma {how}(20)")]
    return [] if said == ["ok"] else said


def watch(
    store: object, clock: Callable[[], float], stopped: Callable[[], bool]
) -> "Soundness | None":
    """The daily check of a store, if it has a file."""
    if isinstance(store, SqliteStore) and store.db.path is not None:
        return Soundness(store, clock, stopped)
    return None


class Soundness:
    """The daily check of one scope's file, by whichever process comes first.

    Args:
        store: the open scope.
        clock: gives the time, seconds UTC.
        stopped: whether somebody waits for the check to end.
    """

    def __init__(
        self, store: SqliteStore, clock: Callable[[], float], stopped: Callable[[], bool]
    ) -> None:
        self._store = store
        self._clock = clock
        self._stopped = stopped
        self._unsure = left_open(store.db) and store.db.size() > AT_ONCE

    def due(self) -> bool:
        """Whether a day has passed since the last check, or the file was left open by a kill."""
        born = self._store.db.value("select min(applied_at) from migrations")
        last = float(self._store.meta(CHECKED) or born or 0.0)
        return self._unsure or self._clock() - last >= EVERY

    def check(self) -> bool:
        """Check it now; False when it was damaged: the next call on the scope sets it aside."""
        try:
            said = self._look()
        except DamagedFile as error:  # too bad to go on checking
            said = [error.reason]
        if said is None:
            return True  # somebody waits: the next process will look
        self._unsure = False
        if said:
            self._store.db.doubt(said[0])
            log.warning("the file of %s is damaged: %s", self._store.scope, said[0])
            return False
        with self._store.atomic():
            self._store.set_meta(CHECKED, str(self._clock()))
        return True

    def _look(self) -> list[str] | None:
        """What the check says; None when it was cut short."""
        with self._store.reading():
            reader = self._store.db.connection
            reader.set_progress_handler(self._stopped, STEPS)
            try:
                return _complaints(self._store.db, "quick_check")
            except apsw.InterruptError:
                return None
            finally:
                reader.set_progress_handler(None)
