"""A scope goes into a bundle and comes out the same; what is no whole bundle changes nothing."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from stopped_clock import StoppedClock

from routemem.memory_core.errors import InvalidBundle, StorageError
from routemem.memory_core.memory import Memory
from routemem.memory_core.records import Item, Usage
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings as Tunables
from routemem.memory_core.transfer.importing import TOGETHER
from routemem.memory_core.transfer.schema import line_schema, state_schema

TEXT = st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip()))
NAME = st.text("abcdefgh", min_size=1, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=5,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("remember"), TEXT,
            st.fixed_dictionaries({
                "kind": st.sampled_from(["note", "turn", "doc", "code"]),
                "priority": st.integers(0, 10),
                "tags": st.lists(NAME, max_size=3),
                "source": st.sampled_from(["user", "assistant", "web", "tool"]),
                "speaker": st.sampled_from(["", "Ann"]),
                "when": st.none() | st.integers(0, 10**9),
                "pinned": st.booleans(),
                "metadata": st.dictionaries(NAME, JSON, max_size=2),
                "key": st.sampled_from(["", "k1", "k2"]),
            }),
        ),
        st.tuples(st.just("forget"), st.integers(0, 9), st.sampled_from(["archive", "purge"])),
        st.tuples(st.just("fact"), NAME, JSON, st.none() | st.integers(0, 10**9)),
        st.tuples(st.just("end fact"), NAME),
        st.tuples(st.just("task"), TEXT, st.lists(st.integers(0, 9), max_size=2)),
        st.tuples(st.just("agent"), NAME),
        st.tuples(st.just("question"), TEXT, st.booleans()),
        st.tuples(st.just("usage"), NAME, st.integers(0, 99)),
    ),
    max_size=14,
)  # fmt: skip


def live(memory: Memory, steps: list[Any], clock: StoppedClock) -> None:
    """Do what a hypothesis example says, leaving out what has nothing to do it to."""
    ids: list[str] = []
    tasks: list[str] = []
    for step in steps:
        clock.advance(seconds=1)
        match step:
            case "remember", text, fields:
                ids.append(memory.remember(text, **fields).id)
            case "forget", number, mode if number < len(ids):
                memory.forget([ids[number]], mode=mode)
            case "fact", key, value, since:
                memory.set_fact(key, value, valid_from=since)
            case "end fact", key if memory.get_facts([key]):
                memory.forget([key])
            case "task", title, before:
                known = [tasks[n] for n in before if n < len(tasks)]
                title = " ".join(title.split()) or "x"
                tasks.append(memory.boards.tasks.create(title, dependencies=known).id)
            case _:
                use(memory, step)


def use(memory: Memory, step: Any) -> None:
    match step:
        case "agent", name:
            memory.boards.agents.register(name, capabilities=[name])
        case "question", text, answered:
            asked = memory.boards.questions.ask(text)
            if answered and asked.status == "open":
                memory.boards.questions.answer(asked.id, "yes")
        case "usage", model, tokens:
            with memory.store.atomic():
                memory.store.add_usage(Usage("2026-01-05", model, 1, tokens, tokens, 0.25))


def bundle(memory: Memory) -> bytes:
    file = io.BytesIO()
    memory.transfer.export(file)
    return file.getvalue()


def blank(clock: StoppedClock) -> Memory:
    unscreened = Tunables(screening="off")  # some texts that are drawn would be held
    return Memory.open(None, embedder="none", clock=clock, settings=unscreened)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_an_export_imported_into_an_empty_scope_exports_identically(steps: list[Any]) -> None:
    clock = StoppedClock()
    with blank(clock) as memory, blank(clock) as empty:
        live(memory, steps, clock)
        said = bundle(memory)
        clock.advance(days=3)
        done = empty.transfer.restore(io.BytesIO(said))
        assert bundle(empty) == said
        assert (done.merged, done.known, done.forgotten, done.renamed) == (0, 0, 0, {})
        assert sum(done.added.values()) == said.count(b"\n") - 2


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_importing_again_changes_nothing(steps: list[Any]) -> None:
    clock = StoppedClock()
    with blank(clock) as memory:
        live(memory, steps, clock)
        said = bundle(memory)
        done = memory.transfer.restore(io.BytesIO(said))
        assert bundle(memory) == said
        assert sum(done.added.values()) == done.merged == 0


@settings(max_examples=40, deadline=None)
@given(STEPS, STEPS)
def test_merging_loses_nothing_and_twice_is_once(ours: list[Any], theirs: list[Any]) -> None:
    clock = StoppedClock()
    with blank(clock) as memory, blank(clock) as other:
        live(other, theirs, clock)
        clock.advance(days=1)
        live(memory, ours, clock)
        mine = {item.text for item in memory.store.items(range(99)).values()}
        said = bundle(other)
        memory.transfer.restore(io.BytesIO(said))
        texts = {item.text for item in memory.store.items(range(99)).values()}
        assert texts >= mine
        once = bundle(memory)
        memory.transfer.restore(io.BytesIO(said))
        assert bundle(memory) == once


@pytest.fixture
def whole(memory: Memory) -> bytes:
    """A bundle with one line of every type."""
    memory.remember("a harbour", tags=["x"], source="web", metadata={"k": [1]})
    memory.set_fact("city", "Ghent")
    memory.boards.tasks.create("dig")
    memory.boards.agents.register("Ann")
    memory.boards.questions.ask("Which?")
    with memory.store.atomic():
        memory.store.add_usage(Usage("2026-01-05", "m", 1, 2, 3, 0.5))
    return bundle(memory)


def test_every_line_is_as_the_published_schema_says(whole: bytes) -> None:
    check = Draft202012Validator(line_schema())
    types = []
    for line in whole.splitlines():
        check.validate(json.loads(line))
        types.append(json.loads(line)["record"])
    assert types == ["head", "item", "fact", "task", "agent", "question", "usage", "end"]


def test_the_snapshot_is_as_its_schema_says_and_holds_no_texts(memory: Memory) -> None:
    memory.remember("a harbour with a crane")
    memory.set_fact("city", "Ghent")
    memory.boards.tasks.create("dig")
    said = memory.transfer.snapshot()
    Draft202012Validator(state_schema()).validate(said)
    assert said["items"]["active"] == 1
    assert "crane" not in json.dumps(said)
    assert [(fact["value"], fact["trust"]) for fact in said["facts"]] == [("Ghent", "normal")]


def test_a_torn_bundle_changes_nothing(whole: bytes, clock: StoppedClock) -> None:
    lines = whole.splitlines(keepends=True)
    torn = [
        b"", whole[:-1], whole[:-30], b"".join(lines[:-1]), b"".join(lines[:1] + lines[2:]),
        whole.replace(b"harbour", b"harbors"), whole + b"\n", b"".join([lines[0], *lines]),
        whole.replace(b'"version":1', b'"version":2'), b'{"format":"other"}\n', b"\xff\xfe\n",
        b"[1]\n", whole.replace(b'"normal"', b'"royal"'), b"null\n", b"[" * 100_000 + b"\n",
    ]  # fmt: skip
    with blank(clock) as empty:
        empty.remember("was here")
        before = bundle(empty)
        for said in torn:
            if said == whole:
                continue
            with pytest.raises(InvalidBundle, match="Nothing was changed"):
                empty.transfer.restore(io.BytesIO(said))
            assert bundle(empty) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", 11), ("text", ""), ("state", "purged"), ("id", "../x"), ("trust", "holy"),
        ("tags", "x"), ("colour", "blue"), ("created_at", "now"), ("metadata", []),
        ("when", 1e134), ("updated_at", -1e300), ("tokens", 1 << 70),
    ],
)  # fmt: skip
def test_a_line_that_was_made_up_is_refused_even_with_a_right_checksum(
    whole: bytes, clock: StoppedClock, field: str, value: Any
) -> None:
    import hashlib

    from routemem.memory_core.transfer.bundle import canonical

    lines = [json.loads(line) for line in whole.splitlines()]
    lines[1][field] = value
    body = b"".join(map(canonical, lines[:-1]))
    forged = lines[-1] | {"sha256": hashlib.sha256(body).hexdigest()}
    with blank(clock) as empty, pytest.raises(InvalidBundle, match="line 2"):
        empty.transfer.restore(io.BytesIO(body + canonical(forged)))


def test_trust_never_rises_by_an_import(whole: bytes, clock: StoppedClock) -> None:
    with blank(clock) as empty:
        done = empty.transfer.restore(io.BytesIO(whole), trust="verified")
        (hit,) = empty.recall("harbour").hits
        assert (hit.trust, done.distrusted) == ("untrusted", 0)


def test_an_import_can_be_trusted_less(memory: Memory, clock: StoppedClock) -> None:
    memory.remember("a harbour", source="user")
    with blank(clock) as empty:
        done = empty.transfer.restore(io.BytesIO(bundle(memory)), trust="untrusted")
        (hit,) = empty.recall("harbour").hits
        assert (hit.trust, done.distrusted) == ("untrusted", 1)
    memory.transfer.restore(io.BytesIO(bundle(memory)), trust="untrusted")
    assert memory.recall("harbour").hits[0].trust == "untrusted"


def test_of_two_versions_the_newer_stays(memory: Memory, clock: StoppedClock) -> None:
    id = memory.remember("first wording").id
    task = memory.boards.tasks.create("dig")
    before = bundle(memory)
    clock.advance(hours=1)
    memory.remember("second wording", id=id)
    memory.boards.tasks.update(task.id, progress=50)
    after = bundle(memory)
    memory.transfer.restore(io.BytesIO(before))
    assert bundle(memory) == after
    with blank(clock) as other:
        other.transfer.restore(io.BytesIO(before))
        done = other.transfer.restore(io.BytesIO(after))
        assert done.merged == 2
        assert bundle(other) == after


def test_facts_become_one_history_and_the_newest_is_true(
    memory: Memory, clock: StoppedClock
) -> None:
    with blank(clock) as other:
        memory.set_fact("city", "Lisbon", valid_from="2019")
        clock.advance(days=1)
        other.set_fact("city", "Ghent", valid_from="2025")
        memory.transfer.restore(io.BytesIO(bundle(other)))
    assert memory.get_fact("city") == "Ghent"
    assert memory.get_facts(["city"], as_of="2020")[0].value == "Lisbon"
    assert [fact.value for fact in memory.get_facts(["city"], history=True)] == ["Lisbon", "Ghent"]


def test_what_was_forgotten_here_does_not_come_back(memory: Memory) -> None:
    id = memory.remember("a secret").id
    said = bundle(memory)
    memory.forget([id], mode="delete")
    assert b"a secret" not in bundle(memory)
    done = memory.transfer.restore(io.BytesIO(said))
    assert done.forgotten == 1
    assert memory.find(id) is None


def test_what_is_held_is_in_no_export_and_does_not_come_in(
    memory: Memory, tmp_path: Any, settings: Tunables, clock: StoppedClock
) -> None:
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ3KnWcO"
    open_door = replace(settings, screening="off")
    with Memory.open(tmp_path / "open.db", embedder="none", settings=open_door, clock=clock) as lax:
        lax.remember(f"the token is {token}")
        lax.set_fact("token", token)
        lax.boards.tasks.create(f"use {token}")
        lax.remember("a harbour")
        said = bundle(lax)
    assert token.encode() in said
    done = memory.transfer.restore(io.BytesIO(said))
    assert len(done.held) == 3
    assert token.encode() not in bundle(memory)
    assert len(memory.vault.all()) == 2
    id = memory.recall("harbour").hits[0].id
    memory.quarantine([id], reason="mistake")
    assert b"a harbour" not in bundle(memory)
    again = memory.transfer.restore(io.BytesIO(said))
    assert memory.recall("harbour").hits == ()
    assert len(again.held) == 4


def test_ids_of_another_folder_are_given_anew_and_what_names_them_follows(
    memory: Memory, clock: StoppedClock
) -> None:
    first = memory.boards.tasks.create("dig")
    memory.boards.tasks.create("build", dependencies=[first.id])
    memory.remember("theirs", key="k")
    with blank(clock) as other:
        clock.advance(days=1)
        other.remember("ours", key="k")
        other.boards.tasks.create("something else")
        done = other.transfer.restore(io.BytesIO(bundle(memory)))
        titles = {task.title: task for task in other.boards.tasks.list()}
        assert titles["build"].dependencies == (titles["dig"].id,)
        assert first.id in done.renamed
        ids = [task.id for task in titles.values()]
        ids += [item.id for item in other.store.items([1, 2]).values()]
        assert len(set(ids)) == 5
        assert other.find("k").text == "ours"  # type: ignore[union-attr]  # it is there


def test_new_ids_do_not_meet_imported_ones(whole: bytes, clock: StoppedClock) -> None:
    with blank(clock) as empty:
        empty.transfer.restore(io.BytesIO(whole))
        taken = {line["id"] for line in map(json.loads, whole.splitlines()) if "id" in line}
        assert empty.remember("new").id not in taken
        assert empty.boards.tasks.create("new").id not in taken


def test_imported_memories_are_embedded_later(memory: Memory, tmp_path: Any, clock: Any) -> None:
    memory.remember("a harbour")
    with Memory.open(tmp_path / "other.db", embedder="hash", clock=clock) as other:
        other.transfer.restore(io.BytesIO(bundle(memory)))
        while other.upkeep.backfill():
            pass
        assert other.status().pending == 0
        assert other.recall("harbour").mode == "hybrid"


def test_clearing_leaves_nothing_but_the_count_of_ids(memory: Memory, whole: bytes) -> None:
    last = memory.remember("the last one").id
    assert memory.transfer.clear() == 2
    assert bundle(memory).count(b"\n") == 2
    assert memory.recall("harbour").hits == ()
    assert memory.get_facts() == []
    again = memory.remember("after it").id
    assert again > last
    assert [hit.id for hit in memory.recall("after harbour").hits] == [again]


def test_a_fact_of_an_untrusted_bundle_is_from_outside(memory: Memory, clock: StoppedClock) -> None:
    memory.set_fact("user.bank", "the one by the harbour", source="user")
    with blank(clock) as empty:
        empty.transfer.restore(io.BytesIO(bundle(memory)), trust="untrusted")
        (fact,) = empty.get_facts(["user.bank"])
        assert (fact.source, fact.trust) == ("import", "untrusted")


def test_two_exports_in_one_second_are_two_files(scopes: Scopes) -> None:
    scopes.open().remember("a harbour")
    first, _ = scopes.carrying.export()
    second, _ = scopes.carrying.export()
    assert first != second
    assert first.read_bytes() == second.read_bytes()


def test_an_import_that_was_cut_short_is_completed_by_the_same_bundle(
    memory: Memory, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with memory.store.atomic():
        for number in range(TOGETHER + 50):
            memory.remember(f"page {number} of the log of the harbour")
    said = bundle(memory)
    with blank(clock) as other:
        store, left = other._rooms.remembering.revive, [TOGETHER + 20]

        def full(item: Item) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise StorageError("the disk is full")
            store(item)

        monkeypatch.setattr(other.transfer, "_revive", full)
        with pytest.raises(StorageError):
            other.transfer.restore(io.BytesIO(said))
        assert other.store.count_items() == TOGETHER  # whole transactions only
        monkeypatch.undo()
        other.transfer.restore(io.BytesIO(said))
        assert bundle(other) == said
