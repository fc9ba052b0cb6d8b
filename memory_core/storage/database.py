"""A scope's SQLite file: connections, the one `atomic()`, checkpoints, errors in words."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from ..errors import DamagedFile, DiskFull, StorageError, WriteTimeout
from .lock import WriterLock

IDLE_READERS = 4
_READ_PRAGMAS = (
    "pragma temp_store = memory",  # sorted rows never reach a temporary file
    "pragma trusted_schema = off",
    "pragma cell_size_check = on",
)
# Never `mmap_size` (it turns disk damage into crashes), never extension loading.
_WRITE_PRAGMAS = (
    *_READ_PRAGMAS,
    "pragma foreign_keys = on",
    "pragma synchronous = full",  # acknowledged means it survives a power cut
    "pragma secure_delete = on",
    "pragma journal_size_limit = 8388608",
)


class Database:
    """One file (or, without a path, one database in memory) and its connections.

    A writer connection is held from BEGIN to COMMIT by one thread at a time, in front of it the
    writer lock of the file; readers come from a small pool and never wait for a write. Inside
    `atomic()` or `reading()` every statement of the thread goes to the same transaction.
    """

    def __init__(self, path: Path | None, *, deadline: float = 10.0) -> None:
        self.path = path
        self._lock = WriterLock(path, deadline) if path else None
        # In memory there is one connection, so readers take turns with the writer.
        self._turn = threading.RLock()
        self._idle: list[apsw.Connection] = []
        self._idle_guard = threading.Lock()
        self._own = threading.local()
        self._closed = False
        with self.explained():
            if path is not None:
                _create_private(path)
            self._writer = self._connect(_WRITE_PRAGMAS)

    # ------------------------------------------------------------------ transactions

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """One transaction: all of it is on disk when the block ends, or nothing of it.

        Nests by savepoints. Takes the writer lock, so no block may compute at length inside.

        Raises:
            WriteTimeout: another process held the lock past the deadline.
            DiskFull: no space; nothing was changed.
        """
        if getattr(self._own, "writing", False):
            with self._writer:  # apsw nests as a savepoint
                yield
            return
        with self._exclusive(), self.explained(), self._using(self._writer, writing=True):
            self._writer.execute("begin immediate")
            try:
                yield
                self._writer.execute("commit")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("rollback")
                raise

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the writer connection, alone among all threads and processes."""
        if self._lock is None:
            with self._turn:
                yield
            return
        self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot: every read in the block sees the same state of the file."""
        if getattr(self._own, "connection", None) is not None:
            yield
            return
        if self._lock is None:
            with self._turn, self.explained(), self._using(self._writer):
                yield
            return
        reader = self._take_reader()
        try:
            with self.explained(), self._using(reader):
                reader.execute("begin")
                try:
                    yield
                finally:
                    if reader.in_transaction:
                        reader.execute("commit")
        finally:
            self._give_back(reader)

    @contextmanager
    def _using(self, connection: apsw.Connection, *, writing: bool = False) -> Iterator[None]:
        before = getattr(self._own, "connection", None)
        self._own.connection, self._own.writing = connection, writing
        try:
            yield
        finally:
            self._own.connection, self._own.writing = before, False

    # ------------------------------------------------------------------ statements

    @property
    def connection(self) -> apsw.Connection:
        """The connection of this thread's transaction."""
        connection: apsw.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            raise RuntimeError("a statement outside atomic() and reading()")
        return connection

    def rows(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
        """All rows of a query, as tuples. Opens a snapshot of its own outside a transaction."""
        with self.reading():
            return list(self.connection.execute(sql, values))

    def value(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """The first column of the first row, or None."""
        with self.reading():
            for row in self.connection.execute(sql, values):
                return row[0]
        return None

    def execute(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> int:
        """Run one statement inside `atomic()`; returns the row id of the last insert."""
        assert getattr(self._own, "writing", False), "a write outside atomic()"
        self._writer.execute(sql, values)
        return self._writer.last_insert_rowid()

    def execute_many(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row of values, inside `atomic()`."""
        assert getattr(self._own, "writing", False), "a write outside atomic()"
        self._writer.executemany(sql, values)

    # ------------------------------------------------------------------ upkeep

    def checkpoint(self) -> bool:
        """Move the log into the file and cut it to nothing; False while a reader holds it."""
        if self._lock is None:
            return True
        try:
            return not self._alone("pragma wal_checkpoint(truncate)")
        except WriteTimeout:
            return False

    def vacuum(self) -> None:
        """Rewrite the file without its free pages."""
        self._alone("vacuum")

    def enable_log(self) -> str:
        """Switch to write-ahead logging; returns the journal mode the file then has."""
        if self.value("pragma journal_mode") == "wal":
            return "wal"
        return str(self._alone("pragma journal_mode = wal"))

    def _alone(self, sql: str) -> Any:
        """Run a statement that no transaction may surround, under the writer lock."""
        with self._exclusive(), self.explained():
            return next((row[0] for row in self._writer.execute(sql)), None)

    def size(self) -> int:
        """Bytes of the file and its log."""
        if self.path is None:
            pages, page = self.value("pragma page_count"), self.value("pragma page_size")
            return int(pages) * int(page)
        names = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(name.stat().st_size for name in names if name.exists())

    def close(self) -> None:
        """Close every connection. The last one of all processes folds the log into the file.

        That happens under the writer lock; if another process holds it, closing goes on without.
        """
        if self._closed:
            return
        self._closed = True
        locked = False
        if self._lock:
            try:
                self._lock.acquire()
                locked = True
            except WriteTimeout:
                pass  # the other holder is writing: its own close will fold the log in
        try:
            with self._idle_guard:
                for reader in self._idle:
                    reader.close()
                self._idle.clear()
            self._writer.close()
        finally:
            if locked and self._lock:
                self._lock.release()

    # ------------------------------------------------------------------ connections

    def _connect(self, pragmas: Sequence[str]) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        connection = apsw.Connection(str(self.path or ":memory:"), flags=flags)
        connection.set_busy_timeout(5000)  # only readers meet it: a recovering or closing peer
        for pragma in pragmas:
            connection.execute(pragma)
        return connection

    def _take_reader(self) -> apsw.Connection:
        with self._idle_guard:
            if self._closed:
                raise StorageError("This memory is closed: open it again.")
            if self._idle:
                return self._idle.pop()
        with self.explained():
            return self._connect((*_READ_PRAGMAS, "pragma query_only = on"))

    def _give_back(self, reader: apsw.Connection) -> None:
        with self._idle_guard:
            if not self._closed and len(self._idle) < IDLE_READERS:
                self._idle.append(reader)
                return
        reader.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, in words."""
        name = self.path or Path("memory")
        try:
            yield
        except apsw.FullError as error:
            raise DiskFull(name) from error
        except (apsw.NotADBError, apsw.CorruptError) as error:
            raise DamagedFile(name, name, str(error)) from error
        except apsw.ReadOnlyError as error:
            raise StorageError(
                f"{name} cannot be written ({error}). Check the permissions of the folder and file."
            ) from error
        except apsw.CantOpenError as error:
            raise StorageError(
                f"{name} cannot be opened ({error}). Check that its folder exists, is on a local "
                "disk and may be written."
            ) from error
        except apsw.BusyError as error:
            raise WriteTimeout(name, 5.0) from error
        except apsw.IOError as error:
            raise StorageError(
                f"The system refused to read or write {name} ({error}); nothing was changed. Check "
                "free space and limits, then try again."
            ) from error


def _create_private(path: Path) -> None:
    """Make the file readable by its owner only; SQLite gives the log the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
