"""Space that is given up when the disk is full: even forgetting needs some."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..errors import DiskFull

T = TypeVar("T")
log = logging.getLogger("routemem")

NAME = "ballast"
#: What erasing many memories and folding the log in takes at most, bytes.
SIZE = 4 << 20
#: It is made (again) when so much is free beside it, bytes.
ROOM = 16 * SIZE


class Ballast:
    """A file of zeros in a data folder, dropped for those who want to forget.

    Args:
        file: a scope's file. One that lies in no data folder has no ballast; nor has None.
    """

    def __init__(self, file: Path | None) -> None:
        self._path = file.parent / NAME if file and _in_data_folder(file) else None

    def make(self) -> None:
        """Put it there unless it is or there is little room; never an error."""
        if self._path is None:
            return
        try:
            if self._path.exists() or shutil.disk_usage(self._path.parent).free < ROOM:
                return
            part = self._path.with_suffix(".part")
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(bytes(SIZE))  # written out: a hole would hold no space
            part.replace(self._path)
        except OSError as error:
            log.info("no ballast: %s", error.strerror)

    def drop(self) -> bool:
        """Give the space back to the disk; False when there is none to give."""
        try:
            if self._path is None:
                return False
            self._path.unlink()
        except OSError:
            return False
        log.warning("the disk is full: the ballast was dropped so that forgetting works")
        return True

    def forgetting(self, step: Callable[[], T]) -> T:
        """Run a step that erases; on a full disk once more without the ballast.

        Raises:
            DiskFull: even that was not enough. What one transaction holds was rolled back.
        """
        try:
            return step()
        except DiskFull:
            if not self.drop():
                raise
        return step()


def _in_data_folder(file: Path) -> bool:
    return (file.parent / "registry.db").exists()
