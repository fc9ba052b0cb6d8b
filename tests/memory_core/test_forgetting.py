"""Forgetting: hidden, gone, or taken back in time."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kwurf import WORDS, remember, vector_of
from stopped_clock import StoppedClock
from things import holding, item

from routemem.memory_core.errors import Conflict, NotFound, StorageError
from routemem.memory_core.lifecycle.actions import Action
from routemem.memory_core.memory import Memory
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage.contract import Tombstone
from routemem.memory_core.storage.sqlite import SqliteStore
from routemem.memory_core.storage.vault import Vault


def test_a_deleted_item_is_gone_from_every_answer(memory: Memory) -> None:
    id = remember(memory)
    memory.forget([id], mode="delete")
    assert id not in [hit.id for hit in memory.recall(WORDS, include_archived=True).hits]
    assert id not in [hit.id for hit in memory.recall(include_archived=True, top_k=50).hits]
    assert memory.recall(ids=[id, "keykwurf"]).missing == (id, "keykwurf")
    assert memory.find("keykwurf") is None
    assert holding(memory.store, *WORDS.split()) == []
    assert memory.status().items["deleted"] == 1


def test_deleting_takes_every_copy_along(memory: Memory) -> None:
    id, *_ = [memory.remember("said three times").id for _ in range(3)]
    memory.forget([id], mode="delete")
    assert memory.find(id) is None
    assert memory.recall("said three times").hits == ()


def test_what_was_deleted_is_restored_byte_for_byte_under_its_id(
    memory: Memory, clock: StoppedClock
) -> None:
    id = remember(memory, when="2025-03-04", priority=8, pinned=True, source="web")
    nasty = memory.remember("NUL \0, \U0001f98a, e\u0301, \r\n end  ").id
    before = {ref: memory.find(ref) for ref in (id, nasty)}
    vector = vector_of(memory, id)
    clock.advance(days=6.9)
    memory.forget([id, nasty], mode="delete")
    clock.advance(days=6.9)
    done = memory.forget([id, nasty], mode="restore")
    assert [one.state for one in done] == ["active", "active"]
    for ref, old in before.items():
        new = memory.find(ref)
        assert new
        assert old
        assert new.text.encode() == old.text.encode()
        for name in (
            "id key kind speaker when origin trust tags metadata priority pinned digest copies "
            "tokens summary created_at"
        ).split():
            assert getattr(new, name) == getattr(old, name), name
    assert memory.find("keykwurf") == memory.find(id)
    memory.upkeep.backfill()
    assert np.array_equal(
        np.frombuffer(vector_of(memory, id), np.float16), np.frombuffer(vector, np.float16)
    )
    assert max(memory.recall(WORDS).hits, key=lambda hit: hit.score).id == id
    assert memory.store.tombstone(id) is None


def test_after_its_time_a_deleted_item_does_not_come_back(
    memory: Memory, clock: StoppedClock
) -> None:
    id = memory.remember("too late").id
    (done,) = memory.forget([id], mode="delete")
    assert done.undo_until == clock() + 7 * 86_400
    clock.advance(days=7)
    with pytest.raises(Conflict, match="undo time is over"):
        memory.forget([id], mode="restore")
    assert memory.upkeep.gc().expired == 1
    grave = memory.store.tombstone(id)
    assert grave
    assert (grave.state, grave.sealed) == ("purged", None)


def test_what_was_purged_does_not_come_back(memory: Memory) -> None:
    ids = [memory.remember(text).id for text in ("purged at once", "deleted, then purged")]
    memory.forget(ids[1:], mode="delete")
    memory.forget(ids, mode="purge")
    for id in ids:
        grave = memory.store.tombstone(id)
        assert grave
        assert grave.sealed is None
        with pytest.raises(Conflict, match="was purged: nothing is left"):
            memory.forget([id], mode="restore")


def test_the_undo_copy_is_worth_nothing_without_the_key(
    memory: Memory, tmp_path: Path, clock: StoppedClock, settings: Settings
) -> None:
    id = memory.remember("only with the key").id
    memory.forget([id], mode="delete")
    memory.close()
    (tmp_path / "keys" / "seal.key").unlink()
    again = Memory.open(tmp_path / "memory.db", embedder="hash", settings=settings, clock=clock)
    with pytest.raises(StorageError, match="only be purged"):
        again.forget([id], mode="restore")
    assert again.find(id) is None
    assert again.forget([id], mode="purge")[0].state == "purged"


def test_deletion_works_without_any_place_for_a_key(
    tmp_path: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "keys").write_text("no folder")
    with Memory.open(None, embedder="hash", settings=settings) as memory:
        id = memory.remember("gone all the same").id
        (done,) = memory.forget([id], mode="delete")
        assert (done.state, done.undo_until) == ("deleted", None)
        assert memory.find(id) is None
    assert "without an undo copy" in caplog.text
    assert "gone all the same" not in caplog.text


def test_a_text_stored_again_meanwhile_is_not_restored_twice(memory: Memory) -> None:
    id = memory.remember("the same words").id
    memory.forget([id], mode="delete")
    again = memory.remember("the same words").id
    assert again != id
    with pytest.raises(Conflict, match=again):
        memory.forget([id], mode="restore")


def test_a_key_given_to_something_else_meanwhile_stays_there(memory: Memory) -> None:
    id = memory.remember("the old one", key="name").id
    memory.forget([id], mode="delete")
    new = memory.remember("the new one", key="name").id
    memory.forget([id], mode="restore")
    found = memory.find(id)
    assert found
    assert found.key == ""
    assert memory.find("name") == memory.find(new)


def test_forgetting_twice_succeeds_and_an_unknown_id_changes_nothing(memory: Memory) -> None:
    one, two = memory.remember("one").id, memory.remember("two").id
    memory.forget([one], mode="delete")
    for mode in ("archive", "delete"):
        assert memory.forget([one], mode=mode)[0].state == "deleted"
    with pytest.raises(NotFound, match="a-nobody"):
        memory.forget([two, "a-nobody"], mode="delete")
    assert memory.find(two)


def test_archived_items_are_hidden_and_come_back(memory: Memory) -> None:
    id = memory.remember("put away for now").id
    assert memory.forget([id])[0].erasure == ""
    assert memory.recall("put away").hits == ()
    assert memory.recall("put away", include_archived=True).hits[0].id == id
    memory.forget([id], mode="restore")
    assert memory.recall("put away").hits[0].id == id


def test_a_copy_sealed_by_another_version_is_restored(memory: Memory) -> None:
    """One that knew a field more, and one less."""
    said = {"text": "from elsewhere", "id": "m-77", "digest": item("x").digest.hex(), "tags": []}
    said |= {"mood": "unknown here", "state": "active", "key": ""}
    vault = Vault(memory.settings.key_path(), keyring=False)
    sealed = vault.seal(json.dumps(said).encode(), "global\0m-77")
    with memory.store.atomic():
        memory.store.bury(Tombstone("m-77", "deleted", 9e12, sealed), 0.0)
    memory.forget(["m-77"], mode="restore")
    found = memory.find("m-77")
    assert found
    assert found.text == "from elsewhere"


def test_what_another_process_changes_while_it_is_sealed_is_in_the_undo_copy(
    scopes: Scopes, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The undo copy is of what is deleted, not of what was there a moment before."""
    memory = scopes.open()
    id = memory.remember("the first wording").id
    peers = SqliteStore(next(data_dir.glob("global-*.db")), "global", "a", now=0.0)
    vault = memory._rooms.forgetting._items._vault
    seal, changes = vault.seal, [6, 9]

    def seal_slowly(plain: bytes, bound_to: str) -> bytes:
        if changes:
            found = peers.find(id)
            assert found
            with peers.atomic():
                peers.amend(replace(found, priority=changes.pop(0)))
        return seal(plain, bound_to)

    monkeypatch.setattr(vault, "seal", seal_slowly)
    memory.forget([id], mode="delete")
    memory.forget([id], mode="restore")
    found = memory.find(id)
    assert found
    assert found.priority == 9


def test_a_restored_memory_brings_the_fact_taken_from_it_where_nothing_else_was_said(
    memory: Memory, clock: StoppedClock
) -> None:
    memory.set_fact("user.name", "Nadja", valid_from="2020")
    id = memory.remember("My name is Nadia.", source="user").id
    clock.advance(days=1)
    fact = Action(id, "PROMOTE", fact_key="user.name", fact_value="Nadia")
    (stated,) = memory.apply_review(memory.review().token, [fact], move=print)
    assert stated.status == "applied", stated.why
    (done,) = memory.forget([id], mode="delete")
    assert done.also == ("user.name",)
    assert "earlier value of user.name stays ended" in done.note
    assert memory.get_facts() == []
    memory.forget([id], mode="restore")
    (again,) = memory.get_facts()
    assert (again.value, again.item) == ("Nadia", id)
    memory.forget([id], mode="delete")
    memory.set_fact("user.name", "Nadine")
    memory.forget([id], mode="restore")
    assert memory.get_fact("user.name") == "Nadine"
