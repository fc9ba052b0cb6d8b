"""A scope's SQLite file: connections, snapshots, the one `atomic()`."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import apsw

from ..errors import DamagedFile, StorageError
from .failures import BUSY, explained
from .files import beside, create_private, identity, size
from .lock import WriterLock

Values: TypeAlias = Sequence[Any] | dict[str, Any]

IDLE_READERS = 4
#: Damage that no check of SQLite's finds.
NOT_TEXT = "a text is not UTF-8"
#: SQL function: text without case, in every script (SQLite's own knows ASCII only).
FOLDED = "folded"
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

    Attributes:
        doubts: what was found that the file should not hold; "" as long as nothing was.

    Raises:
        DamagedFile: the file lost its content but not its log.
        StorageError: it cannot be made or opened.
    """

    def __init__(self, path: Path | None, *, deadline: float = 10.0) -> None:
        self.doubts = ""
        # Absolute, so that a change of folder does not move it; without links, so that two names
        # of one file have one lock.
        self.path = path = path.resolve() if path else None
        self._lock = WriterLock(path, deadline) if path else None
        # In memory there is one connection, so readers take turns with the writer.
        self._turn = threading.RLock()
        self._idle: list[apsw.Connection] = []
        self._idle_guard = threading.Lock()
        self._own = threading.local()
        self._closed = False
        if path is not None:
            create_private(path)
        with self._explained():
            self._writer = self._connect(_WRITE_PRAGMAS, apsw.SQLITE_OPEN_CREATE)
        self._file = identity(path) if path else None

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
            with self._savepoint():
                yield
            return
        with self._exclusive(), self._explained(), self._using(self._writer, writing=True):
            self._writer.execute("begin immediate")
            try:
                yield
                self._writer.execute("commit")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("rollback")
                raise

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._writer.execute("savepoint step")
        try:
            yield
        except BaseException:
            if self._writer.in_transaction:  # a full disk may have ended all of it
                self._writer.execute("rollback to step")
                self._writer.execute("release step")
            raise
        self._writer.execute("release step")

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the writer connection, alone among all threads and processes."""
        with self._lock or self._turn:
            self._check_in_place()
            if self.doubts:  # nothing is written over what can perhaps be read
                raise self.damaged(self.doubts)
            yield

    @contextmanager
    def alone(self) -> Iterator[apsw.Connection]:
        """The writer connection without a transaction, for what none may surround.

        No thread and no process writes meanwhile.

        Raises:
            WriteTimeout: another process held the lock past the deadline.
        """
        with self._exclusive(), self._explained():
            yield self._writer

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot: every read in the block sees the same state of the file."""
        if getattr(self._own, "connection", None) is not None:
            yield
            return
        if self._lock is None:
            with self._exclusive(), self._explained(), self._using(self._writer):
                yield
            return
        reader = self._take_reader()
        try:
            with self._explained(), self._using(reader):
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

    def rows(self, sql: str, values: Values = ()) -> list[Any]:
        """All rows of a query, as tuples. Opens a snapshot of its own outside a transaction.

        Raises:
            DamagedFile: what was read is not what was once written.
        """
        # A question reads twenty times inside one snapshot: that must cost nothing to enter.
        connection: apsw.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            with self.reading():
                return self.rows(sql, values)
        try:
            return list(connection.execute(sql, values))
        except UnicodeDecodeError as error:
            raise self.damaged(f"{NOT_TEXT}: {error.reason}") from error

    def value(self, sql: str, values: Values = ()) -> Any:
        """The first column of the first row, or None."""
        found = self.rows(sql, values)
        return found[0][0] if found else None

    def execute(self, sql: str, values: Values = ()) -> int:
        """Run one statement inside `atomic()`; returns the row id of the last insert."""
        self._check_writing()
        self._writer.execute(sql, values)
        return self._writer.last_insert_rowid()

    def execute_many(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row of values, inside `atomic()`."""
        self._check_writing()
        self._writer.executemany(sql, values)

    def _check_writing(self) -> None:
        assert getattr(self._own, "writing", False), "a write outside atomic()"
        if not self._writer.in_transaction:  # ended by an error that somebody has swallowed
            raise StorageError(f"{self.path}: the transaction failed earlier; nothing was changed.")

    def damaged(self, reason: str) -> DamagedFile:
        """The error that says so, the file being left where it is."""
        self.doubt(reason)
        file = self.path or Path("memory")
        return DamagedFile(file, file, reason)

    def doubt(self, reason: str) -> None:
        """Note that the file has to be looked at before it is used again."""
        self.doubts = self.doubts or reason

    def size(self) -> int:
        """Bytes of the file and its log."""
        if self.path is None:
            pages, page = self.value("pragma page_count"), self.value("pragma page_size")
            return int(pages) * int(page)
        return size(self.path) + size(beside(self.path, "-wal"))

    def close(self, *, fold: bool = True) -> None:
        """Close every connection. The last one of all processes folds the log into the file.

        That happens under the writer lock; if another process holds it, closing goes on without.

        Args:
            fold: False leaves the log as it is: the file was refused and must not change.
        """
        with self._idle_guard:
            if self._closed:
                return
            self._closed = True
        turn = self._lock or self._turn
        try:
            turn.acquire()
        except StorageError:
            self._close_connections(fold)  # the holder is writing: its own close will fold the log
            return
        try:
            self._close_connections(fold)
        finally:
            turn.release()

    def _close_connections(self, fold: bool) -> None:
        with self._idle_guard:
            connections = [*self._idle, self._writer]
            self._idle.clear()
        for connection in connections:
            if not fold:
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close()

    # ------------------------------------------------------------------ connections

    def _connect(self, pragmas: Sequence[str], flags: int = 0) -> apsw.Connection:
        file = str(self.path or ":memory:")
        connection = apsw.Connection(file, flags=apsw.SQLITE_OPEN_READWRITE | flags)
        connection.set_busy_timeout(BUSY)  # only met when a peer is recovering or closing
        connection.create_scalar_function(FOLDED, _folded, 1, deterministic=True)
        for pragma in pragmas:
            connection.execute(pragma)
        return connection

    def _take_reader(self) -> apsw.Connection:
        self._check_in_place()
        with self._idle_guard:
            if self._idle:
                return self._idle.pop()
        with self._explained():
            return self._connect((*_READ_PRAGMAS, "pragma query_only = on"))

    def _give_back(self, reader: apsw.Connection) -> None:
        with self._idle_guard:
            if not self._closed and len(self._idle) < IDLE_READERS:
                self._idle.append(reader)
                return
        reader.close()

    def in_place(self) -> bool:
        """Whether the file is still the one that was opened, under its name."""
        return self.path is None or identity(self.path) == self._file

    def _check_in_place(self) -> None:
        if self._closed:
            raise StorageError("This memory is closed: open it again.")
        if not self.in_place():  # or what is written next would be acknowledged and never found
            raise StorageError(
                f"{self.path} was moved, replaced or deleted while it was open. Nothing was "
                "changed: open it again, or restart the server."
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with explained(self.path or Path("memory")):
                yield
        except DamagedFile as error:
            self.doubt(error.reason)
            raise


def _folded(*values: object) -> str:
    return str(values[0]).casefold()
