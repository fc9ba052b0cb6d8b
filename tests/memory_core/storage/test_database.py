import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from peer import Peer
from things import files_holding

from routemem.memory_core.errors import StorageError, WriteTimeout
from routemem.memory_core.storage.database import Database

posix = pytest.mark.skipif(os.name != "posix", reason="file modes and limits of POSIX")
HOLDER = """
from routemem.memory_core.storage.database import Database
db = Database(path)
with db.atomic():
    db.execute("insert into t values('unseen')")
    say("writing")
    hear()
say("done")
hear()
"""


class Stop(Exception):
    """Raised by a test to end a transaction."""


def make(path: Path | None, **options: Any) -> Database:
    """A database with one table, in write-ahead mode."""
    db = Database(path, **options)
    if path:
        assert db.enable_log() == "wal"
    with db.atomic():
        db.connection.execute("create table if not exists t(x)")
    return db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


@pytest.fixture(params=["file", "in memory"])
def db(request: pytest.FixtureRequest, path: Path) -> Database:
    return make(path if request.param == "file" else None)


def said(db: Database) -> list[str]:
    return [x for (x,) in db.rows("select x from t order by x")]


def say(db: Database, *words: str) -> None:
    with db.atomic():
        db.execute_many("insert into t values(?)", [(word,) for word in words])


@contextmanager
def in_another_thread(block: Any) -> Iterator[None]:
    """Stand inside ``with block:`` on another thread."""
    inside, leave = threading.Event(), threading.Event()

    def stand() -> None:
        with block:
            inside.set()
            leave.wait()

    thread = threading.Thread(target=stand)
    thread.start()
    inside.wait()
    try:
        yield
    finally:
        leave.set()
        thread.join()


def fail_after(db: Database, step: Callable[[], object]) -> None:
    """Take the step in a transaction, then fail."""
    with db.atomic():
        step()
        raise Stop


def test_a_transaction_is_kept_or_rolled_back_as_a_whole(db: Database) -> None:
    say(db, "a", "b")
    with pytest.raises(Stop):
        fail_after(db, lambda: db.execute("insert into t values('c')"))
    assert said(db) == ["a", "b"]
    say(db, "d")
    assert said(db) == ["a", "b", "d"]


def test_transactions_nest(db: Database) -> None:
    with db.atomic():
        say(db, "outer")
        with pytest.raises(Stop):
            fail_after(db, lambda: say(db, "lost"))
        with db.atomic():
            say(db, "inner")
        assert said(db) == ["inner", "outer"]
    assert said(db) == ["inner", "outer"]
    with pytest.raises(Stop):
        fail_after(db, lambda: say(db, "kept by the inner one only"))
    assert said(db) == ["inner", "outer"]


def test_a_statement_outside_a_transaction_is_refused(db: Database) -> None:
    with pytest.raises(AssertionError):
        db.execute("insert into t values('x')")
    with db.reading(), pytest.raises(AssertionError):
        db.execute("insert into t values('x')")
    with pytest.raises(RuntimeError):
        _ = db.connection


def test_a_write_inside_a_read_is_a_transaction_of_its_own(db: Database) -> None:
    with db.reading():
        assert said(db) == []
        say(db, "a")
    assert said(db) == ["a"]


def test_readers_do_not_wait_for_a_writer_and_see_a_snapshot(path: Path) -> None:
    db = make(path)
    say(db, "old")
    with db.reading():
        assert said(db) == ["old"]
        with Peer(HOLDER, path=path) as peer:
            assert peer.hear() == "writing"
            assert said(db) == ["old"]
            assert peer.ask() == "done"
            assert said(db) == ["old"]
            peer.say()
    assert said(db) == ["old", "unseen"]


def test_readers_on_other_threads_go_on_while_one_writes(path: Path) -> None:
    db = make(path)
    say(db, "old")

    @contextmanager
    def writing() -> Iterator[None]:
        with db.atomic():
            db.execute("insert into t values('unseen')")
            yield

    with in_another_thread(writing()):
        assert said(db) == ["old"]
    assert said(db) == ["old", "unseen"]


def test_a_writer_does_not_wait_for_readers(path: Path) -> None:
    db = make(path)
    with in_another_thread(db.reading()):
        say(db, "new")
    assert said(db) == ["new"]


def test_a_write_gives_up_when_another_process_holds_the_lock(path: Path) -> None:
    db = make(path, deadline=0.05)
    with Peer(HOLDER, path=path) as peer:
        peer.hear()
        with pytest.raises(WriteTimeout):
            say(db, "late")
        assert not db.checkpoint()
        assert peer.ask() == "done"
        peer.say()
    say(db, "after")
    assert said(db) == ["after", "unseen"]


def test_a_write_gives_up_when_another_thread_holds_the_lock(path: Path) -> None:
    db = make(path, deadline=0.05)
    with in_another_thread(db.atomic()), pytest.raises(WriteTimeout):
        say(db, "late")
    say(db, "after")
    assert said(db) == ["after"]


def test_a_writer_killed_inside_a_transaction_leaves_nothing_of_it(path: Path) -> None:
    db = make(path)
    with Peer(HOLDER, path=path) as peer:
        peer.hear()
        peer.kill()
        say(db, "after")
    assert said(db) == ["after"]
    assert db.value("pragma integrity_check") == "ok"


def test_four_processes_lose_nothing(path: Path) -> None:
    db = make(path)
    code = """
from routemem.memory_core.storage.database import Database
db = Database(path)
say("ready")
hear()
for number in range(count):
    with db.atomic():
        db.execute("insert into t values(?)", (f"{name}{number}",))
    with db.atomic():
        db.execute("update total set n = n + 1")
say("done")
"""
    with db.atomic():
        db.connection.execute("create table total(n); insert into total values(0)")
    count = 60
    peers = [Peer(code, path=path, name=name, count=count) for name in "abcd"]
    try:
        assert [peer.hear() for peer in peers] == ["ready"] * 4
        for peer in peers:
            peer.say("go")
        assert [peer.hear() for peer in peers] == ["done"] * 4
    finally:
        for peer in peers:
            peer.__exit__(None, None, None)
    assert said(db) == sorted(f"{name}{number}" for name in "abcd" for number in range(count))
    assert db.value("select n from total") == 4 * count
    assert db.value("pragma integrity_check") == "ok"


def test_six_threads_lose_nothing(db: Database) -> None:
    with db.atomic():
        db.connection.execute("create table total(n); insert into total values(0)")

    def work(name: str) -> None:
        for number in range(25):
            with db.atomic():
                n = db.value("select n from total")
                db.execute("insert into t values(?)", (f"{name}{number}",))
                db.execute("update total set n = ?", (n + 1,))
            assert f"{name}{number}" in said(db)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.value("select n from total") == len(said(db)) == 150


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
    say([error.code, said, db.value("pragma integrity_check")])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with db.atomic():
    db.execute("insert into t values('after')")
say("stored")
"""
    db = make(path)
    say(db, "before")
    with Peer(code, path=path, nested=nested) as peer:
        code, found, integrity = peer.hear()
        assert code in ("disk_full", "storage_error")
        assert (found, integrity) == (["before"], "ok")
        assert peer.hear() == "stored"
    assert said(db) == ["after", "before"]


def test_a_transaction_that_was_ended_by_an_error_takes_no_more_statements(db: Database) -> None:
    def write() -> None:
        with db.atomic():
            say(db, "lost")
            db.connection.execute("rollback")  # as SQLite does by itself when the disk is full
            db.execute("insert into t values('on its own')")

    with pytest.raises(StorageError, match="failed earlier"):
        write()
    assert said(db) == []


def test_what_sqlite_refuses_is_a_storage_error(db: Database) -> None:
    with pytest.raises(StorageError, match="no such table"):
        db.rows("select * from missing")
    with pytest.raises(StorageError, match="routemem doctor"), db.atomic():
        db.execute("insert into missing values(1)")


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
        assert not db.checkpoint()
        assert log.stat().st_size
    assert db.checkpoint()
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
    assert db.checkpoint()
    db.vacuum()
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
