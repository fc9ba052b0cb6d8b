"""Searches while the index goes from one moment to the next: each sees one of the two, whole."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core import Memory, Settings
from routemem.memory_core.routed import Routed

PARCELS = 360
MANY = "\n".join(f"Parcel {number} stands in aisle {number % 97}." for number in range(PARCELS))
#: The steps between which an index is in no state to be searched.
STEPS = ["_adopt", "_archived_before", "_take", "_discard", "_reclaim", "_newest"]
ASKED = "zebra 3 crosses the road"

Found = list[tuple[int, float]]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a packed memory, and of thirty memories that came after the build."""
    folder = tmp_path_factory.mktemp("packed")
    with opened(folder, Settings(key_dir=str(folder / "key"), keyring=False)) as memory:
        memory.remember(MANY, kind="doc")
        while memory.upkeep.backfill(64):
            pass
        assert memory.index.run("build").status == "built"
        for number in range(30):
            memory.remember(f"Zebra {number} crosses the road.")
    return folder


@pytest.fixture
def packed(template: Path, tmp_path: Path, settings: Settings) -> Iterator[Memory]:
    """A memory of its own with these files."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    with opened(tmp_path, settings) as memory:
        memory.recall("zebra")
        yield memory


def opened(folder: Path, settings: Settings) -> Memory:
    small = replace(settings, flat_until=100, chunk_pieces=20, chunk_overlap=0, flush_seconds=3600)
    return Memory.open(folder / "m.db", embedder="hash", settings=small, clock=StoppedClock())


def search(memory: Memory) -> Found:
    """What a search finds that is past catching up."""
    meaning = memory.index._meaning
    asked = meaning.question(ASKED)
    assert asked
    rows, cosines, _ = meaning.index.search(asked.vector, 5, None, archived=False)
    return [(row, round(cosine, 3)) for row, cosine in zip(rows, cosines, strict=True)]


def watched(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]
) -> list[Found]:
    """What searches find before and after every step of some work."""
    seen: list[Found] = []

    def searching(step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*given: Any) -> Any:
            seen.append(search(memory))
            done = step(*given)
            seen.append(search(memory))
            return done

        return taken

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(Routed, name, searching(getattr(Routed, name)))
        work()
    return seen


def drop(memory: Memory) -> None:
    meaning = memory.index._meaning
    with meaning._guard, memory.store.reading():
        meaning.index.drop_generation()


def test_a_search_finds_the_same_while_a_generation_is_given_up(
    packed: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = search(packed)
    assert len(before) == 5
    seen = watched(packed, monkeypatch, lambda: drop(packed))
    assert packed.index.report()["mode"] == "exact"
    assert len(seen) >= 4
    assert all(found == before for found in [*seen, search(packed)])


def test_a_search_finds_what_is_new_while_a_generation_is_taken(
    packed: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewal = packed.index._meaning.renewal
    export = type(renewal)._export
    expected: list[Found] = []

    def late(self: Any, *given: Any) -> Any:  # stored while the child builds
        done = export(self, *given)
        packed.remember("Zebra 3 crosses the road alone.")
        packed.recall("zebra", top_k=1)
        expected.append(search(packed))
        return done

    monkeypatch.setattr(type(renewal), "_export", late)
    seen = watched(packed, monkeypatch, lambda: packed.index.run("build"))
    during = seen[seen.index(expected[0]) :]
    assert len(during) >= 4
    assert all(found == expected[0] for found in [*during, search(packed)])


def test_a_search_finds_the_old_or_the_new_text_of_a_memory_and_never_neither(
    packed: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = packed.recall(ASKED, top_k=1).hits[0].id
    before = search(packed)

    def rewrite() -> None:
        packed.remember("Zebra 3 crosses the road again.", id=id)
        packed.recall("anything", top_k=1)

    seen = watched(packed, monkeypatch, rewrite)
    after = search(packed)
    assert after[0] != before[0]
    assert before in seen
    assert all(found in (before, after) for found in seen)


def test_a_recall_beside_one_that_reads_the_store_anew_has_its_cosines(
    packed: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [(hit.id, hit.cosine) for hit in packed.recall(ASKED, top_k=3, explain=True).hits]
    past_catching_up, reading, answered = threading.Event(), threading.Event(), threading.Event()
    searched, take = Routed.search, Routed._take
    told: list[Any] = []

    def paused(self: Routed, *given: Any, **options: Any) -> Any:
        past_catching_up.set()
        assert reading.wait(10)
        return searched(self, *given, **options)

    def slow(self: Routed, *given: Any) -> None:
        reading.set()
        assert answered.wait(10)
        take(self, *given)

    def recall() -> None:
        found = packed.recall(ASKED, top_k=3, explain=True)
        told.append((found.mode, [(hit.id, hit.cosine) for hit in found.hits]))
        answered.set()

    monkeypatch.setattr(Routed, "search", paused)
    monkeypatch.setattr(Routed, "_take", slow)
    reader = threading.Thread(target=recall)
    reader.start()
    assert past_catching_up.wait(10)
    drop(packed)
    reader.join()
    assert told == [("hybrid", before)]
