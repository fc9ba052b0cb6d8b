import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from one_table import HOLDER, in_another_thread, make, said, say
from peer import Peer

from routemem.memory_core.errors import StorageError, WriteTimeout
from routemem.memory_core.storage.database import Database
from routemem.memory_core.storage.whole_file import checkpoint


class Stop(Exception):
    """Raised by a test to end a transaction."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


@pytest.fixture(params=["file", "in memory"])
def db(request: pytest.FixtureRequest, path: Path) -> Database:
    return make(path if request.param == "file" else None)


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
        assert not checkpoint(db)
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
