"""Folders that memories must not lie in are refused in words, before anything is written."""

import os
import re
import shutil
from pathlib import Path, PurePosixPath

import pytest
from peer import Peer

from routemem.memory_core.errors import StorageError
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage import place

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has other owners and links")
LINUX = """\
22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:22 / /home rw,relatime shared:2 - nfs4 nas:/home rw,vers=4.2
24 23 0:23 / /home/ann/local rw - xfs /dev/vdb rw
25 22 0:24 / /mnt/big\\040disk rw - cifs //nas/big rw
26 22 0:25 / /mnt/f\\303\\274r rw master:3 - fuse.sshfs ann@host: rw
27 22 0:26 / /mnt/usb rw - fuseblk /dev/sdc1 rw
28 22 0:27 / /twice rw - nfs nas:/twice rw
29 28 0:28 / /twice rw - tmpfs tmpfs rw
"""
MACOS = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)
//ann@nas._smb._tcp.local/home on /Volumes/home (1) (smbfs, nodev, nosuid, mounted by ann)
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ann/.local/share/routemem", "nfs4"),
        ("/home/ann/local/routemem", ""),
        ("/homestead", ""),
        ("/mnt/big disk/x", "cifs"),
        ("/mnt/für/x", "fuse.sshfs"),
        ("/mnt/usb/x", ""),
        ("/twice/x", ""),
        ("/var/lib", ""),
    ],
)
def test_a_share_is_known_by_the_mount_a_folder_lies_on(path: str, kind: str) -> None:
    assert place.remote_kind(PurePosixPath(path), place._linux_mounts(LINUX)) == kind


@pytest.mark.parametrize(("path", "kind"), [("/Volumes/home (1)/x", "smbfs"), ("/Users/ann", "")])
def test_a_share_is_known_on_macos(path: str, kind: str) -> None:
    assert place.remote_kind(PurePosixPath(path), place._bsd_mounts(MACOS)) == kind


def test_a_folder_on_a_share_is_refused_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "file_system", lambda path: "nfs4")
    with pytest.raises(StorageError, match=r"nfs4.*--data-dir"):
        place.check_place(tmp_path / "not there yet" / "data")
    assert not list(tmp_path.iterdir())


def test_a_local_folder_is_fine_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    place.check_place(tmp_path / "data")
    place.probe(tmp_path)
    assert not list(tmp_path.iterdir())


@POSIX
def test_a_file_system_without_a_write_ahead_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no write-ahead log"):
        place.probe(tmp_path, vfs="unix-dotfile")  # SQLite's own, for systems without locks
    assert not list(tmp_path.iterdir())


@POSIX
def test_a_file_system_without_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routemem.memory_core.storage.lock._lock", lambda fd, *, wait: True)
    with pytest.raises(StorageError, match="does not keep others out"):
        place.probe(tmp_path)


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root may give away")
@pytest.mark.parametrize("what", ["link", "folder"])
def test_what_belongs_to_another_user_is_refused(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "data"
    if what == "link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
        os.lchown(folder, 1234, 1234)
    else:
        folder.mkdir()
        os.chown(folder, 1234, 1234)
    code = """
import os
from routemem.memory_core.errors import StorageError
from routemem.memory_core.storage.place import check_place
for top in (folder, *folder.parents):
    if os.stat(top).st_mode & 0o5 != 0o5 and top != folder: os.chmod(top, 0o755)
os.seteuid(65534)
try:
    check_place(folder)
    say("fine")
except StorageError as error:
    say(str(error))
"""
    with Peer(code, folder=folder) as peer:
        said = peer.hear()
    assert ("a link that another user made" if what == "link" else "belongs to another") in said


@POSIX
def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "elsewhere")
    place.check_place(tmp_path / "data")


AS_NOBODY = """
import os
from routemem.memory_core.errors import StorageError
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings

def settings(name):
    return Settings(data_dir=f"{folder}/{name}", key_dir=f"{folder}/key", keyring=False,
                    embedder="hash")

with Scopes(settings("own")) as scopes:  # imports everything, while that may be read
    scopes.open().remember("kept")
for top in (folder, *folder.parents):
    if os.stat(top).st_mode & 0o5 != 0o5: os.chmod(top, 0o755)
os.seteuid(65534)
try:
    with Scopes(settings("data")) as scopes:
        say([hit.text for hit in scopes.recall("kept").hits])
except StorageError as error:
    say(str(error))
"""


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root may give away")
@pytest.mark.parametrize(
    ("owner", "mode", "log", "told"),
    [
        (65534, 0o555, False, "cannot be written"),
        (65534, 0o555, True, "cannot be opened"),
        (0, 0o700, False, r"belongs to another user \(uid 0, this is 65534\)"),
    ],
    ids=["a folder to read only", "and a log left in it", "files of another user"],
)
def test_a_folder_that_cannot_be_used_is_told_and_nothing_in_it_changed(
    tmp_path: Path, owner: int, mode: int, log: bool, told: str
) -> None:
    data = tmp_path / "data"
    own = Settings(
        data_dir=str(tmp_path / "made"), key_dir=str(tmp_path / "key"), keyring=False,
        embedder="hash",
    )  # fmt: skip
    with Scopes(own) as scopes:
        scopes.open().remember("kept")
        if log:  # as a kill leaves it
            shutil.copytree(own.data_path(), data, ignore=shutil.ignore_patterns("*-shm"))
    if not log:
        shutil.copytree(own.data_path(), data)
    for path in data.rglob("*"):
        os.chown(path, owner, owner)
    os.chown(data, 65534, 65534)
    data.chmod(mode)
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    with Peer(AS_NOBODY, folder=tmp_path) as peer:
        said = peer.hear()
    data.chmod(0o755)
    assert re.search(told, said), said
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before
