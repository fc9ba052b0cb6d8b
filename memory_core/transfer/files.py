"""Bundles as files: never over another file, readable by their owner only."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from ..errors import InvalidArgument, NotFound, StorageError

T = TypeVar("T")
ENDING = ".jsonl"


def write_new(path: Path, write: Callable[[IO[bytes]], T]) -> T:
    """Write a file that is not there yet, mode 0600; a failure leaves nothing behind.

    Raises:
        InvalidArgument: something of that name is there.
        StorageError: it cannot be written.
    """
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError as error:
        raise InvalidArgument(f"{path} is there already: choose another name.") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror}).") from error
    try:
        with file:
            done = write(file)
            file.flush()
            os.fsync(file.fileno())
        return done
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageError(f"{path} cannot be written ({error.strerror}).") from error
        raise


def free_name(path: Path) -> Path:
    """The path, or with a number behind its stem where something of that name is there."""
    free, number = path, 1
    while os.path.lexists(free):
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free


def read_from(path: Path, read: Callable[[IO[bytes]], T]) -> T:
    """Read a file.

    Raises:
        NotFound: it is not there.
        StorageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return read(file)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}.") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror}).") from error


def within(folder: Path, name: str) -> Path:
    """A file of a folder by its bare name, which leads nowhere else.

    Raises:
        InvalidArgument: the name is a path, hidden, a link, or of another ending.
    """
    path = folder / name
    plain = name == path.name and not name.startswith(".") and name.endswith(ENDING)
    if not plain or "\0" in name or "\\" in name or path.is_symlink():
        raise InvalidArgument(
            f"file is {name[:80]!r}, expected the bare name of a {ENDING} file in the folder "
            f"{folder.name} of the data folder."
        )
    return path
