"""Usage, kept ids and emptying, in every store."""

from things import holding, put

from routemem.memory_core.records import Fact, Filter, Usage
from routemem.memory_core.storage.contract import Card, Store


def test_usage_adds_up_by_day_and_model(any_store: Store) -> None:
    with any_store.atomic():
        any_store.add_usage(Usage("2026-01-06", "b", 1, 10, 5, 0.5))
        any_store.add_usage(Usage("2026-01-05", "a", 1, 10, 5, 0.5))
        any_store.add_usage(Usage("2026-01-06", "b", 1, 1, 2, 0.25))
    assert any_store.usage() == [
        Usage("2026-01-05", "a", 1, 10, 5, 0.5), Usage("2026-01-06", "b", 2, 11, 7, 0.75),
    ]  # fmt: skip


def test_usage_that_is_kept_is_not_counted_twice(any_store: Store) -> None:
    with any_store.atomic():
        any_store.add_usage(Usage("2026-01-05", "a", 2, 10, 5, 0.5))
        assert not any_store.keep_usage(Usage("2026-01-05", "a", 1, 4, 2, 0.25))
        assert any_store.keep_usage(Usage("2026-01-05", "a", 3, 12, 6, 0.75))
    assert any_store.usage() == [Usage("2026-01-05", "a", 3, 12, 6, 0.75)]


def test_an_id_that_is_kept_is_not_given_out(any_store: Store) -> None:
    with any_store.atomic():
        any_store.keep_ids(["a-4", "b-zz", "nonsense"])
    assert put(any_store, "next").id == "a-5"


def test_an_emptied_store_holds_nothing_and_counts_on(any_store: Store) -> None:
    first = put(any_store, "one")
    with any_store.atomic():
        any_store.add_fact(Fact("k", 1, 1.0, "user", 0.0, None, 0.0))
        any_store.put_card(Card("tasks", {"title": "dig"}))
        any_store.add_usage(Usage("2026-01-05", "a", 1, 1, 1, 0.0))
        any_store.note([(0.0, "forget", first.id, 0.0, True, "a reason")])
    before = any_store.changes(0).seq
    with any_store.atomic():
        assert any_store.clear() == 1
    assert any_store.find(first.id) is None
    assert any_store.matching(Filter(archived=True)).size == 0
    assert holding(any_store, "one") == []
    assert (any_store.facts(), any_store.cards("tasks"), any_store.usage()) == ([], [], [])
    assert any_store.changes(before).rows is None
    assert any_store.shown() == 0
    assert put(any_store, "two").id > first.id
    put(any_store, "three", tokens=7)
    assert any_store.shown() == 7
    assert len(holding(any_store, "two")) == 1
