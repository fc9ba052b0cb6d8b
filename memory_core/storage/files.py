"""A scope's file on disk: made private, recognised, measured, set aside when it is damaged."""

import contextlib
import os
import shutil
from pathlib import Path

from ..errors import DamagedFile, StorageError


def beside(path: Path, ending: str) -> Path:
    """The file of the same name with an ending more: the log, the lock."""
    return path.with_name(path.name + ending)


def identity(path: Path) -> tuple[int, int] | None:
    """What stays the same when a file is written and changes when it is replaced; None: no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def size(path: Path) -> int:
    """Bytes of a file, 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def is_empty(path: Path) -> bool:
    """Whether SQLite takes the file for a new one; of one byte it does that, too."""
    return size(path) <= 1


def create_private(path: Path) -> None:
    """Make the file readable by its owner only; SQLite gives the log the same mode.

    A file that is there is not opened: closing it again would drop the locks of every other
    connection this process has to it.

    Raises:
        DamagedFile: the file lost its content but not its log.
        StorageError: it cannot be made.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_file() and is_empty(path) and size(beside(path, "-wal")):
            # SQLite would take it for a new file and throw the log away.
            raise DamagedFile(path, path, "it is empty and its log is not") from None
    except OSError as error:
        raise StorageError(
            f"{path} cannot be made ({error.strerror}). Its folder must exist and this user must "
            "be allowed to write in it."
        ) from error


def set_aside(path: Path, now: float) -> Path:
    """Rename a damaged scope file and its log; returns the new name (the old one on failure).

    Nothing set aside earlier is overwritten. Call it under the writer lock of the file.
    """
    kept = free = beside(path, f".damaged-{int(now)}")
    number = 1
    while any(os.path.lexists(beside(free, ending)) for ending in ("", "-wal", "-shm")):
        number += 1
        free = beside(kept, f"-{number}")
    moved: list[tuple[Path, Path]] = []
    try:
        # The file last: a log left behind would be played into the new file of that name.
        for ending in ("-wal", "-shm", ""):
            source, target = beside(path, ending), beside(free, ending)
            if source.exists():
                source.rename(target)
                moved.append((source, target))
    except OSError:
        for source, target in moved:
            with contextlib.suppress(OSError):
                target.rename(source)
        return path
    return free


def remove(path: Path) -> bool:
    """Remove a scope file, its log and its index; False where the system does not let us.

    Call it under the writer lock of the file, whose own file stays: removing that would let two
    processes lock two different files of the same name.
    """
    try:
        # The file last: a log left behind would be played into the new file of that name.
        for ending in ("-wal", "-shm", ""):
            beside(path, ending).unlink(missing_ok=True)
    except OSError:  # open files cannot be removed on Windows
        return False
    shutil.rmtree(path.with_suffix(".index"), ignore_errors=True)
    return True
