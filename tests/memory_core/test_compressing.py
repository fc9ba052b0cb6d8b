"""Compressed memories: short in answers, whole on request, found by every word as before."""

from pathlib import Path

import pytest
from stopped_clock import StoppedClock
from things import files_holding

from routemem.memory_core.course import Course
from routemem.memory_core.errors import Conflict, InvalidArgument, NotFound, Withheld
from routemem.memory_core.memory import Memory
from routemem.memory_core.scopes import Scopes

LONG = (
    "The tide model was rewritten in March because a single run took nine hours. "
    "Everybody had hoped that a faster machine would be enough, but it was not so. "
    "There were long talks about it in the kitchen and on the way home in the evening. "
    "Nobody quite remembers who first said that the grid could be made coarser at sea. "
    "With the coarser grid a run takes 40 minutes, and the gauge in Ostend agrees within 3 cm. "
    "What remains to be done is the documentation, and perhaps a talk about it all."
)
SHORT = "Tide model: coarser grid at sea, 40 minutes a run instead of nine hours."


def test_a_models_summary_is_shown_and_the_text_kept(memory: Memory) -> None:
    id = memory.remember(LONG).id
    (done,) = memory.compress([id], summary=SHORT)
    assert (done.id, done.method) == (id, "model")
    assert done.after < done.before
    (hit,) = memory.recall("tide model").hits
    assert (hit.text, hit.abridged, hit.state) == (SHORT, True, "compressed")
    assert memory.recall("tide model", full=True).hits[0].text == LONG
    assert memory.recall(ids=[id]).hits[0].text == SHORT
    assert memory.recall(ids=[id], full=True).hits[0].text == LONG
    item = memory.find(id)
    assert item
    assert (item.text, item.summary_by) == (LONG, "model")


def test_a_compressed_memory_is_found_by_words_that_only_its_text_has(memory: Memory) -> None:
    id = memory.remember(LONG).id
    memory.remember("something else altogether, about a cello")
    memory.compress([id], summary=SHORT)
    assert memory.recall("gauge in Ostend").hits[0].id == id


def test_restore_shows_the_text_again_and_hygiene_has_to_wait(
    memory: Memory, clock: StoppedClock
) -> None:
    id = memory.remember(LONG).id
    memory.compress([id], summary=SHORT)
    clock.advance(days=20)
    memory.forget([id], mode="restore")
    (hit,) = memory.recall("tide model").hits
    assert (hit.text, hit.state) == (LONG, "active")
    item = memory.find(id)
    assert item
    assert item.accessed_at == clock.now


def test_without_a_summary_telling_sentences_are_chosen(memory: Memory) -> None:
    id = memory.remember(LONG).id
    (done,) = memory.compress([id], strategy="conservative")
    assert done.method == "extractive"
    assert abs(done.after / done.before - 0.5) <= 0.1
    (hit,) = memory.recall(ids=[id]).hits
    assert "Ostend" in hit.text
    assert "40" in hit.text


def test_a_summary_no_shorter_than_the_text_is_refused(memory: Memory) -> None:
    id = memory.remember("A run takes 40 minutes.").id
    with pytest.raises(InvalidArgument, match="pass a shorter one"):
        memory.compress([id], summary="A run takes forty minutes and that is all there is to it.")
    item = memory.find(id)
    assert item
    assert (item.state, item.summary) == ("active", "")


def test_what_is_too_short_stays_as_it_is_and_says_so(memory: Memory) -> None:
    id = memory.remember("A run takes 40 minutes.").id
    (done,) = memory.compress([id])
    assert (done.method, done.before) == ("", done.after)
    assert memory.status().items["active"] == 1


def test_several_memories_become_one_summary_that_stands_for_them(memory: Memory) -> None:
    first = memory.remember(LONG, when="2026-01-02").id
    second = memory.remember(LONG.replace("tide", "wave"), when="2026-01-02", source="web").id
    other = memory.remember("a cello lesson on Friday").id
    (done,) = memory.compress([first, second], summary=SHORT)
    assert done.sources == (first, second)
    assert done.id not in (first, second)
    hits = memory.recall("gauge in Ostend", top_k=5).hits
    assert [hit.id for hit in hits] == [other, done.id]  # once; as one source is, from outside
    assert hits[1].score > hits[0].score
    assert hits[1].text == SHORT
    assert hits[1].sources == tuple(sorted((first, second)))
    assert hits[1].trust == "untrusted"  # as the least trusted of them
    assert {hit.id for hit in memory.recall("gauge in Ostend", full=True).hits} >= {first, second}
    assert memory.recall(ids=[first]).hits[0].id == done.id
    assert memory.recall(ids=[first], full=True).hits[0].text == LONG


def test_a_summary_of_untrusted_text_cannot_launder_itself_by_being_there_before(
    memory: Memory,
) -> None:
    before = memory.remember(SHORT, kind="summary").id
    sources = [memory.remember(LONG + end, source="web").id for end in (" A.", " B.")]
    (done,) = memory.compress(sources, summary=SHORT)
    item = memory.find(before)
    assert item
    assert (done.id, item.trust) == (before, "untrusted")


def test_deleting_a_source_erases_the_summary_and_wakes_the_other_sources(
    memory: Memory, tmp_path: Path
) -> None:
    first = memory.remember(LONG).id
    second = memory.remember(LONG.replace("tide", "wave")).id
    (made,) = memory.compress([first, second], summary="Both models: the brumblefosk grid.")
    (done,) = memory.forget([first], mode="delete")
    assert done.also == (made.id,)
    assert files_holding(tmp_path, [b"brumblefosk"]) == []
    other = memory.find(second)
    assert other
    assert other.state == "active"
    assert [hit.id for hit in memory.recall("gauge in Ostend").hits] == [second]
    assert memory.status().items["deleted"] == 2


def test_a_deleted_summary_leaves_its_sources_as_they_were(memory: Memory) -> None:
    ids = [memory.remember(LONG + end).id for end in (" A.", " B.")]
    (made,) = memory.compress(ids, summary=SHORT)
    memory.forget([made.id], mode="purge")
    assert {hit.id for hit in memory.recall("gauge in Ostend").hits} == set(ids)
    assert memory.status().items["active"] == 2


@pytest.mark.parametrize("gone", ["summary", "source"])
def test_a_summary_that_was_deleted_and_restored_still_goes_with_its_sources(
    memory: Memory, gone: str
) -> None:
    first, second = memory.remember(LONG).id, memory.remember(f"{LONG} Indeed.").id
    (made,) = memory.compress([first, second], summary=SHORT)
    memory.forget([made.id if gone == "summary" else first], mode="delete")
    memory.forget([made.id] if gone == "summary" else [first, made.id], mode="restore")
    assert memory.store.sources([made.id]) == {made.id: tuple(sorted([first, second]))}
    memory.quarantine([second], reason="private")
    assert memory.find(made.id) is None


def test_a_deleted_summary_comes_back_only_where_all_it_sums_up_is(memory: Memory) -> None:
    first, second = memory.remember(LONG).id, memory.remember(f"{LONG} Indeed.").id
    (made,) = memory.compress([first, second], summary=SHORT)
    memory.forget([first], mode="delete")
    with pytest.raises(Conflict, match=first):
        memory.forget([made.id], mode="restore")
    memory.forget([first, made.id], mode="restore")
    memory.forget([second], mode="purge")
    assert memory.find(made.id) is None
    with pytest.raises(Conflict, match="purged"):
        memory.forget([made.id], mode="restore")
    (other,) = memory.compress([first, memory.remember(f"{LONG} Yes.").id], summary=SHORT)
    memory.forget([other.id], mode="delete")
    memory.quarantine([first], reason="private")
    with pytest.raises(Conflict, match=first):
        memory.forget([other.id], mode="restore")


def test_an_archived_summary_hides_nothing(memory: Memory) -> None:
    ids = [memory.remember(LONG + end).id for end in (" A.", " B.")]
    (made,) = memory.compress(ids, summary=SHORT)
    memory.forget([made.id])
    assert {hit.id for hit in memory.recall("gauge in Ostend").hits} == set(ids)


def test_what_is_pinned_archived_or_unknown_is_refused_and_nothing_changes(memory: Memory) -> None:
    plain = memory.remember(LONG).id
    pinned = memory.remember(LONG + " Pinned.", pinned=True).id
    archived = memory.remember(LONG + " Archived.").id
    memory.forget([archived])
    for id, error in ((pinned, Conflict), (archived, Conflict), ("zz-9", NotFound)):
        with pytest.raises(error):
            memory.compress([plain, id])
    items = memory.status().items
    assert (items["active"], items["compressed"], items["archived"]) == (2, 0, 1)


def test_a_new_text_for_a_compressed_memory_is_shown_whole(memory: Memory) -> None:
    id = memory.remember(LONG).id
    memory.compress([id], summary=SHORT)
    memory.remember(LONG + " It was given in June.", id=id)
    (hit,) = memory.recall("tide model").hits
    assert hit.text.endswith("June.")
    assert (hit.state, hit.abridged) == ("active", False)


def test_candidates_come_whole_least_needed_first_within_a_budget(
    memory: Memory, clock: StoppedClock
) -> None:
    low = memory.remember(LONG + " Low.", priority=2).id
    memory.remember(LONG + " High.", priority=10)
    old = memory.remember(LONG + " Old.").id
    clock.advance(days=1)
    memory.remember(LONG + " New.")
    memory.remember(LONG + " Pinned.", pinned=True)
    memory.remember("short")
    found = memory.compressible(max_tokens=400)
    assert [hit.id for hit in found][:2] == [low, old]
    assert sum(hit.tokens for hit in found) <= 400
    assert found[0].text.endswith("Low.")


def test_every_compression_leaves_an_audit_row_without_content(memory: Memory) -> None:
    id = memory.remember(LONG).id
    memory.compress([id], summary=SHORT)
    rows = memory.store.db.rows("select op, id, detail from audit")  # type: ignore[attr-defined]  # a file
    assert [row[:2] for row in rows] == [("compress", id)]
    assert "tide" not in str(rows).lower()


def test_a_summary_is_screened_as_everything_else_is(memory: Memory) -> None:
    ids = [memory.remember(LONG + end).id for end in (" A.", " B.")]
    secret = "The token is ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    for some in (ids[:1], ids):
        with pytest.raises(Withheld):
            memory.compress(some, summary=secret)
    assert memory.status().items["active"] == 2


def test_ids_lead_to_their_scopes_and_one_summary_stays_in_one(scopes: Scopes) -> None:
    one = scopes.open("user:a").remember(LONG).id
    two = scopes.open("user:b").remember(LONG).id
    with pytest.raises(InvalidArgument, match="several scopes"):
        scopes.compress([one, two], summary=SHORT)
    done = scopes.compress([one, two])
    assert [(each.id, each.method) for each in done] == [(one, "extractive"), (two, "extractive")]


def test_ended_half_way_the_others_stay_whole(memory: Memory) -> None:
    ids = [memory.remember(f"On day {n} the river stood high. " * 30).id for n in range(3)]
    heard: list[tuple[int, int]] = []
    course = Course(lambda: len(heard) == 2, lambda done, total: heard.append((done, total)))
    assert [one.id for one in memory.compress(ids, course=course)] == ids[:2]
    assert heard == [(1, 3), (2, 3)]
    states = [item.state for id in ids if (item := memory.find(id))]
    assert states == ["compressed", "compressed", "active"]
