"""What every store promises about filters, words, facts, graves and notes."""

from dataclasses import replace

import numpy as np
import pytest
from things import holding, item, put, whole

from routemem.memory_core.records import Chunk, Fact, Filter, Item
from routemem.memory_core.storage.contract import Store, Tombstone


@pytest.fixture
def zoo(any_store: Store) -> dict[str, Item]:
    return {
        "note": put(any_store, "red fox", tags=("wild", "red"), when=100.0),
        "turn": put(any_store, "red hen", kind="turn", speaker="Émile", created_at=200.0),
        "old": put(any_store, "red cow", state="archived", when=300.0),
        "short": put(any_store, "red ant", state="compressed", tags=("wild",), created_at=400.0),
    }


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (Filter(), "note turn short"),
        (Filter(archived=True), "note turn old short"),
        (Filter(kinds=("turn", "doc")), "turn"),
        (Filter(tags=("wild",)), "note short"),
        (Filter(tags=("wild", "red")), "note"),
        (Filter(tags=("wil",)), ""),
        (Filter(speaker="ÉMILE"), "turn"),
        (Filter(speaker="Emile"), ""),
        (Filter(since=200.0), "turn short"),
        (Filter(until=200.0), "note"),
        (Filter(since=100.0, until=100.0), ""),
        (Filter(since=150.0, archived=True), "turn old short"),
    ],
)
def test_a_filter_is_exact_everywhere(
    any_store: Store, zoo: dict[str, Item], where: Filter, names: str
) -> None:
    expected = [zoo[name].row for name in names.split()]
    assert any_store.matching(where).tolist() == expected
    assert (
        any_store.newest(where, 9, 0)
        == sorted(
            expected, key=lambda row: [i.when or i.created_at for i in zoo.values() if i.row == row]
        )[::-1]
    )


def test_newest_goes_by_event_time_and_pages(any_store: Store, zoo: dict[str, Item]) -> None:
    rows = any_store.newest(Filter(), 2, 0) + any_store.newest(Filter(), 2, 2)
    assert rows == [zoo["short"].row, zoo["turn"].row, zoo["note"].row]


def test_words_are_looked_up_each_by_itself(any_store: Store) -> None:
    one = put(any_store, "a quiet harbour")
    both = put(any_store, "harbour lights")
    put(any_store, "neither of them")
    assert holding(any_store, "harbour") == [one.row, both.row]
    assert holding(any_store, "lights", "absent") == [both.row]
    assert holding(any_store, "absent") == holding(any_store) == []


def test_the_speaker_is_found_by_name(any_store: Store) -> None:
    said = put(any_store, "I moved", kind="turn", speaker="Caroline")
    assert holding(any_store, "caroline") == [said.row]


def test_a_word_is_found_in_the_chunk_that_holds_it(any_store: Store) -> None:
    text = "first part second half"
    with any_store.atomic():
        any_store.insert(item(text), [Chunk(0, 10, text[:10]), Chunk(11, 22, text[11:])])
    (rows,) = any_store.postings(["half"], 100)
    assert rows is not None
    (found,) = any_store.chunks(rows.tolist()).values()
    assert (found.start, found.end, found.text) == (11, 22, "second half")
    assert any_store.chunks([999]) == {}


def test_a_chunk_without_text_of_its_own_has_its_items_text(any_store: Store) -> None:
    put(any_store, "all of it")
    ((chunk, _),) = any_store.waiting(1)
    assert chunk.text == "all of it"


def test_neighbours_are_the_turns_around_until_a_pause(any_store: Store) -> None:
    times = [0, 10, 10, 500, 2300, 4101, 4102]  # a pause of more than 30 minutes before 4101
    turns = [put(any_store, f"turn {n}", kind="turn", when=float(at)) for n, at in enumerate(times)]
    put(any_store, "a note between", when=11.0)
    rows = [turn.row for turn in turns]
    assert any_store.neighbours(turns[2], 1) == [rows[1], rows[3]]
    assert any_store.neighbours(turns[2], 9) == [rows[0], rows[1], rows[3], rows[4]]
    assert any_store.neighbours(turns[5], 9) == [rows[6]]
    assert any_store.neighbours(turns[5], 0) == []


def test_archived_turns_are_no_neighbours(any_store: Store) -> None:
    one = put(any_store, "one", kind="turn", when=1.0)
    two = put(any_store, "two", kind="turn", when=2.0)
    with any_store.atomic():
        any_store.amend(replace(two, state="archived"))
    assert any_store.neighbours(one, 3) == []


# ---------------------------------------------------------------------- facts


def fact(key: str, value: object, valid_from: float = 0.0, recorded_at: float = 0.0) -> Fact:
    return Fact(key, value, 0.5, "user", valid_from, None, recorded_at)


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "42", "[1]", "\ud83d \0 é", [1, {"a": []}]])
def test_a_fact_keeps_its_value_and_its_type(any_store: Store, value: object) -> None:
    with any_store.atomic():
        added = any_store.add_fact(fact("k", value))
    (found,) = any_store.facts(["k"])
    assert found == added
    assert type(found.value) is type(value)
    assert found.value == value
    assert found.id


def test_facts_come_by_key_then_validity_then_recording(any_store: Store) -> None:
    with any_store.atomic():
        for said in (fact("b", 1), fact("a", 3, 2.0), fact("a", 2, 1.0, 5.0), fact("a", 1, 1.0)):
            any_store.add_fact(said)
    assert [(f.key, f.value) for f in any_store.facts()] == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]


def test_facts_are_asked_by_key_or_by_prefix(any_store: Store) -> None:
    with any_store.atomic():
        for key in ("user.city", "user.name", "user_x", "use%", "projekt.ä"):
            any_store.add_fact(fact(key, key))
    asked = {
        "user.city": ["user.city"],
        "user.*": ["user.city", "user.name"],
        "use%": ["use%"],
        "use%*": ["use%"],
        "projekt.*": ["projekt.ä"],
        "USER.city": [],
    }
    for key, expected in asked.items():
        assert [f.key for f in any_store.facts([key])] == expected, key
    both = any_store.facts(["user.*", "user.city"])
    assert [f.key for f in both] == ["user.city", "user.name"]
    assert len(any_store.facts(["*"])) == 5


def test_a_retired_fact_stays_in_the_history(any_store: Store) -> None:
    with any_store.atomic():
        added = any_store.add_fact(fact("k", 1))
        any_store.retire_fact(added.row, 9.0)
    assert any_store.facts() == [replace(added, retired_at=9.0)]
    assert any_store.counts()["facts"] == 0


def test_facts_and_items_never_share_an_id(any_store: Store) -> None:
    one = put(any_store, "one")
    with any_store.atomic():
        said = any_store.add_fact(fact("k", 1))
    assert len({one.id, said.id, put(any_store, "two").id}) == 3


# ---------------------------------------------------------------------- graves, notes, meta


def test_a_tombstone_is_found_until_it_is_removed(any_store: Store) -> None:
    grave = Tombstone("a-1", "deleted", 100.0, b"sealed")
    with any_store.atomic():
        any_store.bury(grave, 1.0)
    assert any_store.tombstone(" A-1") == grave
    with any_store.atomic():
        any_store.bury(replace(grave, state="purged", sealed=None), 2.0)
    assert any_store.tombstone("a-1") == Tombstone("a-1", "purged", 100.0, None)
    with any_store.atomic():
        any_store.unbury("a-1")
    assert any_store.tombstone("a-1") is None


def test_sealed_copies_are_dropped_when_their_time_is_over(any_store: Store) -> None:
    with any_store.atomic():
        any_store.bury(Tombstone("a-1", "deleted", 100.0, b"one"), 1.0)
        any_store.bury(Tombstone("a-2", "deleted", 200.0, b"two"), 1.0)
        any_store.bury(Tombstone("a-3", "deleted", None, None), 1.0)
    assert any_store.drop_expired(99.9) == 0
    assert any_store.drop_expired(100.0) == 1
    assert any_store.tombstone("a-1") == Tombstone("a-1", "purged", 100.0, None)
    assert any_store.tombstone("a-2") == Tombstone("a-2", "deleted", 200.0, b"two")
    assert any_store.counts()["state:deleted"] == 2


def test_meta_is_a_dictionary_of_texts(any_store: Store) -> None:
    with any_store.atomic():
        any_store.set_meta("said", "one")
        any_store.set_meta("said", "two")
    assert any_store.meta("said") == "two"
    assert any_store.meta("unsaid") is None


def test_upkeep_changes_nothing_that_can_be_seen(any_store: Store) -> None:
    kept = put(any_store, "still here")
    with any_store.atomic():
        any_store.note([(1.0, "recall", kept.id, 2.5, True, "")])
        any_store.forget_details(kept.id)
        gone = any_store.insert(item("gone"), whole("gone"))
        any_store.erase(gone.row)
    seen = any_store.changes(0).seq
    assert any_store.flush_log()
    any_store.compact()
    assert any_store.find(kept.id) == kept
    assert holding(any_store, "still") == [kept.row]
    assert any_store.changes(seen).rows == []


def test_the_newest_questions_are_kept_and_go_with_the_vectors(any_store: Store) -> None:
    first, more = np.eye(3, 4, dtype=np.float16), np.full((2, 4), 0.5, np.float16)
    assert any_store.queries().shape == (0, 0)
    with any_store.atomic():
        any_store.add_queries(first, 4)
        any_store.add_queries(more, 4)
    np.testing.assert_array_equal(any_store.queries(), np.concatenate([first[1:], more]))
    with any_store.atomic():
        any_store.drop_queries()
    assert len(any_store.queries()) == 0
    with any_store.atomic():
        any_store.add_queries(first, 2)
        any_store.drop_vectors()
    assert len(any_store.queries()) == 0
