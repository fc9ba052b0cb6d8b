"""What every store promises about what ranking reads: order, words, token codes, names of facts."""

import pytest
from things import item, put, unit, whole

from routemem.memory_core.records import TIMED, Chunk, Fact
from routemem.memory_core.storage.contract import Store


def test_outlines_tell_order_time_speaker_and_size(any_store: Store) -> None:
    first = put(any_store, "red fox", kind="turn", speaker="Ann", when=50.0, traits=TIMED)
    second = put(any_store, "a hen", state="archived")
    with any_store.atomic():
        third = any_store.insert(
            item("one and two", speaker="Ann"), [Chunk(0, 3, "one"), Chunk(4, 11, "and two")]
        )
    told = any_store.outlines(None)
    assert told.items.tolist() == [first.row, second.row, third.row]
    assert told.at.tolist() == [50.0, 1000.0, 1000.0]
    assert told.turns.tolist() == [True, False, False]
    assert (told.live.tolist(), told.archived.tolist()) == ([1, 0, 1], [0, 1, 0])
    assert told.traits.tolist() == [TIMED, 0, 0]
    assert {who: rows.tolist() for who, rows in told.speakers.items()} == {
        "Ann": [first.row, third.row]
    }
    assert told.owners.tolist() == [first.row, second.row, third.row, third.row]
    assert told.lengths.tolist() == [7, 5, 3, 7]
    some = any_store.outlines([third.row])
    assert (some.items.tolist(), len(some.chunks)) == ([third.row], 2)
    assert len(any_store.outlines([]).items) == 0


def test_postings_are_the_chunks_that_hold_each_word(any_store: Store) -> None:
    for text in ("red fox", "red hen", "a cow"):
        put(any_store, text)
    rows = any_store.outlines(None).chunks.tolist()
    found = any_store.postings(["red", "cow", "absent"], 1000)
    assert [None if each is None else each.tolist() for each in found] == [rows[:2], rows[2:], []]


def test_token_codes_lie_beside_the_vectors_and_go_with_them(any_store: Store) -> None:
    with any_store.atomic():
        whole_text = any_store.insert(item("red fox"), whole("red fox"), unit(1, 0), [b"c" * 16])
    late = put(any_store, "a hen")
    first, second = any_store.outlines(None).chunks.tolist()
    assert any_store.token_codes([first, second]) == {first: b"c" * 16}
    with any_store.atomic():
        any_store.put_vectors([second], unit(0, 1), [b"d" * 32])
    assert any_store.token_codes([second]) == {second: b"d" * 32}
    with any_store.atomic():
        any_store.erase(late.row)
    assert any_store.token_codes([first, second]) == {first: b"c" * 16}
    with any_store.atomic():
        any_store.rewrite(whole_text, whole("red fox"), unit(1, 0))
    assert any_store.token_codes(any_store.outlines(None).chunks.tolist()) == {}
    with any_store.atomic():
        any_store.put_vectors([first], unit(0, 1), [b"e" * 16])
        any_store.drop_vectors()
    assert any_store.token_codes([first]) == {}


@pytest.mark.parametrize("words", [["CITY"], ["city", "none"], ["it"]])
def test_keys_of_facts_are_found_by_words_in_them(any_store: Store, words: list[str]) -> None:
    with any_store.atomic():
        for key in ("ann.City", "bo.city", "bo.age"):
            any_store.add_fact(Fact(key, "x", 1.0, "user", 0.0, None, 1.0))
        gone = any_store.add_fact(Fact("old.city", "x", 1.0, "user", 0.0, None, 1.0))
        any_store.retire_fact(gone.row, 2.0)
    assert any_store.fact_keys(words) == ["ann.City", "bo.city"]
    assert any_store.fact_keys([]) == []
