"""Damaged files: reported, set aside as they are, never overwritten; other scopes go on."""

import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peer import Peer
from stopped_clock import StoppedClock
from things import item, put, unit, whole

from routemem.memory_core.errors import DamagedFile, RoutememError, StorageError
from routemem.memory_core.records import Fact, Filter
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage import opening
from routemem.memory_core.storage.registry import file_name
from routemem.memory_core.storage.sqlite import SqliteStore

HARM: dict[str, Callable[[bytes], bytes]] = {
    "header zeroed": lambda content: b"\0" * 100 + content[100:],
    "header garbled": lambda content: b"SQLite format 4\0" + content[16:],
    "another file": lambda content: b"PK\x03\x04 a spreadsheet " * 300,
    "schema garbled": lambda content: content[:100] + b"\xff" * 3996 + content[4096:],
    "cut in half": lambda content: content[: len(content) // 2],
    "cut inside a page": lambda content: content[:5000],
    "cut inside the header": lambda content: content[:50],
    "one byte": lambda content: content[:1],
    "empty": lambda content: b"",
}


@pytest.fixture
def damaged(settings: Settings, clock: StoppedClock, data_dir: Path) -> Path:
    """The file of user:ann, closed; user:bob is whole. Tests write their damage into it."""
    with Scopes(settings, clock=clock) as scopes:
        for scope in ("user:ann", "user:bob"):
            for number in range(5):
                scopes.open(scope).remember(f"{scope} said {number}")
    return data_dir / file_name("user:ann")


@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_file_is_set_aside_unchanged_and_the_scope_starts_anew(
    damaged: Path, harm: str, settings: Settings, clock: StoppedClock
) -> None:
    content = HARM[harm](damaged.read_bytes())
    damaged.write_bytes(content)
    with Scopes(settings, clock=clock) as scopes:
        assert scopes.open("user:bob").recall("said").hits
        old = "a-1"
        assert scopes.locate("b-1").scope == "user:bob"
        with pytest.raises(DamagedFile) as caught:
            scopes.open("user:ann")
        error = caught.value
        assert error.path == damaged
        assert error.kept_as.read_bytes() == content
        assert error.kept_as.name == f"{damaged.name}.damaged-{int(clock())}"
        assert error.kept_as.name in str(error)
        anew = scopes.open("user:ann")
        assert anew.status().items["active"] == 0
        new = anew.remember("after the damage").id
        assert anew.recall("damage").hits[0].id == new
        assert scopes.open("user:bob").recall("said").hits
        assert not scopes.locate(old).recall(ids=[old]).hits  # an old id names no new memory
        assert new.split("-")[0] not in ("a", "b")
        assert scopes.locate(new).find(new)
    assert error.kept_as.read_bytes() == content


def test_a_damaged_file_takes_its_log_along(
    damaged: Path, settings: Settings, clock: StoppedClock
) -> None:
    code = """
from routemem.memory_core.storage.sqlite import SqliteStore
from things import put
store = SqliteStore(path, "user:ann", "a", now=1.0)
put(store, "only in the log")
say("written")
hear()
"""
    with Peer(code, path=damaged) as peer:
        peer.hear()
        peer.kill()
    log = damaged.with_name(damaged.name + "-wal")
    logged = log.read_bytes()
    damaged.write_bytes(b"")
    with Scopes(settings, clock=clock) as scopes:
        with pytest.raises(DamagedFile) as caught:
            scopes.open("user:ann")
        kept = caught.value.kept_as
        assert kept.with_name(kept.name + "-wal").read_bytes() == logged
        assert scopes.open("user:ann").status().items["active"] == 0


@pytest.mark.parametrize("left", [b"", b"S"])
def test_an_emptied_file_does_not_cost_the_log(tmp_path: Path, left: bytes) -> None:
    """SQLite would take the file for a new one and throw away what the log holds."""
    path, log = tmp_path / "x.db", tmp_path / "x.db-wal"
    path.write_bytes(left)
    log.write_bytes(b"what can still be rescued")
    with pytest.raises(DamagedFile, match="its log is not"):
        SqliteStore(path, "global", "a", now=0.0)
    assert (path.read_bytes(), log.read_bytes()) == (left, b"what can still be rescued")


def test_what_was_set_aside_before_is_never_overwritten(
    damaged: Path, settings: Settings, clock: StoppedClock
) -> None:
    kept = []
    for content in (b"first " * 1000, b"second " * 1000, b"third " * 1000):
        damaged.write_bytes(content)
        with Scopes(settings, clock=clock) as scopes, pytest.raises(DamagedFile) as caught:
            scopes.open("user:ann")
        kept.append((caught.value.kept_as, content))
    assert len({path for path, _ in kept}) == 3
    for path, content in kept:
        assert path.read_bytes() == content


def test_processes_that_meet_the_same_damage_set_it_aside_once(
    damaged: Path, settings: Settings, data_dir: Path
) -> None:
    damaged.write_bytes(b"garbage " * 1000)
    code = """
from routemem.memory_core.errors import DamagedFile
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
scopes = Scopes(Settings(data_dir=folder, key_dir=folder + "-keys", keyring=False, embedder="none"))
scopes.registry
say("ready")
hear()
for attempt in range(3):
    try:
        say(scopes.open("user:ann").remember(f"{name} was here").id)
        break
    except DamagedFile as error:
        pass
hear()
"""
    peers = [Peer(code, folder=str(data_dir), name=name) for name in "abc"]
    try:
        assert [peer.hear() for peer in peers] == ["ready"] * 3
        for peer in peers:
            peer.say("go")
        ids = [peer.hear() for peer in peers]
    finally:
        for peer in peers:
            peer.__exit__(None, None, None)
    assert len(set(ids)) == 3
    assert len(list(data_dir.glob("*.damaged-*"))) == 1
    with Scopes(settings) as scopes:
        assert all(scopes.locate(id).find(id) for id in ids)
        assert {scopes.locate(id).scope for id in ids} == {"user:ann"}


def test_a_file_that_another_process_sets_aside_while_it_is_opened_is_begun_anew(
    damaged: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, open_it = damaged.with_name("kept"), opening._sound

    def too_late(*told: Any) -> SqliteStore:
        monkeypatch.setattr(opening, "_sound", open_it)
        damaged.rename(kept)
        raise StorageError(f"{damaged} cannot be opened")

    monkeypatch.setattr(opening, "_sound", too_late)
    with Scopes(settings) as scopes:
        assert scopes.open("user:ann").status().items["active"] == 0
    assert kept.exists()


def test_a_file_another_process_has_set_aside_meanwhile_is_not_set_aside_again(
    damaged: Path, settings: Settings, clock: StoppedClock
) -> None:
    damaged.write_bytes(b"garbage " * 1000)
    code = """
from routemem.memory_core.storage.files import set_aside
from routemem.memory_core.storage.lock import WriterLock
from routemem.memory_core.storage.sqlite import SqliteStore
with WriterLock(path, 10.0):
    say("held")
    hear()
    set_aside(path, 1.0)
    path.write_bytes(b"")
say("set aside")
hear()
"""
    caught: list[DamagedFile] = []

    def meet() -> None:
        try:
            scopes.open("user:ann")
        except DamagedFile as error:
            caught.append(error)

    with Scopes(settings, clock=clock) as scopes, Peer(code, path=damaged) as peer:
        assert scopes.registry.made("user:ann")
        peer.hear()
        meeting = threading.Thread(target=meet)
        meeting.start()
        while "routemem-writer-lock" not in {thread.name for thread in threading.enumerate()}:
            assert meeting.is_alive()  # it has met the damage when it waits for the lock
        peer.ask()
        meeting.join()
        peer.say()
    assert [error.kept_as for error in caught] == [damaged]
    assert damaged.read_bytes() == b""
    assert [path.name for path in damaged.parent.glob("*.damaged-*")] == [
        f"{damaged.name}.damaged-1"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced there")
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_file_taken_away_while_it_is_open_is_opened_anew(
    damaged: Path, settings: Settings, clock: StoppedClock, how: str
) -> None:
    with Scopes(settings, clock=clock) as scopes:
        memory = scopes.open("user:ann")
        memory.recall("said")
        before = memory.remember("the last one before").id
        damaged.rename(damaged.with_name("taken"))
        for ending in ("-wal", "-shm"):
            damaged.with_name(damaged.name + ending).rename(damaged.with_name("taken" + ending))
        if how == "replaced":
            SqliteStore(damaged, "user:ann", "q", now=0.0).close()
        with pytest.raises(StorageError, match="moved, replaced or deleted"):
            memory.remember("into nowhere")
        again = scopes.open("user:ann")
        assert again is not memory
        id = again.remember("a new start").id
        assert id != before
        assert scopes.locate(id).find(id)
    with Scopes(settings, clock=clock) as scopes:
        assert scopes.locate(id).recall(ids=[id]).hits[0].text == "a new start"


def test_random_damage_found_later_is_an_error_with_a_code(tmp_path: Path) -> None:
    """Never a crash, never an error of another kind than those that say what to do."""
    path = tmp_path / "store.db"
    store = SqliteStore(path, "global", "a", now=0.0)
    texts = {f"text number {n} " + "of the harbour " * (n % 40) for n in range(120)}
    with store.atomic():
        for text in sorted(texts):
            put(store, text, vectors=unit(1, 2, 3), tags=("t",), metadata={"n": text})
        store.add_fact(Fact("key", "value", 1.0, "user", 0.0, None, 0.0))
    store.close()
    content = path.read_bytes()
    pages = len(content) // 4096
    chance = random.Random(7)
    told = 0
    for _ in range(60):
        harmed = bytearray(content)
        for _ in range(chance.choice((1, 3))):
            at = chance.randrange(1, pages) * 4096 + chance.choice((0, chance.randrange(4000)))
            length = chance.choice((1, 8, 96))
            harmed[at : at + length] = chance.randbytes(length)
        path.write_bytes(harmed)
        told += _use_everything(path)
    assert told > 20  # the damage was damage


def _use_everything(path: Path) -> int:
    """Read and write all there is; returns how often that was refused."""
    try:
        store = SqliteStore(path, "global", "a", now=0.0)
    except RoutememError:
        return 1
    refused = 0
    rows: list[int] = []

    def write() -> None:
        with store.atomic():
            kept = store.insert(item("a new text"), whole("a new text"), unit(1, 2, 3))
            store.erase(kept.row)
            for row in rows[:20]:
                store.erase(row)

    steps = (
        lambda: rows.extend(int(row) for row in store.matching(Filter())),
        lambda: store.items(rows),
        lambda: store.newest(Filter(tags=("t",)), 50, 0),
        lambda: store.postings(["harbour", "text"], 1000),
        lambda: store.vectors(None),
        lambda: store.waiting(50),
        lambda: store.find("a-5"),
        lambda: store.facts(),
        lambda: store.changes(1),
        lambda: store.counts(),
        write,
        store.flush_log,
        store.compact,
    )
    for step in steps:
        try:
            step()
        except StorageError:  # anything else fails the test
            refused += 1
    store.close()
    return refused


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved there")
def test_a_memory_that_cannot_write_any_more_does_not_keep_the_others_from_closing(
    settings: Settings, clock: StoppedClock, data_dir: Path
) -> None:
    scopes = Scopes(settings, clock=clock)
    for scope in ("user:a", "user:b"):
        scopes.open(scope).remember("something")
        scopes.open(scope).recall("something")  # leaves an access count that waits
    (data_dir / file_name("user:a")).rename(data_dir / "taken")
    scopes.close()
    assert not list(data_dir.glob("user-b*-wal"))
