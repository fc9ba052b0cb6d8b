"""The tests' folders lie in memory if there is room.

A run of all tests waits for the disk a hundred thousand times, and the disk is not what it tests:
what is killed here is processes, and what those wrote the system keeps. The code under test is the
same and syncs as ever.
"""

import os
import shutil
from pathlib import Path

PLACE = Path("/dev/shm")
#: Bytes: a run leaves a quarter of this there until it ends.
NEEDED = 2 << 30
#: Where pytest makes ``tmp_path``; a caller who has set it knows better.
ROOT = "PYTEST_DEBUG_TEMPROOT"


def use() -> None:
    """Let pytest make its folders in memory; to be called before it makes the first."""
    if ROOT not in os.environ and PLACE.is_dir() and _fits():
        os.environ[ROOT] = str(PLACE)


def _fits() -> bool:
    runs_programs = not os.statvfs(PLACE).f_flag & os.ST_NOEXEC
    writable = os.access(PLACE, os.W_OK | os.X_OK)
    return runs_programs and writable and shutil.disk_usage(PLACE).free > NEEDED
