"""Change a settings file so that it is whole at every moment, with the old one kept beside it."""

import contextlib
import os
import secrets
import stat
from datetime import datetime
from pathlib import Path

from routemem.memory_core.errors import Conflict


def read(path: Path) -> bytes | None:
    """What the file holds, or None when there is no file (also behind a dangling link)."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def change(
    path: Path, before: bytes | None, after: bytes, *, now: datetime, private: bool
) -> Path | None:
    """Write a file anew in one step, after keeping what it held.

    A symbolic link stays, and the file it points to is the one that changes. The mode of the file
    stays; folders on the way are made. When this fails, nothing has changed.

    Args:
        path: the file as the client names it.
        before: what ``read`` returned for it.
        after: what it shall hold.
        now: for the name of the backup.
        private: whether a file that is new is readable by its owner only.

    Returns:
        The backup beside ``path``, or None when there was nothing to keep.

    Raises:
        Conflict: the file changed since it was read.
        OSError: it could not be written.
    """
    target = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    like = target.stat() if before is not None else None
    mode = stat.S_IMODE(like.st_mode) if like else (0o600 if private else 0o666)
    backup = None if before is None else _backup(path, before, mode, like, now)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        _create(temporary, after, mode, like)
        if read(target) != before:
            raise Conflict("it changed while it was being read; run this again")
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        if backup:
            backup.unlink(missing_ok=True)
        raise
    return backup


def _backup(
    path: Path, content: bytes, mode: int, like: os.stat_result | None, now: datetime
) -> Path:
    stem, n = f"{path.name}.{now:%Y%m%d-%H%M%S}", 0
    while True:
        backup = path.with_name(f"{stem}-{n}.bak" if n else f"{stem}.bak")
        try:
            _create(backup, content, mode, like)
        except FileExistsError:
            n += 1
        else:
            return backup


def _create(path: Path, content: bytes, mode: int, like: os.stat_result | None) -> None:
    """Make a file that was not there, never readable by more people than it shall be."""
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if like is None:
        return
    path.chmod(mode)  # the umask took bits away
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):  # only root may give a file to another
            os.chown(path, like.st_uid, like.st_gid)
