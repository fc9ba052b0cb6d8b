import re
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from peer import Peer
from things import put

from routemem.memory_core.errors import ForeignFile, NewerSchema, StorageError
from routemem.memory_core.records import Filter
from routemem.memory_core.storage.database import Database
from routemem.memory_core.storage.migrations import APPLICATION_ID, MIGRATIONS, applied, migrate
from routemem.memory_core.storage.sqlite import SqliteStore

TABLES = "items tags chunks vectors words facts change_log audit tombstones meta migrations".split()


def opened(path: Path, scope: str = "global") -> SqliteStore:
    return SqliteStore(path, scope, "a", now=5.0)


def looks(path: Path) -> tuple[bytes, int]:
    """Content and time of change of a file that nobody has open."""
    return path.read_bytes(), path.stat().st_mtime_ns


def run_sql(path: Path, sql: str) -> None:
    """As another program would, leaving no log."""
    connection = apsw.Connection(str(path))
    connection.execute(sql)
    connection.close()


def test_a_blank_file_gets_every_migration_in_order(tmp_path: Path) -> None:
    db = opened(tmp_path / "new.db").db
    assert applied(db) == [name for name, _ in MIGRATIONS]
    names = {name for (name,) in db.rows("select name from sqlite_master")}
    assert set(TABLES) <= names
    assert db.value("pragma application_id") == APPLICATION_ID
    assert db.rows("select applied_at from migrations") == [(5.0,)] * len(MIGRATIONS)
    assert db.value("pragma integrity_check") == "ok"


def test_names_of_migrations_say_their_order() -> None:
    names = [name for name, _ in MIGRATIONS]
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"m\d{3}_[a-z_]+", name) for name in names)


def test_opening_a_file_that_is_up_to_date_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    store = opened(path)
    put(store, "kept")
    store.close()
    before = looks(path)
    store = opened(path)
    assert store.count_items() == 1
    migrate(store.db, 9.0)
    store.close()
    assert looks(path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["old.db", "old.db.lock"]


def test_opening_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    opened(path).close()
    code = """
from routemem.memory_core.storage.sqlite import SqliteStore
store = SqliteStore(path, "global", "a", now=1.0)
with store.atomic():
    say("writing")
    hear()
"""
    with Peer(code, path=path) as peer:
        peer.hear()
        store = SqliteStore(path, "global", "a", now=1.0, deadline=0.05)
        assert store.count_items() == 0
        peer.say()


def test_a_newer_file_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    opened(path).close()
    run_sql(path, "insert into migrations values('m999_later', 1.0)")
    before = looks(path)
    with pytest.raises(NewerSchema, match="m999_later") as caught:
        opened(path)
    assert (caught.value.path, caught.value.unknown) == (path, ["m999_later"])
    assert looks(path) == before


def test_a_newer_file_keeps_even_the_log_its_program_left(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    opened(path).close()
    code = """
from routemem.memory_core.storage.database import Database
db = Database(path)
with db.atomic():
    db.execute("insert into migrations values('m999_later', 1.0)")
say("written")
hear()
"""
    with Peer(code, path=path) as peer:
        peer.hear()
        peer.kill()
    log = path.with_name("newer.db-wal")
    before = looks(path), looks(log)
    with pytest.raises(NewerSchema):
        opened(path)
    assert (looks(path), looks(log)) == before


@pytest.mark.parametrize(
    "sql",
    [
        "create table notes(a); insert into notes values(1)",
        "create table migrations(id, applied)",
        "create table migrations(name); insert into migrations values('0001_initial')",
        "create table items(a); create table meta(key, value)",
    ],
)
def test_a_database_of_another_program_is_refused_and_not_changed(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "foreign.db"
    run_sql(path, sql)
    before = looks(path)
    with pytest.raises(StorageError, match="another program"):
        opened(path)
    assert looks(path) == before
    assert {p.name for p in tmp_path.iterdir()} <= {"foreign.db", "foreign.db.lock"}


def test_the_file_of_another_scope_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    opened(path, "user:ann").close()
    before = looks(path)
    with pytest.raises(ForeignFile) as caught:
        opened(path, "user:bob")
    assert (caught.value.expected, caught.value.found) == ("user:bob", "user:ann")
    assert looks(path) == before


def test_a_failed_migration_leaves_a_blank_file_that_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(db: Database) -> None:
        MIGRATIONS[0][1](db)
        raise ZeroDivisionError

    path = tmp_path / "new.db"
    with monkeypatch.context() as patch:
        patch.setattr(
            "routemem.memory_core.storage.migrations.MIGRATIONS", ((MIGRATIONS[0][0], broken),)
        )
        with pytest.raises(ZeroDivisionError):
            opened(path)
    assert opened(path).count_items() == 0


def test_processes_that_make_the_same_file_at_once_all_succeed(tmp_path: Path) -> None:
    code = """
from routemem.memory_core.storage.sqlite import SqliteStore
from things import put
say("ready")
for number in range(8):
    hear()
    store = SqliteStore(folder / f"{number}.db", "global", "a", now=1.0)
    say(put(store, f"from {name}").id)
"""
    peers = [Peer(code, folder=tmp_path, name=name) for name in "abc"]
    try:
        assert [peer.hear() for peer in peers] == ["ready"] * 3
        for number in range(8):
            for peer in peers:
                peer.say("go")
            assert sorted(peer.hear() for peer in peers) == ["a-1", "a-2", "a-3"]
            store = opened(tmp_path / f"{number}.db")
            assert len(store.matching(Filter())) == 3
            assert store.db.value("pragma integrity_check") == "ok"
    finally:
        for peer in peers:
            peer.__exit__(None, None, None)


def test_our_files_can_be_told_from_others_by_their_header(tmp_path: Path) -> None:
    path = tmp_path / "ours.db"
    opened(path).close()
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"print(open({str(path)!r}, 'rb').read(72)[68:])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "b'Rmem'"
