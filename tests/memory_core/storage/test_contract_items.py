"""What every store promises about items, chunks, vectors and changes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from things import holding, item, put, unit, whole

from routemem.memory_core.lifecycle.plan import Subject
from routemem.memory_core.records import Chunk, Filter, Succession
from routemem.memory_core.storage.contract import Store

NASTY = "NUL \0 inside, \N{PILE OF POO}, \r\n\t, 'quotes\"; -- \\ \u202e, e\u0301, end \n"


class Stop(Exception):
    """Raised by a test to end a transaction."""


def stored(store: Store, **fields: Any) -> Any:
    return put(store, fields.pop("text", "plain words"), **fields)


def test_an_item_comes_back_as_it_was_stored(any_store: Store) -> None:
    given = item(
        NASTY, kind="turn", speaker="Émile", when=12.5, origin="web", trust="untrusted",
        tags=("b", "a"), metadata={"n": [1, None, {"x": "é\0"}], "lone": "\ud800"}, priority=9,
        pinned=True, state="compressed", key="my key", copies=3, tokens=7, summary="short",
        updated_at=2.0, accessed_at=3.0, access_count=4,
    )  # fmt: skip
    with any_store.atomic():
        kept = any_store.insert(given, whole(NASTY))
    assert kept.id == "a-1"
    assert kept.row > 0
    expected = replace(given, row=kept.row, id="a-1", tags=("a", "b"))
    assert any_store.find("a-1") == expected
    assert any_store.items([kept.row, 999]) == {kept.row: expected}
    assert any_store.twin(given.digest) == expected


def test_an_item_is_found_by_id_in_any_case_or_by_its_key(any_store: Store) -> None:
    kept = stored(any_store, key="Door Code")
    assert any_store.find(" A-1 ") == any_store.find("Door Code") == any_store.find(kept.id)
    assert any_store.find("door code") is None
    assert any_store.find("") is None
    assert any_store.find("a-2") is None


def test_many_items_may_have_no_key(any_store: Store) -> None:
    stored(any_store, text="one")
    stored(any_store, text="two")
    assert any_store.count_items() == 2


def test_ids_are_never_used_twice(any_store: Store) -> None:
    first = stored(any_store, text="one")
    with any_store.atomic():
        any_store.erase(first.row)
    assert stored(any_store, text="two").id != first.id


def insert_and_fail(store: Store, text: str) -> None:
    with store.atomic():
        store.insert(item(text), whole(text))
        store.set_meta("said", text)
        raise Stop


def test_a_failed_transaction_leaves_nothing_and_the_next_one_works(any_store: Store) -> None:
    stored(any_store, text="before")
    with pytest.raises(Stop):
        insert_and_fail(any_store, "lost")
    assert any_store.count_items() == 1
    assert any_store.meta("said") is None
    assert any_store.twin(item("lost").digest) is None
    stored(any_store, text="after")
    assert any_store.count_items() == 2


def test_an_inner_transaction_fails_alone_when_the_outer_one_goes_on(any_store: Store) -> None:
    with any_store.atomic():
        any_store.insert(item("outer"), whole("outer"))
        with pytest.raises(Stop):
            insert_and_fail(any_store, "inner")
        with any_store.atomic():
            any_store.insert(item("second"), whole("second"))
    texts = {i.text for i in any_store.items(any_store.newest(Filter(), 9, 0)).values()}
    assert texts == {"outer", "second"}


def test_amending_keeps_text_and_speaker_and_replaces_the_rest(any_store: Store) -> None:
    kept = stored(any_store, text="said so", speaker="Ann", tags=("old",))
    with any_store.atomic():
        any_store.amend(
            replace(kept, text="other", speaker="Bob", tags=("new",), state="archived", copies=2)
        )
    found = any_store.find(kept.id)
    assert found == replace(kept, tags=("new",), state="archived", copies=2)
    assert holding(any_store, "said")


def test_rewriting_replaces_text_chunks_words_and_vectors(any_store: Store) -> None:
    kept = stored(any_store, text="alpha", vectors=unit(1, 0))
    with any_store.atomic():
        any_store.rewrite(
            replace(item("beta gamma"), row=kept.row, id=kept.id),
            [Chunk(0, 4, "beta"), Chunk(5, 10, "gamma")],
            unit(0, 1),
        )
    assert holding(any_store, "alpha") == []
    (rows,) = any_store.postings(["gamma"], 100)
    assert rows is not None
    assert [chunk.text for chunk in any_store.chunks(rows.tolist()).values()] == ["gamma"]
    assert any_store.chunk_count(kept.row) == 2
    assert any_store.vectors(None).vectors.tolist() == [[0, 1]]
    assert [chunk.text for chunk, _ in any_store.waiting(9)] == ["gamma"]


def test_erasing_takes_everything_of_the_item_along(any_store: Store) -> None:
    kept = stored(any_store, text="alpha", vectors=unit(1, 0), tags=("t",), key="k")
    other = stored(any_store, text="alpha beta", vectors=unit(0, 1), tags=("t",))
    with any_store.atomic():
        any_store.erase(kept.row)
    assert any_store.find(kept.id) is None
    assert any_store.find("k") is None
    assert any_store.twin(kept.digest) is None
    assert any_store.chunk_count(kept.row) == 0
    assert any_store.vectors(None).items.tolist() == [other.row]
    assert any_store.matching(Filter(tags=("t",))).tolist() == [other.row]
    assert holding(any_store, "alpha") == [other.row]


def test_vectors_come_back_bit_for_bit_with_their_owners(any_store: Store) -> None:
    one = stored(any_store, text="one", vectors=unit(3, 4))
    stored(any_store, text="none yet")
    two = stored(any_store, text="two", vectors=unit(-1, 1e-3), state="archived")
    found = any_store.vectors(None)
    assert found.items.tolist() == [one.row, two.row]
    assert found.archived.tolist() == [False, True]
    assert found.vectors.dtype == np.float16
    assert found.vectors.tobytes() == np.vstack([unit(3, 4), unit(-1, 1e-3)]).tobytes()
    assert any_store.vectors([two.row, 999]).items.tolist() == [two.row]


def test_no_vectors_are_an_empty_matrix(any_store: Store) -> None:
    found = any_store.vectors(None)
    assert found.vectors.shape == (0, 0)
    assert found.chunks.dtype == found.items.dtype == np.int64
    assert found.archived.dtype == np.bool_


def test_late_vectors_are_stored_once_and_only_for_chunks_that_are_there(any_store: Store) -> None:
    kept, gone = stored(any_store, text="kept"), stored(any_store, text="gone")
    rows = [chunk.row for chunk, _ in any_store.waiting(9)]
    with any_store.atomic():
        any_store.erase(gone.row)
        assert any_store.put_vectors(rows, np.vstack([unit(1, 0), unit(0, 1)])) == 1
        assert any_store.put_vectors(rows[:1], unit(0, 1)) == 0
    assert any_store.vectors(None).items.tolist() == [kept.row]
    assert any_store.vectors(None).vectors.tolist() == [[1, 0]]


def test_waiting_gives_the_oldest_chunks_with_their_text(any_store: Store) -> None:
    for text in ("one", "two", "three"):
        stored(any_store, text=text)
    found = any_store.waiting(2)
    assert [(chunk.text, owner.text) for chunk, owner in found] == [("one", "one"), ("two", "two")]


def test_after_dropping_vectors_every_chunk_waits_and_readers_start_anew(any_store: Store) -> None:
    stored(any_store, text="one", vectors=unit(1, 0))
    seen = any_store.changes(0).seq
    with any_store.atomic():
        any_store.drop_vectors()
    assert len(any_store.vectors(None).items) == 0
    assert any_store.counts()["pending"] == 1
    after = any_store.changes(seen)
    assert after.rows is None
    assert any_store.changes(after.seq).rows == []


def test_changes_name_each_changed_item_once(any_store: Store) -> None:
    assert any_store.changes(0) == any_store.changes(0)
    assert any_store.changes(0).seq == 0
    one, two = stored(any_store, text="one"), stored(any_store, text="two")
    assert any_store.changes(0).rows is None
    seen = any_store.changes(0).seq
    assert any_store.changes(seen).rows == []
    with any_store.atomic():
        any_store.amend(replace(one, priority=9))
        any_store.amend(replace(one, priority=8))
        any_store.erase(two.row)
    assert sorted(any_store.changes(seen).rows or []) == [one.row, two.row]


def test_a_position_the_log_never_reached_means_read_everything(any_store: Store) -> None:
    stored(any_store)
    assert any_store.changes(999).rows is None


def test_reads_are_counted_without_being_a_change(any_store: Store) -> None:
    kept = stored(any_store)
    seen = any_store.changes(0).seq
    with any_store.atomic():
        any_store.touch({kept.id: (2, 50.0), "a-99": (1, 1.0)})
        any_store.touch({kept.id: (1, 40.0)})
    found = any_store.find(kept.id)
    assert found
    assert (found.access_count, found.accessed_at) == (3, 50.0)
    assert any_store.changes(seen).rows == []


def test_released_items_are_those_without_a_copy(any_store: Store) -> None:
    stored(any_store, text="held", copies=1)
    loose = stored(any_store, text="loose", copies=0)
    assert any_store.released() == [loose.row]


def test_archived_items_are_told_by_their_rows(any_store: Store) -> None:
    stored(any_store, text="here")
    apart = stored(any_store, text="apart", state="archived")
    assert any_store.archived() == [apart.row]


def test_counts_add_up(any_store: Store) -> None:
    stored(any_store, text="one", tokens=5, vectors=unit(1, 0))
    stored(any_store, text="two", tokens=7, state="archived")
    counts = any_store.counts()
    said = {k: counts[k] for k in ("items", "tokens", "chunks", "pending", "facts")}
    assert said == {"items": 2, "tokens": 12, "chunks": 2, "pending": 1, "facts": 0}
    assert counts["state:active"] == counts["state:archived"] == 1
    assert any_store.count_items() == 1


def test_the_recent_buffer_holds_what_it_was_told_and_can_be_recalled(any_store: Store) -> None:
    one, two, three = (stored(any_store, text=text, kind="turn") for text in ("1", "2", "3"))
    with any_store.atomic():
        any_store.set_recent([(three.row, False), (one.row, True), (two.row, False)])
    assert [(item.id, short) for item, short in any_store.recent()] == [
        (one.id, True), (two.id, False), (three.id, False),
    ]  # fmt: skip
    with any_store.atomic():
        any_store.amend(replace(two, state="archived"))
        any_store.erase(three.row)
    assert [item.id for item, _ in any_store.recent()] == [one.id]
    with any_store.atomic():
        any_store.set_recent([])
    assert any_store.recent() == []


def test_what_was_made_of_what_is_known_from_both_sides_until_one_is_erased(
    any_store: Store,
) -> None:
    one, two, made = (put(any_store, text) for text in ("one", "two", "both"))
    with any_store.atomic():
        any_store.link(made.id, [two.id, one.id])
        any_store.link(made.id, [one.id])  # said twice is linked once
    assert any_store.sources([made.id, one.id]) == {made.id: tuple(sorted((one.id, two.id)))}
    assert any_store.derived([one.id, made.id]) == {one.id: (made.id,)}
    with any_store.atomic():
        any_store.rewrite(replace(one, text="one anew"), whole("one anew"))
    assert any_store.derived([one.id]) == {one.id: (made.id,)}
    with any_store.atomic():
        any_store.erase(two.row)
    assert any_store.sources([made.id]) == {made.id: (one.id,)}


def test_a_policy_sees_all_but_the_words_and_only_what_is_unread_if_asked(
    any_store: Store,
) -> None:
    old = put(any_store, "old", priority=3, pinned=True, tokens=9, summary_tokens=2)
    read = put(any_store, "read lately")
    put(any_store, "new", created_at=5000.0)
    with any_store.atomic():
        any_store.touch({read.id: (2, 4000.0)})
    (subject,) = any_store.subjects(3000.0)
    assert subject == Subject(old.id, 3, True, "active", 3, 9, 2, 1000.0, 0.0, 0)
    assert len(any_store.subjects(None)) == 3


def test_what_is_shown_costs_the_text_or_the_summary_or_nothing(any_store: Store) -> None:
    put(any_store, "whole", tokens=9, summary_tokens=2)
    put(any_store, "short", tokens=90, summary_tokens=20, state="compressed")
    put(any_store, "hidden", tokens=900, summary_tokens=200, state="archived")
    counts = any_store.counts()
    assert (counts["tokens"], counts["shown"]) == (999, 29)
    assert any_store.count_archived() == 1


def test_pinned_items_come_by_priority_then_age_and_only_if_they_can_be_recalled(
    any_store: Store,
) -> None:
    one = stored(any_store, text="1", pinned=True)
    two = stored(any_store, text="2", pinned=True)
    high = stored(any_store, text="3", pinned=True, priority=9)
    stored(any_store, text="4")
    stored(any_store, text="5", pinned=True, state="archived")
    assert [item.id for item in any_store.pinned(9)] == [high.id, two.id, one.id]
    assert [item.id for item in any_store.pinned(1)] == [high.id]


def test_a_succession_is_known_from_both_sides_until_either_item_is_another(
    any_store: Store,
) -> None:
    old, new, newest = (put(any_store, text) for text in ("old", "new", "newest"))
    first = Succession(new.row, old.row, "may_supersede")
    second = Succession(newest.row, new.row, "supersedes")
    with any_store.atomic():
        any_store.add_successions([second, first])
        any_store.add_successions([replace(first, relation="repeats")])  # as it is said last
    first = replace(first, relation="repeats")
    assert any_store.successions([old.row]) == [first]
    assert any_store.successions([new.row, old.row]) == [first, second]
    assert any_store.successions([]) == []
    with any_store.atomic():
        any_store.amend(replace(new, priority=9))
    assert any_store.successions([new.row]) == [first, second]
    with any_store.atomic():
        any_store.erase(newest.row)
    assert any_store.successions([new.row]) == [first]
    with any_store.atomic():
        any_store.rewrite(replace(old, text="anew"), whole("anew"))
    assert any_store.successions([new.row, old.row]) == []
