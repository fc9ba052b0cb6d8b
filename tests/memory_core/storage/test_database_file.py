"""The file under a database: its modes, its log, its name, a full disk, a closed door."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from one_table import HOLDER, in_another_thread, make, said, say
from peer import Peer
from things import files_holding

from routemem.memory_core.errors import StorageError, WriteTimeout
from routemem.memory_core.storage.database import Database
from routemem.memory_core.storage.whole_file import checkpoint, vacuum

posix = pytest.mark.skipif(os.name != "posix", reason="file modes and limits of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


@pytest.fixture(params=["file", "in memory"])
def db(request: pytest.FixtureRequest, path: Path) -> Database:
    return make(path if request.param == "file" else None)


@posix
@pytest.mark.parametrize("nested", [False, True])
def test_a_full_disk_rolls_back_and_reading_goes_on(path: Path, nested: bool) -> None:
    code = """
import resource
from contextlib import nullcontext
from routemem.memory_core.errors import StorageError
from routemem.memory_core.storage.database import Database
db = Database(path)
limit = db.size() + 100_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    with db.atomic():
        db.execute("insert into t values('first part')")
        with db.atomic() if nested else nullcontext():
            for number in range(500):
                db.execute("insert into t values(?)", ("lost" * 10_000,))
except StorageError as error:
    said = [x for (x,) in db.rows("select x from t")]
    say([error.code, str(error), said, db.value("pragma integrity_check")])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with db.atomic():
    db.execute("insert into t values('after')")
say("stored")
"""
    db = make(path)
    say(db, "before")
    with Peer(code, path=path, nested=nested) as peer:
        code, text, found, integrity = peer.hear()
        assert code in ("disk_full", "storage_error")
        assert "space" in text
        assert (found, integrity) == (["before"], "ok")
        assert peer.hear() == "stored"
    assert said(db) == ["after", "before"]


def test_the_connections_are_as_durable_and_as_careful_as_promised(path: Path) -> None:
    db = make(path)

    def pragmas() -> dict[str, Any]:
        names = (
            "journal_mode synchronous secure_delete foreign_keys temp_store mmap_size "
            "trusted_schema query_only"
        )
        return {n: next(iter(db.connection.execute(f"pragma {n}")))[0] for n in names.split()}

    with db.atomic():
        writer = pragmas()
    with db.reading():
        said(db)  # a connection learns the journal mode when it first reads
        reader = pragmas()
    assert writer == {
        "journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1,
        "temp_store": 2, "mmap_size": 0, "trusted_schema": 0, "query_only": 0,
    }  # fmt: skip
    for name in ("journal_mode", "temp_store", "mmap_size", "trusted_schema"):
        assert reader[name] == writer[name]
    assert reader["query_only"] == 1


@posix
def test_every_file_is_readable_by_its_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        db = make(path)
        say(db, "a")
        modes = {p.name: p.stat().st_mode & 0o777 for p in path.parent.iterdir()}
    finally:
        os.umask(before)
    names = ("some.db", "some.db-shm", "some.db-wal", "some.db.lock")
    assert modes == dict.fromkeys(names, 0o600)


def test_closing_folds_the_log_and_leaves_the_file_and_its_lock(path: Path) -> None:
    db = make(path)
    say(db, "kept")
    db.close()
    db.close()
    assert sorted(p.name for p in path.parent.iterdir()) == ["some.db", "some.db.lock"]
    assert files_holding(path.parent, [b"kept"])
    assert said(Database(path)) == ["kept"]


def test_a_closed_database_says_so(db: Database) -> None:
    db.close()
    for attempt in (lambda: said(db), lambda: say(db, "x")):
        with pytest.raises(StorageError, match="closed: open it again"):
            attempt()


def test_closing_waits_for_the_transaction_of_another_thread(db: Database) -> None:
    with in_another_thread(db.atomic()):
        closing = threading.Thread(target=db.close)
        closing.start()
    closing.join()


def test_closing_does_not_hang_on_a_lock_another_process_holds(path: Path) -> None:
    db = make(path, deadline=0.05)
    with Peer(HOLDER, path=path) as peer:
        peer.hear()
        db.close()
        assert peer.ask() == "done"
        peer.say()
    assert said(Database(path)) == ["unseen"]


def test_the_log_cannot_be_cut_while_a_reader_holds_it(path: Path) -> None:
    db = make(path)
    log = path.with_name("some.db-wal")
    with in_another_thread(_reading_something(db)):
        say(db, "new")
        assert not checkpoint(db)
        assert log.stat().st_size
    assert checkpoint(db)
    assert log.stat().st_size == 0
    assert said(db) == ["new"]


@contextmanager
def _reading_something(db: Database) -> Iterator[None]:
    with db.reading():
        said(db)
        yield


def test_a_database_in_memory_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    db = make(None)
    say(db, "x" * 100_000)
    assert db.size() > 100_000
    assert checkpoint(db)
    vacuum(db)
    db.close()
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_stays_the_same_file_when_the_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    db = make(Path("some.db"))
    say(db, "a")
    monkeypatch.chdir(tmp_path / "elsewhere")
    with in_another_thread(db.reading()):  # so that another reader is opened
        assert said(db) == ["a"]
    say(db, "b")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right")
def test_a_link_to_a_file_takes_the_lock_of_the_file(path: Path) -> None:
    make(path).close()
    link = path.with_name("link.db")
    link.symlink_to(path)
    db = Database(link, deadline=0.05)
    with Peer(HOLDER, path=path) as peer:
        peer.hear()
        with pytest.raises(WriteTimeout):
            say(db, "late")
        assert peer.ask() == "done"
        peer.say()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved there")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_taken_away_while_it_is_open_gets_no_more_writes(path: Path, replaced: bool) -> None:
    db = make(path)
    say(db, "a")
    path.rename(path.with_name("taken"))
    if replaced:
        make(path)
    assert not db.in_place()
    for attempt in (lambda: said(db), lambda: say(db, "lost")):
        with pytest.raises(StorageError, match="moved, replaced or deleted"):
            attempt()


@posix
def test_opening_a_second_time_in_one_process_keeps_the_locks_of_the_first(path: Path) -> None:
    db = make(path)
    say(db, "a")
    if not (locks := _locks_on(path)):
        pytest.skip("this system does not show its locks")
    again = Database(path)
    assert _locks_on(path) == locks
    again.close()
    assert _locks_on(path) == locks


def _locks_on(path: Path) -> list[str]:
    """The locks the kernel has on a file, without their running numbers."""
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return []
    return [line.split(" ", 1)[1] for line in lines if f":{path.stat().st_ino} " in line]


@posix
def test_a_folder_that_may_not_be_written_is_explained(path: Path) -> None:
    code = """
import os
from routemem.memory_core.errors import StorageError
from routemem.memory_core.storage.database import Database
if os.geteuid() == 0:  # root may write anywhere
    os.chmod(path.parent, 0o755)
    os.seteuid(65534)
else:
    os.chmod(path.parent, 0o555)
for name in (path, path.parent / "new.db"):
    try:
        Database(name).rows("select * from t")
        say("opened")
    except StorageError as error:
        say([error.code, str(error)])
os.seteuid(os.getuid())
os.chmod(path.parent, 0o755)
"""
    make(path).close()
    with Peer(code, path=path) as peer:
        for name in ("some.db", "new.db"):
            code, text = peer.hear()
            assert code == "storage_error"
            assert name in text
            assert "folder" in text


@pytest.mark.parametrize("name", ["missing/some.db", "file/some.db", "folder"])
def test_a_path_that_can_be_no_file_is_explained(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match=r"cannot be (made|opened)"):
        Database(tmp_path / name)
