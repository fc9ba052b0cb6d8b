"""Cards, in every store."""

from routemem.memory_core.storage.contract import Card, Store


def test_a_card_comes_back_as_it_was_put(any_store: Store) -> None:
    body = {"title": "dig", "list": ["x", 1, None], "lone": "\ud83d"}
    with any_store.atomic():
        card = any_store.put_card(Card("tasks", body, "", 1.0, 2.0))
    assert card.id
    assert any_store.card(card.id) == card == Card("tasks", body, card.id, 1.0, 2.0)
    assert any_store.card("zz-1") is None


def test_a_card_keeps_its_place_when_it_changes(any_store: Store) -> None:
    with any_store.atomic():
        first = any_store.put_card(Card("tasks", {"n": 1}))
        any_store.put_card(Card("tasks", {"n": 2}))
        any_store.put_card(Card("agents", {"n": 3}))
        any_store.put_card(Card("tasks", {"n": 4}, first.id, 0.0, 9.0))
    assert [card.body["n"] for card in any_store.cards("tasks")] == [4, 2]
    assert any_store.cards("tasks")[0].updated_at == 9.0


def test_an_erased_card_is_gone(any_store: Store) -> None:
    with any_store.atomic():
        card = any_store.put_card(Card("tasks", {}))
        any_store.erase_card(card.id)
        any_store.erase_card("zz-1")
    assert any_store.card(card.id) is None
    assert any_store.cards("tasks") == []
