"""The states of a memory: one at a time, each step written down, each but purge taken back.

Whatever the state, no context is too large, and nothing that is held or gone is in one.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from stopped_clock import StoppedClock

from routemem.memory_core.errors import Conflict, InvalidArgument, NotFound
from routemem.memory_core.memory import Memory
from routemem.memory_core.records import Filter
from routemem.memory_core.settings import Settings

TALK = (
    "It was a long day and there was much to talk about with everybody who came along. "
    "Some of it was new, some of it had been said before, and none of it was in a hurry. "
    "The tea went cold while one thing led to another, as it does when evenings are long. "
)
UNDO = 7.0


class States(RuleBasedStateMachine):
    """A memory in a file beside a model of what each item's state must be."""

    items = Bundle("items")

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = StoppedClock()
        self.settings = Settings(
            data_dir=self.folder.name, key_dir=f"{self.folder.name}/keys", keyring=False,
            embedder="hash", undo_days=UNDO, keep_recent=0, delete_days=60, hygiene_writes=0,
            backup_hours=0,
        )  # fmt: skip
        self.memory = self.opened()
        self.texts: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.until: dict[str, float] = {}  # until when a deleted item can be taken back
        self.pinned: set[str] = set()
        self.held: dict[str, str] = {}  # what is in quarantine, and the state it was taken from
        self.steps = 0  # changes of state so far
        self.count = 0

    def opened(self) -> Memory:
        path = Path(self.folder.name) / "memory.db"
        return Memory.open(path, embedder="hash", settings=self.settings, clock=self.clock)

    def teardown(self) -> None:
        self.memory.close()
        self.folder.cleanup()

    def now_is(self, id: str, state: str) -> None:
        """Note a change of state."""
        self.steps += self.states[id] != state
        self.states[id] = state

    def stored(self, id: str) -> Any:
        return self.memory.find(id)

    # ------------------------------------------------------------------ rules

    @initialize()
    def begin(self) -> None:
        assert self.memory.status().items["active"] == 0

    @rule(target=items, priority=st.integers(0, 10), pinned=st.booleans(), long=st.booleans())
    def remember(self, priority: int, pinned: bool, long: bool) -> str:
        self.count += 1
        text = f"Item number {self.count}. " + (TALK if long else "")
        id = self.memory.remember(text, priority=priority, pinned=pinned).id
        self.texts[id], self.states[id] = text, "active"
        self.pinned |= {id} if pinned else set()
        return id

    @rule(id=items, own=st.booleans())
    def compress(self, id: str, own: bool) -> None:
        before = self.states[id]
        refused = id in self.pinned or before not in ("active", "compressed")
        try:
            (done,) = self.memory.compress([id], summary="An item." if own else "")
        except InvalidArgument:  # no shorter than the text, or the id names nothing any more
            return
        except (Conflict, NotFound):
            assert refused
            return
        assert not refused
        if done.method:
            self.now_is(id, "compressed")

    @rule(id=items, mode=st.sampled_from(["archive", "restore", "delete", "purge"]))
    def forget(self, id: str, mode: str) -> None:
        before, now = self.states[id], self.clock()
        gone = before in ("deleted", "purged")
        try:
            (done,) = self.memory.forget([id], mode=mode)
        except (Conflict, NotFound):
            if before in ("held", "destroyed"):  # only a person's answer reaches it
                return
            assert mode == "restore"
            assert before == "purged" or now >= self.until.get(id, 0.0)
            return
        if mode == "restore":
            assert before != "purged"
            self.now_is(id, "active")
        elif mode == "purge":
            self.now_is(id, "purged")
        elif not gone:
            self.now_is(id, "archived" if mode == "archive" else "deleted")
            self.until[id] = now + UNDO * 86_400
        assert done.state == self.states[id]

    @rule(id=items)
    def quarantine(self, id: str) -> None:
        before = self.states[id]
        try:
            (done,) = self.memory.quarantine([id], reason="private")
        except (Conflict, NotFound):
            assert before in ("deleted", "purged", "destroyed")
            return
        assert done.id == id
        if before != "held":
            self.held[id] = before
        self.now_is(id, "held")

    @rule(id=items, purge=st.booleans())
    def a_person_answers(self, id: str, purge: bool) -> None:
        try:
            if purge:
                assert self.memory.vault.purge(id) == [id]
            else:
                assert [receipt.id for receipt in self.memory.release(id)] == [id]
        except (Conflict, NotFound):
            assert self.states[id] != "held"
            return
        assert self.states[id] == "held"
        self.now_is(id, "destroyed" if purge else self.held[id])

    @rule(id=items)
    def read(self, id: str) -> None:
        hits = self.memory.recall(ids=[id], full=True, max_tokens=2000).hits
        there = self.states[id] in ("active", "compressed", "archived")
        assert [hit.text for hit in hits] == ([self.texts[id]] if there else [])

    @rule(days=st.sampled_from([0.5, 3.0, 8.0, 31.0, 70.0]), person=st.booleans())
    def time_goes_by(self, days: float, person: bool) -> None:
        self.clock.advance(days=days)
        planned = self.memory.tending.plan(by_person=person)
        done = self.memory.tending.run(by_person=person)
        assert [action.id for action in planned] == [action.id for action in done]
        reached = {"compress": "compressed", "archive": "archived", "delete": "deleted"}
        for action in done:
            assert action.id not in self.pinned
            self.now_is(action.id, reached[action.step])
            self.until[action.id] = self.clock() + UNDO * 86_400
        self.memory.store.drop_expired(self.clock())
        for id, state in self.states.items():
            if state == "deleted" and self.until[id] <= self.clock():
                self.states[id] = "purged"

    @rule(budget=st.integers(16, 4000), model=st.sampled_from(["gpt-4", "gpt-4o", ""]))
    def pack(self, budget: int, model: str) -> None:
        context = self.memory.get_context("item", max_tokens=budget, model=model)
        assert context.tokens <= min(budget, self.memory.reader(model)[0].room)
        hidden = {id for id, state in self.states.items() if state not in ("active", "compressed")}
        assert not hidden & {*context.ids, *context.hints}

    @rule()
    def reopen(self) -> None:
        self.memory.close()
        self.memory = self.opened()

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def every_id_is_in_exactly_one_state(self) -> None:
        for id, state in self.states.items():
            item, grave = self.stored(id), self.memory.store.tombstone(id)
            entry = self.memory.store.held(id)
            held = entry and {"held": "held", "purged": "destroyed"}.get(entry.state)
            assert [bool(item), bool(grave), bool(held)].count(True) == 1
            assert (item.state if item else grave.state if grave else held) == state
            if item:
                assert item.text == self.texts[id]
        counted = self.memory.status().items
        for state in ("active", "compressed", "archived", "deleted", "purged"):
            assert counted[state] == sum(each == state for each in self.states.values())

    @invariant()
    def a_search_sees_what_is_active_or_compressed_and_the_rest_on_request(self) -> None:
        shown = {"active", "compressed"}
        for archived in (False, True):
            rows = self.memory.store.matching(Filter(archived=archived)).tolist()
            seen = {item.id for item in self.memory.store.items(rows).values()}
            wanted = shown | ({"archived"} if archived else set())
            assert seen == {id for id, state in self.states.items() if state in wanted}

    @invariant()
    def every_change_has_its_audit_row(self) -> None:
        self.memory._rooms.ledger.flush()
        rows = self.memory.store.db.value(  # type: ignore[attr-defined]  # a file
            "select count(*) from audit where op like 'forget:%' or op like 'hygiene:%' "
            "or op = 'compress' or op like 'quarantine%'"
        )
        assert rows >= self.steps


@pytest.mark.parametrize("examples", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_the_states_of_a_memory(examples: int) -> None:
    run_state_machine_as_test(
        States,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
