"""Backups of one scope's file: made while it is in use, kept few, and not out of reach of erasure.

A backup is a plain database file in the folder ``backups`` beside the scope's. It holds no undo
copies: these must not outlive their time. What is in quarantine is in it as it is in the scope,
sealed, until it is purged or released. What is erased from the scope is erased from its backups
too; a backup that cannot be opened is removed instead.
"""

import logging
import os
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw

from ..errors import DamagedFile, NotFound, StorageError, WriteTimeout
from ..records import Erasure
from .files import beside, create_private, size
from .lock import WriterLock
from .sqlite import SqliteStore
from .tables.changes import log_change
from .whole_file import copy_to, take_over

log = logging.getLogger("routemem")
FOLDER = "backups"
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(
    r"(?P<stem>.+)\.(?P<at>\d{8}T\d{6}Z)(?:-(?P<number>\d+))?(?P<kept>-replaced)?\.db"
)
#: Longest wait for a backup under way before an erasure is put off, seconds.
PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup.

    Attributes:
        at: when it was made, seconds UTC.
        replaced: whether it is what a restore has replaced.
    """

    path: Path
    at: float
    bytes: int
    replaced: bool

    @property
    def name(self) -> str:
        """The name to restore it by."""
        return self.path.name


class Backups:
    """The backups of one scope's file. Safe in several threads and processes.

    Args:
        store: the open scope; one in memory has no backups.
        keep: newest backups that stay.
        hours: between two of them; 0: none is made by itself.
        clock: gives the time, seconds UTC.
    """

    def __init__(
        self, store: SqliteStore, *, keep: int, hours: float, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._keep = keep
        self._hours = hours
        self._clock = clock
        path = store.db.path
        self._path = path
        self._folder = path.parent / FOLDER if path else Path()

    def all(self) -> list[Backup]:
        """Every backup, newest first."""
        if self._path is None or not self._folder.exists():
            return []
        found = []
        for path in self._folder.iterdir():
            name = _NAME.fullmatch(path.name)
            if name and name["stem"] == self._path.stem:
                at = datetime.strptime(name["at"], _STAMP).replace(tzinfo=UTC).timestamp()
                found.append(Backup(path, at, size(path), bool(name["kept"])))
        return sorted(found, key=lambda backup: (backup.at, backup.name), reverse=True)

    def find(self, name: str = "") -> Backup:
        """The backup of a name (or of a path that ends in it); the newest for "".

        Raises:
            NotFound: there is none.
        """
        every = self.all()
        asked = Path(name).name
        for backup in every:
            if (not name and not backup.replaced) or backup.name == asked:
                return backup
        have = ", ".join(backup.name for backup in every[:5]) or "none yet"
        raise NotFound(f"No backup {asked[:80]!r} of {self._store.scope}. There are: {have}.")

    # ------------------------------------------------------------------ make

    def due(self) -> bool:
        """Whether the last backup, or without one the scope, is old enough for the next."""
        if self._path is None or self._hours <= 0:
            return False
        daily = [backup.at for backup in self.all() if not backup.replaced]
        born = self._store.db.value("select min(applied_at) from migrations")
        last = max(daily, default=float(born or 0))
        return self._clock() - last >= self._hours * 3600

    def make(self, *, replaced: bool = False) -> Backup | None:
        """Copy the scope as it is at this moment; readers and writers go on. None: in memory.

        Raises:
            StorageError: it cannot be written; no half of one is left.
        """
        if self._path is None:
            return None
        with self._alone(10.0):
            made = self._make(replaced)
            self._prune(made)
        return made

    def _make(self, replaced: bool) -> Backup:
        path = self._free_name("-replaced" if replaced else "")
        part = beside(path, ".part")
        try:
            part.unlink(missing_ok=True)
            create_private(part)
            copy_to(self._store.db, part, _without_undo_copies)
            part.replace(path)
        except OSError as error:
            raise StorageError(f"No backup can be written in {self._folder}: {error}.") from error
        finally:
            part.unlink(missing_ok=True)
        return Backup(path, self._clock(), size(path), replaced)

    def _free_name(self, ending: str) -> Path:
        assert self._path is not None
        stamp = datetime.fromtimestamp(self._clock(), UTC).strftime(_STAMP)
        path = self._folder / f"{self._path.stem}.{stamp}{ending}.db"
        number = 1
        while path.exists():
            number += 1
            path = self._folder / f"{self._path.stem}.{stamp}-{number}{ending}.db"
        return path

    def _prune(self, newest: Backup) -> None:
        for old in self.all()[max(1, self._keep) :]:
            if old.path != newest.path:
                _remove(old.path)

    # ------------------------------------------------------------------ erase

    def catch_up(self, erased: Sequence[tuple[str, str]]) -> Erasure:
        """Erase from every backup, too, what was erased from the scope.

        Args:
            erased: what `SqliteStore.erased` told.

        Returns:
            Not done when a backup is under way, or one cannot be changed: try again later.
        """
        if self._path is None or not erased or not self.all():
            return Erasure(True)
        left = []
        try:
            with self._alone(PATIENCE):
                for backup in self.all():
                    try:
                        if ("", "all") in erased:
                            _remove(backup.path)
                        else:
                            self._erase(backup, erased)
                    except OSError as error:
                        log.warning("%s cannot be changed: %s", backup.name, error.strerror)
                        left.append(backup.name)
        except WriteTimeout:
            return Erasure(False)
        return Erasure(not left, tuple(left))

    def _erase(self, backup: Backup, erased: Sequence[tuple[str, str]]) -> None:
        try:
            copy = SqliteStore(backup.path, self._store.scope, "", now=self._clock())
            try:
                with copy.atomic():
                    for ref, kind in erased:
                        _erase_from(copy, ref, kind)
                copy.flush_log()
            finally:
                copy.close()
        except WriteTimeout:
            raise
        except StorageError as error:
            log.warning("the backup %s was removed: %s", backup.name, error.code)
            _remove(backup.path)

    # ------------------------------------------------------------------ restore

    def restore(self, backup: Backup) -> Backup | None:
        """Put a backup in the place of the scope, in one commit; servers that have it open go on.

        What the scope held is kept as a backup of its own. What was deleted since stays deleted,
        and can be restored as long as before. Ids given out since are not given out again.

        Returns:
            What was replaced.

        Raises:
            StorageError: the backup does not pass its check; nothing was changed.
        """
        assert self._path is not None
        with self._alone(10.0):
            kept = self._make(replaced=True)
            part = self._folder / f".{backup.name}.restoring"
            try:
                _copy(backup.path, part)
                _check(part, self._store.scope, self._clock())
                take_over(self._store.db, part, lambda: self._carry_over(part))
            finally:
                _remove(part)
        return kept

    def _carry_over(self, part: Path) -> None:
        """Into the copy that will be the scope: what must not go back in time with it."""
        counters = self._store.db.rows("select name, seq from sqlite_sequence")
        graves = self._store.db.rows("select id, state, at, expires_at, sealed from tombstones")
        held = self._store.db.rows("select * from quarantine")
        erased = self._store.erased()
        kept = {key: self._store.meta(key) for key in ("tag", "last_id")}
        copy = SqliteStore(part, self._store.scope, "", now=self._clock())
        try:
            with copy.atomic():
                for name, seq in counters:
                    _raise_counter(copy, str(name), int(seq))
                for grave in graves:
                    copy.db.execute(
                        "insert or replace into tombstones values(?, ?, ?, ?, ?)", grave
                    )
                for ref, kind in [*erased, *((str(grave[0]), "item") for grave in graves)]:
                    _erase_from(copy, ref, kind)
                for row in held:  # after what was erased: it may be held again since
                    marks = ", ".join("?" * len(row))
                    copy.db.execute(f"insert or replace into quarantine values({marks})", row)
                if kept["tag"] == copy.meta("tag"):
                    last = max(int(kept["last_id"] or 0), int(copy.meta("last_id") or 0))
                    copy.set_meta("last_id", str(last))
                log_change(copy.db, "reset", 0)  # every process reads everything again
                last_change = copy.db.value("select max(seq) from change_log")
                copy.set_meta("log_floor", str(last_change))
                copy.set_meta("store", uuid.uuid4().hex)  # index files of the other are not its own
        finally:
            copy.close()

    def _alone(self, deadline: float) -> WriterLock:
        """Nobody else makes, restores or erases meanwhile."""
        assert self._path is not None
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The folder {self._folder} cannot be made ({error.strerror})."
            ) from error
        return WriterLock(self._folder / self._path.stem, deadline)


def _erase_from(copy: SqliteStore, ref: str, kind: str) -> None:
    """Remove an item with all that was made of it, or every statement about a key."""
    if kind == "fact":
        for fact in copy.facts([ref]):
            copy.erase_fact(fact.row)
    elif kind == "card":
        copy.erase_card(ref)
    elif kind == "held":
        gone = "state = 'purged', sealed = null, mark = x''"
        copy.db.execute(f"update quarantine set {gone} where id = ?", (ref,))
    elif (item := copy.find(ref)) and item.id == ref:
        for derived in copy.derived([ref]).get(ref, ()):
            _erase_from(copy, derived, "item")
        for fact in [fact for fact in copy.facts() if fact.item == ref]:
            copy.erase_fact(fact.row)
        copy.erase(item.row)
        copy.forget_details(ref)
    copy.db.execute("delete from erasures")
    copy.db.execute("delete from meta where key = 'erasure_owed'")


def _without_undo_copies(connection: apsw.Connection) -> None:
    connection.execute("pragma secure_delete = on")
    connection.execute("update tombstones set sealed = null")


def _raise_counter(copy: SqliteStore, name: str, seq: int) -> None:
    had = copy.db.value("select seq from sqlite_sequence where name = ?", (name,))
    if had is None:
        copy.db.execute("insert into sqlite_sequence values(?, ?)", (name, seq))
    elif int(had) < seq:
        copy.db.execute("update sqlite_sequence set seq = ? where name = ?", (seq, name))


def _check(path: Path, scope: str, now: float) -> None:
    """Raise unless the file is a whole database of this scope; brings its schema up to date."""
    try:
        store = SqliteStore(path, scope, "", now=now)
        try:
            said = store.db.value("pragma integrity_check")
            if said == "ok":
                with store.atomic():  # raises when the word index does not fit the texts
                    store.db.execute("insert into words(words) values('integrity-check')")
        finally:
            store.close()
    except DamagedFile as error:
        said = error.reason
    if said != "ok":
        raise StorageError(f"The backup is damaged ({said}); nothing was changed. Choose another.")


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    create_private(target)
    with source.open("rb") as old, target.open("wb") as new:
        while block := old.read(1 << 20):
            new.write(block)
        new.flush()
        os.fsync(new.fileno())


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal", ".lock"):
        beside(path, ending).unlink(missing_ok=True)
