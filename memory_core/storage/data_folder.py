"""The data folder: made so that only its owner can enter."""

import os
import stat
from pathlib import Path

from ..errors import StorageError


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter.

    One that was there is made private too if it is empty or holds our files; never one that serves
    other purposes, such as a home folder or ``/tmp``. The files in it are private in any case.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and _is_ours(folder):
            folder.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"The data folder {folder} cannot be made ({error.strerror}). Choose another with "
            "--data-dir or ROUTEMEM_DATA_DIR."
        ) from error


def _is_ours(folder: Path) -> bool:
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & stat.S_ISVTX:
        return False
    return (folder / "registry.db").exists() or not any(folder.iterdir())
