"""What is done to a scope's file as a whole: log folded, pages rewritten, copied, replaced."""

import logging
from collections.abc import Callable
from pathlib import Path

import apsw

from ..errors import DamagedFile, StorageError, WriteTimeout
from .database import Database
from .failures import BUSY

log = logging.getLogger("routemem")

#: Longest wait for readers of other processes when the log is cut, milliseconds. The writer lock
#: is held meanwhile, so a reader that stays longer is not waited for.
PATIENCE = 100
CUT_LOG = "pragma wal_checkpoint(truncate)"


def checkpoint(db: Database) -> bool:
    """Move the log into the file and cut it to nothing.

    Returns:
        False when it was not possible now: a reader holds the log, another process writes, the
        disk is full. Nothing is lost then.

    Raises:
        DamagedFile: the file or its log cannot be read.
    """
    if db.path is None:
        return True
    try:
        with db.alone() as writer:
            writer.set_busy_timeout(PATIENCE)
            try:
                busy = next(row[0] for row in writer.execute(CUT_LOG))
            finally:
                writer.set_busy_timeout(BUSY)
        return not busy
    except DamagedFile:
        raise
    except WriteTimeout:
        return False
    except StorageError as error:
        log.warning("the log could not be folded into the file: %s", error)
        return False


def vacuum(db: Database) -> None:
    """Rewrite the file without its free pages."""
    with db.alone() as writer:
        writer.execute("vacuum")


def enable_log(db: Database) -> str:
    """Switch to write-ahead logging; returns the journal mode the file then has."""
    if db.value("pragma journal_mode") == "wal":
        return "wal"
    with db.alone() as writer:
        return str(next(row[0] for row in writer.execute("pragma journal_mode = wal")))


def copy_to(db: Database, path: Path, change: Callable[[apsw.Connection], None]) -> None:
    """Copy the database as it is at this moment into an empty file; nobody waits for it.

    Args:
        change: what to do to the copy before it is whole.
    """
    with db.reading():
        copy = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            with copy.backup("main", db.connection, "main") as pages:
                pages.step(-1)
            copy.execute("pragma journal_mode = delete")  # one file, not three
            copy.execute("pragma synchronous = full")
            change(copy)
        finally:
            copy.close()


def take_over(db: Database, path: Path, prepare: Callable[[], None]) -> None:
    """Replace everything by what another file holds, in one commit, under the writer lock.

    Other processes see it as a very large write.

    Args:
        prepare: called when nobody can write any more, before the file is read.
    """
    with db.alone() as writer:
        prepare()
        source = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            with writer.backup("main", source, "main") as pages:
                pages.step(-1)
        finally:
            source.close()
