"""Hygiene over days of an injected clock: told and done are the same, and all of it comes back."""

from dataclasses import replace
from pathlib import Path

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core.course import Course
from routemem.memory_core.memory import Memory
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings

LONG = (
    "The tide model was rewritten in March because a single run took nine hours. "
    "Everybody had hoped that a faster machine would be enough, but it was not so. "
    "There were long talks about it in the kitchen and on the way home in the evening. "
    "With the coarser grid a run takes 40 minutes, and the gauge in Ostend agrees within 3 cm. "
)


@pytest.fixture
def free(settings: Settings) -> Settings:
    """Settings under which the newest memories have no privilege."""
    return replace(settings, keep_recent=0)


def opened(path: Path, settings: Settings, clock: StoppedClock) -> Memory:
    return Memory.open(path / "memory.db", embedder="hash", settings=settings, clock=clock)


def state(memory: Memory, id: str) -> str:
    item = memory.find(id)
    return item.state if item else "gone"


def test_day_8_compresses_day_31_archives_and_pinned_stays(
    tmp_path: Path, free: Settings, clock: StoppedClock
) -> None:
    memory = opened(tmp_path, free, clock)
    id = memory.remember(LONG).id
    short = memory.remember("too short to compress").id
    pinned = memory.remember(LONG + "Pinned.", pinned=True).id
    clock.advance(days=6)
    assert memory.tending.run() == []
    clock.advance(days=2)
    told = memory.tending.plan()
    done = memory.tending.run()
    assert [action.id for action in told] == [action.id for action in done] == [id]
    assert [state(memory, each) for each in (id, short, pinned)] == [
        "compressed", "active", "active",
    ]  # fmt: skip
    clock.advance(days=23)
    told = memory.tending.plan()
    assert told == memory.tending.run()
    assert [state(memory, each) for each in (id, short, pinned)] == [
        "archived", "archived", "active",
    ]  # fmt: skip
    assert [hit.id for hit in memory.recall("tide model grid").hits] == [pinned]
    assert memory.tending.plan() == []


def test_what_is_read_stays(tmp_path: Path, free: Settings, clock: StoppedClock) -> None:
    memory = opened(tmp_path, free, clock)
    id = memory.remember(LONG).id
    for _ in range(8):
        clock.advance(days=5)
        assert memory.recall("tide model").hits
        assert memory.tending.run() == []
    assert state(memory, id) == "active"


def test_everything_the_hygiene_did_comes_back_and_is_left_alone_for_a_while(
    tmp_path: Path, free: Settings, clock: StoppedClock
) -> None:
    memory = opened(tmp_path, replace(free, delete_days=60), clock)
    id = memory.remember(LONG).id
    for days, reached in ((8, "compressed"), (40, "archived"), (70, "gone")):
        clock.advance(days=days)
        memory.tending.run()
        assert state(memory, id) == reached
        memory.forget([id], mode="restore")
        item = memory.find(id)
        assert item
        assert (item.state, item.text) == ("active", LONG)
        assert memory.tending.plan() == []
        if reached == "archived":  # so that it can be deleted next
            memory.forget([id], mode="archive")


def test_every_step_leaves_an_audit_row_that_says_why_and_holds_no_text(
    tmp_path: Path, free: Settings, clock: StoppedClock
) -> None:
    memory = opened(tmp_path, free, clock)
    id = memory.remember(LONG).id
    for days in (8, 30):
        clock.advance(days=days)
        memory.tending.run()
    rows = memory.store.db.rows("select op, id, detail from audit order by row")  # type: ignore[attr-defined]  # a file
    assert [(op, ref) for op, ref, _ in rows] == [("hygiene:compress", id), ("hygiene:archive", id)]
    assert "unread for 8 days" in rows[0][2]
    assert "tide" not in str(rows)


def test_without_a_person_only_so_many_change_in_a_day(
    tmp_path: Path, free: Settings, clock: StoppedClock
) -> None:
    memory = opened(tmp_path, replace(free, daily_changes=3, daily_share=0.0), clock)
    for number in range(8):
        memory.remember(LONG + f"Number {number}.")
    clock.advance(days=8)
    assert len(memory.tending.plan(by_person=False)) == 3
    assert len(memory.tending.run(by_person=False)) == 3
    assert memory.tending.run(by_person=False) == []
    clock.advance(days=1)
    assert len(memory.tending.run(by_person=False)) == 3
    assert len(memory.tending.run()) == 2  # a person may do the rest


def test_it_runs_by_itself_after_ten_writes_and_after_an_hour(
    tmp_path: Path, free: Settings, clock: StoppedClock
) -> None:
    memory = opened(tmp_path, free, clock)
    id = memory.remember(LONG).id
    memory.tending.round()
    clock.advance(days=8)
    memory.tending.round()  # far more than an hour later
    assert state(memory, id) == "compressed"
    second = memory.remember(LONG + "Second.").id
    clock.advance(seconds=60)
    old = memory.find(second)
    assert old
    with memory.store.atomic():
        memory.store.amend(replace(old, accessed_at=0.0, created_at=0.0))
    memory.tending.round()
    assert state(memory, second) == "active"  # nine writes are not ten
    for number in range(9):
        memory.remember(f"note {number}")
    memory.tending.round()
    assert state(memory, second) == "archived"


def test_it_never_runs_by_itself_when_that_is_off(
    tmp_path: Path, free: Settings, clock: StoppedClock
) -> None:
    memory = opened(tmp_path, replace(free, hygiene_writes=0), clock)
    id = memory.remember(LONG).id
    clock.advance(days=50)
    memory.tending.round()
    assert state(memory, id) == "active"


def test_a_full_context_compresses_existing_memories_until_the_target(
    tmp_path: Path, free: Settings, clock: StoppedClock
) -> None:
    own = tmp_path / "models.json"
    own.write_text('{"models": {"tiny": {"context": 4000, "output": 100}}}')
    memory = opened(tmp_path, replace(free, model="tiny", models_file=str(own)), clock)
    ids: list[str] = []
    while memory.store.counts()["shown"] < 3000:
        assert memory.tending.plan() == []
        number = len(ids)
        ids.append(memory.remember(LONG + f"Number {number}.", priority=number % 11).id)
    told = [action.id for action in memory.tending.plan()]
    assert told == [action.id for action in memory.tending.run()]
    priorities = [ids.index(id) % 11 for id in told]
    assert priorities == sorted(priorities)
    assert memory.store.counts()["shown"] <= 2100
    kept = [number % 11 for number, id in enumerate(ids) if state(memory, id) == "active"]
    assert min(kept) >= max(priorities)
    assert memory.tending.plan() == []


def test_what_nothing_can_be_saved_of_is_neither_told_nor_done(
    tmp_path: Path, free: Settings, clock: StoppedClock
) -> None:
    memory = opened(tmp_path, free, clock)
    memory.remember("; ".join(f"{d} May 2024, Ann Bell{d}" for d in range(1, 31)))
    id = memory.remember(LONG).id
    clock.advance(days=8)
    for expected in ([id], []):
        told = memory.tending.plan()
        assert told == memory.tending.run()
        assert [action.id for action in told] == expected


def test_two_scopes_are_tended_apart(scopes: Scopes, clock: StoppedClock) -> None:
    one = scopes.open("user:a")
    two = scopes.open("user:b")
    for memory in (one, two):
        for number in range(5):
            memory.remember(LONG + f"Number {number}.")
    clock.advance(days=8)
    assert len(one.tending.run()) == 2  # but the three used last
    assert two.status().items["active"] == 5


def test_hygiene_ended_half_way_keeps_what_it_did_and_goes_on_at_the_next_run(
    tmp_path: Path, free: Settings, clock: StoppedClock
) -> None:
    memory = opened(tmp_path, free, clock)
    ids = [memory.remember(f"{LONG} {n}").id for n in range(4)]
    clock.advance(days=8)
    asked: list[int] = []

    def stopped() -> bool:  # each item is asked about as it is worded, then as it is done
        asked.append(1)
        return len(asked) > 6

    done = memory.tending.run(course=Course(stopped))
    assert len(done) == 2
    assert sum(state(memory, id) == "compressed" for id in ids) == 2
    assert memory.store.meta("hygiene_at") is None
    assert len(memory.tending.run()) == 2
    assert {state(memory, id) for id in ids} == {"compressed"}
