"""Backups: whole, private, few, made while others write, and not out of reach of erasure."""

from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from kwurf import remember
from peer import Peer
from stopped_clock import StoppedClock
from things import files_holding

from routemem.memory_core.errors import Conflict, NotFound, StorageError
from routemem.memory_core.memory import Memory
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage.backups import Backups

WRITER = """
from routemem.memory_core.memory import Memory
from routemem.memory_core.settings import Settings
settings = Settings(key_dir=str(path) + ".keys", keyring=False)
memory = Memory.open(path, embedder="none", settings=settings)
say("open")
hear()
for number in range(300):
    memory.remember(f"written by the other process, number {number}")
    if number == 5: say("writing")
say(memory.store.counts()["items"])
hear()
say(sorted(hit.text for hit in memory.recall(top_k=50, max_tokens=20000).hits))
hear()
memory.close()
"""


@pytest.fixture
def backups(memory: Memory) -> Backups:
    assert memory.upkeep.backups
    return memory.upkeep.backups


def texts(memory: Memory) -> list[str]:
    return sorted(hit.text for hit in memory.recall(top_k=50, max_tokens=20_000).hits)


def test_a_backup_is_one_private_file_that_passes_the_integrity_check(
    memory: Memory, backups: Backups
) -> None:
    memory.remember("kept in two places")
    made = backups.make()
    assert made
    assert [path.name for path in made.path.parent.iterdir() if ".lock" not in path.name] == [
        made.name
    ]
    assert (made.path.stat().st_mode & 0o777, made.path.parent.stat().st_mode & 0o777) == (
        0o600, 0o700,
    )  # fmt: skip
    connection = apsw.Connection(str(made.path))
    assert list(connection.execute("pragma integrity_check")) == [("ok",)]
    assert list(connection.execute("select text from items")) == [("kept in two places",)]
    connection.close()


def test_a_backup_is_made_while_another_process_writes_and_none_of_its_writes_fails(
    memory: Memory, backups: Backups, tmp_path: Path
) -> None:
    memory.remember("before")
    with Peer(WRITER, path=tmp_path / "memory.db") as peer:
        assert peer.hear() == "open"
        peer.say()
        assert peer.hear() == "writing"
        made = [backups.make() for _ in range(3)]
        assert peer.hear() == 301
        for each in made:
            assert each
            connection = apsw.Connection(str(each.path))
            assert list(connection.execute("pragma integrity_check")) == [("ok",)]
            ((count,),) = connection.execute("select count(*) from items")
            connection.close()
            assert 7 <= count <= 301
        peer.say()
        peer.hear()
        peer.say()


def test_restore_puts_it_back_for_every_process_and_keeps_what_was_there(
    memory: Memory, backups: Backups, tmp_path: Path
) -> None:
    memory.remember("first thing")
    made = backups.make()
    assert made
    with Peer(WRITER, path=tmp_path / "memory.db") as peer:
        assert peer.hear() == "open"
        peer.say()
        peer.hear()
        assert peer.hear() == 301
        kept = backups.restore(made)
        assert texts(memory) == ["first thing"]
        assert peer.ask() == ["first thing"]  # the other process has it open all the time
        peer.say()
    assert kept
    assert kept.replaced
    backups.restore(kept)
    assert memory.store.counts()["items"] == 301
    assert memory.store.db.value("pragma integrity_check") == "ok"  # type: ignore[attr-defined]  # a file


def test_after_a_restore_search_finds_what_is_there_and_new_ids_are_new(
    memory: Memory, backups: Backups
) -> None:
    first = memory.remember("the blue folder").id
    made = backups.make()
    assert made
    second = memory.remember("the red folder").id
    assert memory.recall("folder").hits
    backups.restore(made)
    assert [hit.id for hit in memory.recall("folder").hits] == [first]
    third = memory.remember("the green folder").id
    assert third not in (first, second)
    assert {hit.id for hit in memory.recall("folder").hits} == {first, third}


def test_deleting_reaches_every_backup(memory: Memory, backups: Backups, tmp_path: Path) -> None:
    id = remember(memory)
    memory.set_fact("kwurf.colour", "blimfark")
    other = memory.remember("something that stays").id
    for _ in range(3):
        backups.make()
    sought = [b"Zorblax", b"wyxotjam", b"metakwurf", b"summarkwurf", b"blimfark"]
    assert any("backups" in str(backup.path) for backup in backups.all())
    assert len(files_holding(tmp_path / "backups", [b"Zorblax"])) == 3
    memory.forget([id], mode="delete")
    memory.forget(["kwurf.colour"], mode="delete")
    assert files_holding(tmp_path, sought) == []
    made = backups.all()
    assert len(made) == 3
    backups.restore(made[0])
    assert "something that stays" in texts(memory)
    assert memory.find(id) is None
    assert memory.find(other)


def test_what_was_deleted_can_still_be_taken_back_after_a_restore(
    memory: Memory, backups: Backups
) -> None:
    id = memory.remember("deleted by mistake").id
    made = backups.make()
    assert made
    memory.forget([id], mode="delete")
    backups.restore(made)
    assert memory.find(id) is None
    memory.forget([id], mode="restore")
    assert texts(memory) == ["deleted by mistake"]


def test_summaries_of_a_deleted_memory_are_erased_from_backups_as_well(
    memory: Memory, backups: Backups, tmp_path: Path
) -> None:
    ids = [
        memory.remember(f"The pump ran for {n} hours in the cellar of the mill.").id for n in (1, 2)
    ]
    (made,) = memory.compress(ids, summary="pump: brumblefosk")
    backups.make()
    memory.forget([made.id], mode="archive")
    memory.forget([ids[0]], mode="purge")
    assert files_holding(tmp_path, [b"brumblefosk", b"for 1 hours"]) == []


def test_clearing_a_scope_takes_its_backups_along(memory: Memory, backups: Backups) -> None:
    memory.remember("a zubblefrex")
    backups.make()
    memory.transfer.clear()
    assert memory.upkeep.erase_log()
    assert backups.all() == []


def test_a_backup_holds_no_undo_copy_that_would_outlive_its_time(
    memory: Memory, backups: Backups
) -> None:
    id = memory.remember("deleted").id
    memory.forget([id], mode="delete")
    made = backups.make()
    assert made
    connection = apsw.Connection(str(made.path))
    assert list(connection.execute("select sealed from tombstones")) == [(None,)]
    connection.close()


def test_what_is_held_is_in_backups_sealed_and_still_held_after_a_restore(
    memory: Memory, backups: Backups, tmp_path: Path
) -> None:
    id = memory.remember("the door code is a zubblefrex").id
    early = backups.make()
    assert early
    memory.quarantine([id], reason="a code")
    made = backups.make()
    assert made
    assert files_holding(tmp_path, [b"zubblefrex"]) == []
    for each in (made, early):
        backups.restore(each)
        assert memory.find(id) is None
        assert "zubblefrex" in memory.vault.show(id)


def test_what_is_held_comes_back_from_a_backup_when_the_file_is_lost(
    memory: Memory, backups: Backups, settings: Settings, clock: StoppedClock
) -> None:
    id = memory.remember("the door code is a zubblefrex").id
    memory.quarantine([id], reason="a code")
    made = backups.make()
    assert made
    memory.close()
    path = made.path.parents[1] / "memory.db"
    for file in path.parent.glob("memory.db*"):
        file.unlink()
    with Memory.open(path, embedder="hash", settings=settings, clock=clock) as again:
        assert again.upkeep.backups
        again.upkeep.backups.restore(made)
        assert "zubblefrex" in again.vault.show(id)
        again.vault.release(id)
        assert again.find(id)


@pytest.mark.parametrize("step", ["purge", "release"])
def test_what_is_purged_or_released_leaves_no_sealed_copy_in_any_file(
    memory: Memory, backups: Backups, tmp_path: Path, step: str
) -> None:
    id = memory.remember("the door code is a zubblefrex").id
    memory.quarantine([id], reason="a code")
    held = memory.store.held(id)
    assert held
    assert held.sealed
    made = backups.make()
    assert made
    sought = [held.sealed[:16], held.sealed[-16:]]
    assert files_holding(made.path.parent, sought)
    getattr(memory.vault, step)(id)
    assert files_holding(tmp_path, sought) == []
    backups.restore(made)
    assert memory.vault.all() == []
    with pytest.raises(Conflict):
        memory.vault.show(id)


def test_a_backup_that_cannot_be_opened_is_removed_when_it_may_hold_what_is_erased(
    memory: Memory, backups: Backups
) -> None:
    id = memory.remember("to be erased").id
    broken, whole = backups.make(), backups.make()
    assert broken
    assert whole
    broken.path.write_bytes(b"to be erased, but no database")
    (done,) = memory.forget([id], mode="delete")
    assert done.erasure == "done"
    assert [backup.name for backup in backups.all()] == [whole.name]


def test_a_damaged_backup_is_refused_and_nothing_changes(
    memory: Memory, backups: Backups, clock: StoppedClock
) -> None:
    for number in range(200):
        memory.remember(f"note number {number}")
    made = backups.make()
    assert made
    memory.remember("after it")
    with made.path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xff" * 4096 * 4)
    with pytest.raises(StorageError, match="damaged"):
        backups.restore(made)
    assert "after it" in texts(memory)
    with pytest.raises(NotFound, match="There are"):
        backups.find("nothing.db")


def test_daily_by_itself_and_seven_are_kept(
    tmp_path: Path, settings: Settings, clock: StoppedClock
) -> None:
    path = tmp_path / "memory.db"
    with Memory.open(path, embedder="hash", settings=settings, clock=clock) as memory:
        backups = memory.upkeep.backups
        assert backups
        memory.remember("something")
        memory.upkeep.round()
        assert backups.all() == []
        for day in range(1, 11):
            clock.advance(hours=24)
            memory.upkeep.round()
            memory.upkeep.round()
            assert len(backups.all()) == min(day, 7)
        ages = [round((clock() - backup.at) / 86_400) for backup in backups.all()]
        assert ages == list(range(7))
        assert len(list((tmp_path / "backups").iterdir())) == 8  # and the lock


def test_none_by_itself_when_that_is_off(
    tmp_path: Path, settings: Settings, clock: StoppedClock
) -> None:
    off = replace(settings, backup_hours=0)
    with Memory.open(tmp_path / "m.db", embedder="hash", settings=off, clock=clock) as memory:
        memory.remember("something")
        clock.advance(days=9)
        memory.upkeep.round()
        assert not (tmp_path / "backups").exists()


def test_what_must_be_erased_from_backups_is_not_forgotten_when_they_are_busy(
    memory: Memory, backups: Backups, tmp_path: Path
) -> None:
    id = memory.remember("a zubblefrex").id
    backups.make()
    with backups._alone(1.0):  # as while a large backup is made
        (done,) = memory.forget([id], mode="delete")
        assert done.erasure == "pending"
        assert files_holding(tmp_path / "backups", [b"zubblefrex"])
    assert memory.upkeep.erase_log()
    assert files_holding(tmp_path, [b"zubblefrex"]) == []
