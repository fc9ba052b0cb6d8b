"""A scope is emptied only when that is confirmed or a session is over, and can be brought back."""

from dataclasses import replace
from pathlib import Path

import pytest
from stopped_clock import StoppedClock
from things import files_holding

from routemem.memory_core.errors import Conflict, StorageError
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.scopes.emptying import bring_back, confirmation
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage.registry import file_name


def fill(scopes: Scopes, scope: str) -> str:
    memory = scopes.open(scope)
    memory.set_fact("city", "Ghent")
    memory.boards.tasks.create("wobblequex")
    return memory.remember("the grumblefitz is blue").id


def test_clearing_takes_two_steps_and_the_word_of_the_first(scopes: Scopes, data_dir: Path) -> None:
    fill(scopes, "user:u")
    word, nothing = scopes.carrying.clear("user:u")
    assert (len(word), nothing) == (8, None)
    with pytest.raises(Conflict, match="does not confirm"):
        scopes.carrying.clear("user:u", "made up")
    _, done = scopes.carrying.clear("user:u", word)
    assert done
    assert (done.items, done.erasure) == (1, "done")
    assert scopes.open("user:u").transfer.names() == []
    assert files_holding(data_dir, [b"grumblefitz", b"wobblequex", b"Ghent"]) == []


def test_the_word_fits_only_the_scope_as_it_was(scopes: Scopes) -> None:
    fill(scopes, "user:u")
    fill(scopes, "user:v")
    word, _ = scopes.carrying.clear("user:u")
    assert confirmation(scopes.open("user:v")) != word
    scopes.open("user:u").boards.tasks.create("one more")
    scopes.clock.advance(seconds=1)  # type: ignore[attr-defined]  # the tests' clock
    scopes.open("user:u").set_fact("k", 1)
    with pytest.raises(Conflict):
        scopes.carrying.clear("user:u", word)
    assert scopes.open("user:u").transfer.names()


def test_what_was_cleared_can_be_brought_back_for_some_days(
    scopes: Scopes, clock: StoppedClock
) -> None:
    id = fill(scopes, "user:u")
    memory = scopes.open("user:u")
    scopes.carrying.clear("user:u", confirmation(memory))
    newer = memory.remember("written since").id
    bring_back(memory)
    assert memory.find(id)
    assert memory.find(newer)
    assert memory.get_fact("city") == "Ghent"
    with pytest.raises(Conflict):
        bring_back(memory)
    scopes.carrying.clear("user:u", confirmation(memory))
    clock.advance(days=8)
    memory.store.drop_expired(clock())
    with pytest.raises(Conflict):
        bring_back(memory)


def test_what_is_held_is_not_released_and_not_purged_by_clearing(scopes: Scopes) -> None:
    id = fill(scopes, "user:u")
    memory = scopes.open("user:u")
    memory.quarantine([id], reason="private")
    scopes.carrying.clear("user:u", confirmation(memory))
    assert [held.id for held in memory.vault.all()] == [id]


def test_a_session_is_emptied_a_day_after_its_last_write(
    scopes: Scopes, clock: StoppedClock
) -> None:
    fill(scopes, "session:s")
    fill(scopes, "user:u")
    clock.advance(hours=23)
    assert scopes.recall("grumblefitz", scope="session:s").hits
    scopes.open("session:s").set_fact("k", 1)
    clock.advance(hours=23)
    assert scopes.recall("grumblefitz", scope="session:s").hits
    clock.advance(hours=1)
    assert scopes.recall("grumblefitz", scope="session:s").hits == ()
    assert scopes.get_facts(scope="session:s") == []
    assert scopes.recall("grumblefitz", scope="user:u").hits
    bring_back(scopes.open("session:s"))
    assert scopes.recall("grumblefitz", scope="session:s").hits


def test_what_expired_says_so_in_the_audit(scopes: Scopes, clock: StoppedClock) -> None:
    fill(scopes, "session:s")
    clock.advance(days=2)
    store = scopes.open("session:s").store
    rows = store.db.rows("select op, detail from audit where op = 'session_expired'")  # type: ignore[attr-defined]  # a file's store
    assert rows == [("session_expired", "1 memories")]


def test_every_session_of_the_folder_is_looked_after(
    scopes: Scopes, settings: Settings, clock: StoppedClock
) -> None:
    for scope in ("session:a", "session:b", "user:u"):
        fill(scopes, scope)
    scopes.close()
    clock.advance(days=2)
    with Scopes(settings, clock=clock) as after:
        after.open("session:b")
        assert after.sweep() == ["session:a", "session:b"]
        assert after.open("user:u").transfer.names()


def test_reading_another_session_does_not_keep_it(scopes: Scopes, clock: StoppedClock) -> None:
    fill(scopes, "session:s")
    for _ in range(25):
        clock.advance(hours=1)
        scopes.recall("grumblefitz", scope="session:s")
        scopes.look("session:s").upkeep.round()
    assert scopes.open("session:s").transfer.names() == []


@pytest.mark.parametrize("changes", [{"session_hours": 0.0}, {"read_only": True}])
def test_a_session_can_be_kept_and_a_reader_empties_nothing(
    scopes: Scopes, settings: Settings, clock: StoppedClock, changes: dict[str, float]
) -> None:
    id = fill(scopes, "session:s")
    scopes.close()
    clock.advance(days=400)
    with Scopes(replace(settings, **changes), clock=clock) as after:  # type: ignore[arg-type]  # settings of two types
        assert after.open("session:s").find(id)


def test_what_was_promoted_does_not_expire(scopes: Scopes, clock: StoppedClock) -> None:
    id = fill(scopes, "session:s")
    scopes.carrying.promote("session:s", "user:u")
    clock.advance(days=2)
    assert scopes.sweep() == ["session:s"]
    assert scopes.locate(id).find(id)


def test_of_a_session_that_is_over_for_good_no_file_is_left(
    scopes: Scopes, settings: Settings, clock: StoppedClock, data_dir: Path
) -> None:
    fill(scopes, "session:s")
    moved = scopes.open("session:s").remember("worth keeping").id
    scopes.carrying.move([moved], "user:u")
    file = data_dir / file_name("session:s")
    clock.advance(days=2)
    assert scopes.sweep() == ["session:s"]
    assert file.exists()  # it can still be brought back
    with Scopes(settings, clock=clock) as other:
        watching = other.open("session:s")
        clock.advance(days=8)
        scopes.sweep()
        assert not file.exists()
        assert "session:s" not in scopes.names()
        with pytest.raises(StorageError):
            watching.remember("written to a file that is gone")
        again = other.open("session:s").remember("a new session of that name").id
    assert again != moved
    assert scopes.locate(moved).find(moved)
    assert scopes.recall("new session", scope="session:s").hits
    (data_dir / "registry.db").unlink()
    with Scopes(settings, clock=clock) as anew:  # the tag of the old one is not given out
        assert anew.open("session:t").remember("hello").id != moved
        assert anew.locate(moved).scope == "user:u"


@pytest.mark.parametrize("kept", ["held", "new", "read"])
def test_a_session_that_is_still_of_use_keeps_its_file(
    scopes: Scopes, clock: StoppedClock, data_dir: Path, kept: str
) -> None:
    id = fill(scopes, "session:s")
    if kept == "held":
        scopes.open("session:s").quarantine([id], reason="private")
    clock.advance(days=2)
    scopes.sweep()
    clock.advance(days=8)
    if kept == "new":
        scopes.open("session:new")
        scopes.sweep()
        assert (data_dir / file_name("session:new")).exists()
        return
    if kept == "read":
        scopes.open("session:s").note("recall", ms=1.0, ok=True)
        scopes.open("session:s").upkeep.round()
    scopes.sweep()
    assert (data_dir / file_name("session:s")).exists()
