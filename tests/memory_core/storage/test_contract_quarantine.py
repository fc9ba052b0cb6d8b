"""What every store promises about what is held in quarantine."""

from typing import Any

from things import put

from routemem.memory_core.storage.contract import Held, Store


def held(id: str, **fields: Any) -> Held:
    plain = Held(id, 1, "held", "memory", "sensitive", "why", "web", 5.0, "", b"mark", b"sealed")
    return Held(**{name: fields.get(name, getattr(plain, name)) for name in Held.__slots__})


def keep(store: Store, *entries: Held) -> None:
    with store.atomic():
        for entry in entries:
            store.hold(entry)


def test_an_entry_comes_back_as_it_was_held_and_is_replaced_by_id(any_store: Store) -> None:
    assert not any_store.any_held()
    keep(any_store, held("a-7"))
    assert any_store.held(" A-7 ") == held("a-7")
    assert any_store.any_held()
    keep(any_store, held("a-7", state="released", version=2, sealed=None))
    assert any_store.held("a-7") == held("a-7", state="released", version=2, sealed=None)
    assert any_store.held("a-8") is None
    assert not any_store.any_held()


def test_only_what_is_held_is_listed_and_known_by_its_mark(any_store: Store) -> None:
    keep(
        any_store,
        held("a-3", at=9.0, mark=b"three"),
        held("a-2", at=1.0, mark=b"two"),
        held("a-1", state="purged", mark=b"one", sealed=None),
    )
    assert [entry.id for entry in any_store.all_held()] == ["a-2", "a-3"]
    two = any_store.held_as(b"two")
    assert two
    assert two.id == "a-2"
    assert any_store.held_as(b"one") is None
    assert any_store.counts()["state:quarantined"] == 2


def test_a_new_id_is_nobodys(any_store: Store) -> None:
    with any_store.atomic():
        first = any_store.new_id()
    assert put(any_store, "an item").id not in ("", first)


def test_texts_that_hold_a_text_are_found(any_store: Store) -> None:
    put(any_store, "the word is marmalade")
    put(any_store, "nothing of it", summary="of marmalade")
    put(any_store, "nothing at all, 100% of _it")
    assert [item.id for item in any_store.containing("marmalade")] == ["a-1", "a-2"]
    assert [item.id for item in any_store.containing("100% of _")] == ["a-3"]
    assert any_store.containing("Marmalade") == []
