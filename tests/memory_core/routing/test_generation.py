"""Generations on disk: published whole, found by readers whatever other processes remove."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex
from routemem.memory_core.routing import generation
from routemem.memory_core.routing.description import META
from routemem.memory_core.routing.generation import Generation, Stamp

Draw = Callable[..., NDArray[np.float32]]
Publish = Callable[[int], Path]


@pytest.fixture
def publish(draw: Draw, tmp_path: Path) -> Publish:
    """Writes the generation of a position and removes all others, as a process does that built."""
    index = RoutingIndex(32, flat_until=0)
    index.add_many(np.arange(200), draw(200))
    index.build()

    def published(seq: int) -> Path:
        assert index.pack
        assert index.plan
        place = generation.write(tmp_path, index.pack, index.plan, Stamp("s", seq, "e"), 200)
        generation.prune(tmp_path, place)
        return place

    return published


def newest(folder: Path) -> Generation | None:
    return generation.newest(folder, "s", "e", latest=10**6)


def test_a_reader_that_loses_the_race_for_a_generation_takes_the_newer_one(
    publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    publish(1)
    load, races = generation.load, iter([2, 3])

    def overtaken(place: Path) -> Generation:
        if seq := next(races, None):
            publish(seq)
        return load(place)

    with monkeypatch.context() as harm, caplog.at_level(logging.WARNING, "routemem"):
        harm.setattr(generation, "load", overtaken)
        found = newest(tmp_path)
    assert found is not None
    assert found.stamp.seq == 3
    assert not caplog.records  # nothing was wrong


def test_readers_find_a_generation_at_every_moment_of_being_replaced(
    publish: Publish, tmp_path: Path
) -> None:
    publish(0)
    over = threading.Event()
    seen: list[int] = []

    def reads() -> None:
        while not over.is_set():
            found = newest(tmp_path)
            seen.append(found.stamp.seq if found else -1)

    reader = threading.Thread(target=reads)
    reader.start()
    try:
        for seq in range(1, 40):
            publish(seq)
    finally:
        over.set()
        reader.join()
    assert seen == sorted(seen)
    assert -1 not in seen


def test_one_in_use_stays_readable_when_it_is_removed(publish: Publish, tmp_path: Path) -> None:
    publish(1)
    held = newest(tmp_path)
    assert held is not None
    index = RoutingIndex.from_pack(held.pack, held.plan)
    query = held.pack.vectors(np.array([7]))[0]
    before = index.search(query).ids.tolist()
    publish(2)
    assert index.search(query).ids.tolist() == before
    assert generation.is_whole(held) is None  # neither damaged nor whole: gone
    generation.note_checked(held, 1.0)
    assert not held.path.exists()


def test_a_file_that_is_missing_is_damage(publish: Publish, tmp_path: Path) -> None:
    publish(1)
    held = newest(tmp_path)
    assert held is not None
    (held.path / "codes.bin").unlink()
    assert generation.is_whole(held) is False
    assert newest(tmp_path) is None


def test_the_same_generation_built_twice_is_published_once(
    publish: Publish, tmp_path: Path
) -> None:
    first = publish(5)
    made = (first / META).stat().st_mtime_ns
    assert publish(5) == first
    assert (first / META).stat().st_mtime_ns == made
    assert [place.name for place in tmp_path.iterdir()] == [first.name]
