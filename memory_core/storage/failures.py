"""What SQLite says when it cannot, as our errors, in words."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from ..errors import DamagedFile, DiskFull, StorageError, WriteTimeout

#: Longest wait for a peer that is recovering or closing the file, milliseconds.
BUSY = 5000


def _whose(file: Path) -> str:
    """A sentence if the file is somebody else's, as after a run with sudo."""
    try:
        owner, me = file.stat().st_uid, os.geteuid()
    except (OSError, AttributeError):  # Windows has no such numbers
        return ""
    return "" if owner == me else f" It belongs to another user (uid {owner}, this is {me})."


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turn SQLite's errors of the block into `StorageError` and its kinds; others pass."""
    try:
        yield
    except apsw.FullError as error:
        raise DiskFull(file) from error
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise DamagedFile(file, file, str(error)) from error
    except apsw.ReadOnlyError as error:
        raise StorageError(
            f"{file} cannot be written ({error}). Check the permissions of the folder and file."
            f"{_whose(file)}"
        ) from error
    except apsw.CantOpenError as error:
        raise StorageError(
            f"{file} cannot be opened ({error}). Check that its folder exists, is on a local "
            f"disk and may be written.{_whose(file)}"
        ) from error
    except apsw.BusyError as error:
        raise WriteTimeout(file, BUSY / 1000) from error
    except apsw.IOError as error:
        raise StorageError(
            f"The system refused to read or write {file} ({error}); nothing was changed. Check "
            "free space and limits, then try again."
        ) from error
    except apsw.Error as error:
        raise StorageError(
            f"{file} did not do what was asked ({type(error).__name__}: {error}); nothing was "
            "changed. Run `routemem doctor`."
        ) from error
