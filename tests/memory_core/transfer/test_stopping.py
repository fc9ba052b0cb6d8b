"""A long work says how far it is, and ended half-way leaves whole transactions behind."""

import io
from pathlib import Path

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core.course import Course
from routemem.memory_core.errors import InvalidBundle, Stopped
from routemem.memory_core.memory import Memory
from routemem.memory_core.records import Item
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.transfer.bundle import Writer
from routemem.memory_core.transfer.exporting import line
from routemem.memory_core.transfer.importing import TOGETHER

MANY = 2 * TOGETHER + 50


class Watch:
    """Stops the work when it has heard so many words of it."""

    def __init__(self, patience: int = 10**9) -> None:
        self.heard: list[tuple[int, int]] = []
        self.course = Course(
            lambda: len(self.heard) >= patience,
            lambda done, total: self.heard.append((done, total)),
        )


@pytest.fixture(scope="module")
def large() -> bytes:
    """A bundle of `MANY` memories, a fact and a summary of two of them."""
    file = io.BytesIO()
    with Memory.open(None, embedder="none", clock=StoppedClock()) as memory:
        writer = Writer(file, "global", "m")
        for number in range(MANY):
            item = Item(f"thing number {number}", id=f"m-{number}", created_at=float(number))
            writer.put(line("item", item))
        memory.set_fact("user.city", "Ghent")
        writer.put(line("fact", memory.get_facts(["user.city"])[0]))
        writer.put({"record": "link", "derived": "m-3", "source": "m-4"})
        writer.end()
    return file.getvalue()


@pytest.fixture
def empty(clock: StoppedClock) -> Memory:
    return Memory.open(None, embedder="none", clock=clock)


def test_an_import_says_how_many_records_are_stored(empty: Memory, large: bytes) -> None:
    watch = Watch()
    empty.transfer.restore(io.BytesIO(large), course=watch.course)
    total = MANY + 2
    steps = [TOGETHER, 2 * TOGETHER, MANY, MANY + 1, total]
    assert watch.heard == [(done, total) for done in steps]


@pytest.fixture(scope="module")
def expected(large: bytes) -> list[bytes]:
    """What the whole bundle makes of an empty scope."""
    with Memory.open(None, embedder="none", clock=StoppedClock()) as memory:
        memory.transfer.restore(io.BytesIO(large))
        return exported(memory)


@pytest.mark.parametrize(("patience", "stored", "facts"), [(1, TOGETHER, 0), (4, MANY, 1)])
def test_a_stopped_import_is_completed_by_the_same_bundle(
    empty: Memory, large: bytes, expected: list[bytes], patience: int, stored: int, facts: int
) -> None:
    with pytest.raises(Stopped, match=f"after {stored + facts} of {MANY + 2}"):
        empty.transfer.restore(io.BytesIO(large), course=Watch(patience).course)
    assert (empty.store.count_items(), empty.store.count_facts()) == (stored, facts)
    assert ("import_stopped", 1, 1) in [row[:3] for row in empty.store.calls()]
    done = empty.transfer.restore(io.BytesIO(large))
    assert (done.added["item"], done.known) == (MANY - stored, stored + facts)
    assert exported(empty) == expected


def exported(memory: Memory) -> list[bytes]:
    """The lines of a bundle of it, but for the last with the checksum."""
    file = io.BytesIO()
    memory.transfer.export(file)
    return file.getvalue().splitlines()[:-1]


def test_what_is_stopped_while_it_is_checked_changes_nothing(empty: Memory, large: bytes) -> None:
    with pytest.raises(Stopped, match="Nothing was changed"):
        empty.transfer.restore(io.BytesIO(large), course=Watch(0).course)
    assert empty.store.count_items() == 0
    with pytest.raises(InvalidBundle):
        empty.transfer.restore(io.BytesIO(large[:-9]), course=Watch().course)


def test_a_stopped_export_leaves_no_file(scopes: Scopes, large: bytes, tmp_path: Path) -> None:
    scopes.open().transfer.restore(io.BytesIO(large))
    watch = Watch()
    scopes.carrying.export(path=tmp_path / "whole.jsonl", course=watch.course)
    assert watch.heard == [(256, 0)]
    with pytest.raises(Stopped):
        scopes.carrying.export(path=tmp_path / "half.jsonl", course=Watch(0).course)
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["whole.jsonl"]
