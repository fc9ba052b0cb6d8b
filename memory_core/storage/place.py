"""Whether a data folder can be trusted with memories: whose it is, and what it lies on.

On a share, locks and shared memory of several machines do not meet: SQLite may say yes and lose
what was written. Such folders are refused by name where the system tells, and by trying.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

from ..errors import RoutememError, StorageError

#: File systems that lie on another machine, as Linux and macOS name them.
REMOTE = frozenset({
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "afs", "ncpfs", "ceph",
    "lustre", "beegfs", "gfs2", "ocfs2", "gpfs", "orangefs", "davfs", "webdav", "fuse.sshfs",
    "fuse.davfs2", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse",
    "fuse.curlftpfs", "macfuse.sshfs", "osxfuse.sshfs",
})  # fmt: skip
_DRIVE_REMOTE = 4
_OCTAL = re.compile(rb"\\([0-7]{3})")


def check_place(folder: Path) -> None:
    """Look at a folder that may not be there yet. Imports nothing heavy, makes nothing.

    Raises:
        StorageError: it is on a network file system, or somebody else's.
    """
    there = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
    if kind := file_system(there):
        raise StorageError(
            f"The data folder {folder} is on a network file system ({kind}), where the locks that "
            "keep several servers from harming each other cannot be relied on. Choose a folder on "
            "a local disk with --data-dir or ROUTEMEM_DATA_DIR; exports and backups may go to a "
            "share."
        )
    if sys.platform != "win32":
        try:
            _check_owner(folder)
        except OSError as error:
            raise StorageError(
                f"The data folder {folder} cannot be looked at ({error.strerror}). Choose another "
                "with --data-dir or ROUTEMEM_DATA_DIR."
            ) from error


def _check_owner(folder: Path) -> None:
    me = os.geteuid()
    if folder.is_symlink() and folder.lstat().st_uid not in (0, me):
        raise StorageError(
            f"The data folder {folder} is a link that another user made: it could lead anywhere. "
            "Name the folder itself with --data-dir or ROUTEMEM_DATA_DIR."
        )
    # Root's are fine where one may write, as /tmp: root can read everything anyway.
    if me != 0 and folder.is_dir() and folder.stat().st_uid not in (0, me):
        raise StorageError(
            f"The data folder {folder} belongs to another user (uid {folder.stat().st_uid}, this "
            f"is {me}). Choose another with --data-dir or ROUTEMEM_DATA_DIR, or chown it back."
        )


def file_system(path: Path) -> str:
    """Name of the network file system an existing path lies on; "" for a local or unknown one."""
    if sys.platform == "win32":
        return _windows(path)
    try:
        if sys.platform == "linux":
            mounts = _linux_mounts(Path("/proc/self/mountinfo").read_text("utf-8", "replace"))
        else:
            mounts = _bsd_mounts(
                subprocess.run(
                    ["/sbin/mount"], capture_output=True, text=True, timeout=5, check=True
                ).stdout
            )
    except (OSError, subprocess.SubprocessError):
        return ""
    return remote_kind(PurePosixPath(path.resolve()), mounts)


def remote_kind(path: PurePosixPath, mounts: list[tuple[str, str]]) -> str:
    """The kind of the mount a path lies on if it is a remote one, else "".

    Args:
        mounts: mount point and kind, in the order they were mounted.
    """
    best, kind = -1, ""
    for point, each in mounts:
        depth = len(PurePosixPath(point).parts)
        if path.is_relative_to(point) and depth >= best:  # a later one lies over an earlier
            best, kind = depth, each
    return kind if kind in REMOTE else ""


def _linux_mounts(text: str) -> list[tuple[str, str]]:
    """Of ``/proc/self/mountinfo``, where a space in a name is three octal digits."""
    found = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split(" ")
        if dash and len(fields) > 4:
            point = _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), fields[4].encode())
            found.append((point.decode("utf-8", "replace"), after.split(" ")[0]))
    return found


def _bsd_mounts(text: str) -> list[tuple[str, str]]:
    """Of what ``mount`` prints on macOS: ``//ann@nas/home on /Volumes/home (smbfs, nodev)``."""
    found = []
    for line in text.splitlines():
        where, paren, kind = line.rpartition(" (")
        _, on, point = where.partition(" on ")
        if paren and on:
            found.append((point, kind.rstrip(")").split(",")[0].strip()))
    return found


def _windows(path: Path) -> str:
    if sys.platform != "win32":
        return ""
    import ctypes

    drive = path.resolve().drive
    if drive.startswith("\\\\"):
        return "a share"
    kind = ctypes.windll.kernel32.GetDriveTypeW(drive + "\\")
    return "a network drive" if kind == _DRIVE_REMOTE else ""


def probe(folder: Path, vfs: str = "") -> None:
    """Try on a throw-away file what every scope file needs: the log, its shared memory, locks.

    Args:
        vfs: the way SQLite reaches files; "" for its own.

    Raises:
        StorageError: something of it does not work here.
    """
    import apsw

    from .lock import WriterLock

    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".probe-") as place:
            path = Path(place) / "probe.db"
            said = _try_log(path, vfs)
            one, other = WriterLock(path, 1.0), WriterLock(path, 0.001)
            with one:
                try:
                    with other:
                        said = said or "a lock does not keep others out"
                except RoutememError:
                    pass
    except (apsw.Error, OSError) as error:
        said = str(error)
    if said:
        raise StorageError(
            f"The file system of the data folder {folder} cannot hold memories ({said}). Choose a "
            "folder on a local disk with --data-dir or ROUTEMEM_DATA_DIR."
        )


def _try_log(path: Path, vfs: str) -> str:
    """What is wrong with write-ahead logging at a path; "" when it works."""
    import apsw

    first = apsw.Connection(str(path), vfs=vfs or None)
    second = apsw.Connection(str(path), vfs=vfs or None)
    try:
        first.execute("pragma synchronous = off")  # nothing of it must last
        mode = next(iter(first.execute("pragma journal_mode = wal")))[0]
        if mode != "wal":
            return f"no write-ahead log, only {mode!r}"
        first.execute("create table t(a); insert into t values(1)")
        if list(second.execute("select a from t")) != [(1,)]:
            return "a second connection does not see a write"
    finally:
        second.close()
        first.close()
    return ""
