"""Damage that is found while a scope is in use, or left behind by a kill."""

from pathlib import Path

import pytest
from peer import Peer
from stopped_clock import StoppedClock
from things import put

from routemem.memory_core.errors import DamagedFile
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage import soundness
from routemem.memory_core.storage.registry import file_name
from routemem.memory_core.storage.sqlite import SqliteStore

PAGE = 4096
NAN = b"\x00\x7e"  # as float16


@pytest.fixture
def file(settings: Settings, clock: StoppedClock, data_dir: Path) -> Path:
    """The closed file of user:ann, which holds a few pages of text; user:bob is there as well."""
    with Scopes(settings, clock=clock) as scopes:
        scopes.open("user:bob").remember("bob said so")
        memory = scopes.open("user:ann")
        for number in range(40):
            memory.remember(f"ann said {number} " + "of the harbour " * 40, key=f"k{number}")
    return data_dir / file_name("user:ann")


def spoil(path: Path, table: str) -> None:
    """Overwrite the pages of a table but for its root, as a failing disk would."""
    with Scopes(Settings(data_dir=str(path.parent), embedder="none", keyring=False)) as scopes:
        store = scopes.open("user:ann").store
        assert isinstance(store, SqliteStore)
        sql = "select pageno from dbstat where name = ? and pagetype = 'leaf'"
        pages = [int(page) for (page,) in store.db.rows(sql, (table,))]
    content = bytearray(path.read_bytes())
    for page in pages:
        content[(page - 1) * PAGE : page * PAGE] = b"\xa5" * PAGE
    path.write_bytes(content)


def test_damage_met_by_a_call_is_set_aside_by_the_next(
    file: Path, settings: Settings, clock: StoppedClock
) -> None:
    spoil(file, "items")
    harmed = file.read_bytes()
    with Scopes(settings, clock=clock) as scopes:
        memory = scopes.open("user:ann")
        with pytest.raises(DamagedFile, match="not written to any more"):
            memory.recall(ids=["k3"])
        with pytest.raises(DamagedFile):
            memory.remember("not into a damaged file")
        with pytest.raises(DamagedFile, match="doctor --repair") as caught:
            scopes.open("user:ann")
        assert caught.value.kept_as.read_bytes() == harmed
        scopes.open("user:ann").remember("a new start")
        assert scopes.open("user:bob").recall("bob").hits


def test_damage_met_by_a_process_that_ends_is_set_aside_at_its_end(
    file: Path, settings: Settings, clock: StoppedClock
) -> None:
    spoil(file, "items")
    harmed = file.read_bytes()
    with Scopes(settings, clock=clock) as scopes, pytest.raises(DamagedFile):
        scopes.open("user:ann").recall(ids=["k3"])
    (kept,) = file.parent.glob("*.damaged-*[0-9]")
    assert kept.read_bytes() == harmed
    assert not file.exists()


@pytest.mark.parametrize("sql", [
    "update words_data set block = x'00' where id = (select max(id) from words_data)",
    "delete from words_idx",
])  # fmt: skip
def test_a_damaged_word_index_is_made_anew_and_nothing_is_set_aside(
    file: Path, settings: Settings, clock: StoppedClock, sql: str
) -> None:
    with Scopes(settings, clock=clock) as scopes:
        store = scopes.open("user:ann").store
        assert isinstance(store, SqliteStore)
        with store.atomic():
            store.db.execute(sql)
        store.db.doubt("as a search that failed would")
        memory = scopes.open("user:ann")
        assert memory.store is not store
        assert len(memory.recall("harbour", top_k=50, max_tokens=25_000).hits) == 40
    assert not list(file.parent.glob("*.damaged-*"))


def left_open_by_a_kill(file: Path) -> None:
    code = """
from routemem.memory_core.storage.sqlite import SqliteStore
from things import put
store = SqliteStore(path, "user:ann", "a", now=1.0)
put(store, "in the log")
say("written")
hear()
"""
    with Peer(code, path=file) as peer:
        peer.hear()
        peer.kill()


def test_a_file_left_open_by_a_kill_is_checked_before_it_is_used(
    file: Path, settings: Settings, clock: StoppedClock
) -> None:
    spoil(file, "vectors")  # opening does not read them
    with Scopes(settings, clock=clock) as scopes:
        assert scopes.open("user:ann").status().items["active"] == 40
    left_open_by_a_kill(file)
    with Scopes(settings, clock=clock) as scopes, pytest.raises(DamagedFile) as caught:
        scopes.open("user:ann")
    assert caught.value.kept_as != file


def test_a_large_file_left_open_by_a_kill_is_checked_in_the_background(
    file: Path, settings: Settings, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundness, "AT_ONCE", 0)
    spoil(file, "vectors")
    left_open_by_a_kill(file)
    with Scopes(settings, clock=clock) as scopes:
        memory = scopes.open("user:ann")
        assert not memory.upkeep.round()
        with pytest.raises(DamagedFile, match="kept as"):
            scopes.open("user:ann")


def test_a_file_in_use_is_checked_once_a_day_by_all_processes(
    file: Path, settings: Settings, clock: StoppedClock
) -> None:
    spoil(file, "vectors")
    with Scopes(settings, clock=clock) as scopes:
        memory = scopes.open("user:ann")
        watched = soundness.watch(memory.store, clock, lambda: False)
        assert watched
        assert not watched.due()
        clock.advance(days=1)
        assert watched.due()
        assert not watched.check()
        with pytest.raises(DamagedFile, match="kept as"):
            scopes.open("user:ann")


def test_a_check_notes_its_time_and_can_be_cut_short(tmp_path: Path, clock: StoppedClock) -> None:
    store = SqliteStore(tmp_path / "x.db", "global", "a", now=clock())
    with store.atomic():
        for number in range(2000):
            put(store, f"text {number} " + "of the harbour " * 20)
    clock.advance(days=2)
    cut = soundness.watch(store, clock, lambda: True)
    assert cut
    assert cut.check()
    assert cut.due()
    whole = soundness.watch(store, clock, lambda: False)
    assert whole
    assert whole.check()
    assert not whole.due()


def test_a_memory_without_a_file_is_not_watched(clock: StoppedClock) -> None:
    assert soundness.watch(SqliteStore(None, "global", "a", now=0.0), clock, bool) is None


def test_a_vector_whose_bytes_changed_does_not_keep_the_others_from_being_found(
    file: Path, settings: Settings, clock: StoppedClock
) -> None:
    with Scopes(settings, clock=clock) as scopes:
        store = scopes.open("user:ann").store
        assert isinstance(store, SqliteStore)
        with store.atomic():
            store.db.execute("update vectors set vector = ? where chunk = 5", (NAN * 384,))
    with Scopes(settings, clock=clock) as scopes:
        found = scopes.open("user:ann").recall("harbour", top_k=50, max_tokens=25_000)
        assert len(found.hits) == 40
        assert sum(hit.cosine is None for hit in found.hits) == 1
