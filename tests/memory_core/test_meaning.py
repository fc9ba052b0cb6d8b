"""What a change, a failure or the absence of the embedding model does to a scope."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from letters import Broken, Wrong

from routemem.memory_core.course import Course
from routemem.memory_core.memory import Memory
from routemem.memory_core.settings import Settings


def again(path: Path, settings: Settings, embedder: str = "hash") -> Memory:
    """The file of the ``memory`` fixture, opened once more."""
    return Memory.open(path / "memory.db", embedder=embedder, settings=settings)


def test_two_models_in_one_process_keep_their_dimensions(tmp_path: Path) -> None:
    with (
        Memory.open(tmp_path / "small.db", embedder="hash:64") as small,
        Memory.open(tmp_path / "large.db", embedder="hash:128") as large,
    ):
        for memory, end in ((small, "/64"), (large, "/128")):
            memory.remember("tides and gauges")
            assert memory.recall("gauges").mode == "hybrid"
            assert memory.status().embedder.endswith(end)


def test_vectors_of_another_model_are_not_compared_until_embedded_again(
    tmp_path: Path, settings: Settings, memory: Memory
) -> None:
    memory.remember("tides and gauges")
    with again(tmp_path, settings, "hash:64") as other:
        found = other.recall("gauges")
        assert (found.mode, found.hits[0].cosine) == ("lexical", None)
        assert "reindex" in found.degraded
        assert other.remember("stored meanwhile").pending == 1
        assert other.recall("meanwhile").hits[0].text == "stored meanwhile"
        assert other.status().mode == "lexical"
        assert other.upkeep.reindex() == 2
        found = other.recall("gauges")
        assert (found.mode, len(found.hits)) == ("hybrid", 2)
        assert {hit.cosine is None for hit in found.hits} == {False}
    assert memory.recall("gauges").mode == "lexical"  # the first one is the stranger now


@pytest.mark.parametrize("embedder", ["none", "/nowhere/at/all", Broken()])
def test_without_a_model_memories_are_stored_and_found_by_their_words(
    tmp_path: Path, settings: Settings, embedder: Any
) -> None:
    with Memory.open(tmp_path / "memory.db", embedder=embedder, settings=settings) as memory:
        receipt = memory.remember("tides and gauges")
        assert receipt.pending == 1
        assert "words only" in receipt.note
        found = memory.recall("gauge")
        assert (found.mode, [hit.text for hit in found.hits]) == ("lexical", ["tides and gauges"])
        assert found.degraded
        assert memory.status().mode == "lexical"
    with again(tmp_path, settings) as memory:
        while memory.upkeep.backfill():
            pass
        assert memory.recall("gauge").hits[0].cosine is not None


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.ones((1, 5)), r"shape \(1, 5\), expected \(1, 26\)"),
        (np.eye(26)[:2], r"shape \(2, 26\), expected \(1, 26\)"),
        (np.full((1, 26), np.nan), "NaN"),
        (np.full((1, 26), 9.0), "of length"),
        (np.eye(26, dtype=np.int64)[:1], "int64"),
    ],
    ids=["width", "rows", "nan", "length", "type"],
)
def test_vectors_that_are_not_what_was_promised_are_told_and_never_stored(
    vectors: Any, said: str
) -> None:
    with Memory.open(None, embedder=Wrong(vectors)) as memory:
        assert memory.remember("anchor").pending == 1
        found = memory.recall("anchor")
        assert (found.mode, [hit.text for hit in found.hits]) == ("lexical", ["anchor"])
        assert re.search(said, found.degraded)


def test_embedding_anew_says_how_far_it_is_and_what_is_left_waits(memory: Memory) -> None:
    memory.remember("The tide came in and the gauge was read. " * 1500, kind="doc")
    total = memory.store.counts()["chunks"]
    heard: list[tuple[int, int]] = []
    course = Course(lambda: len(heard) == 1, lambda done, total: heard.append((done, total)))
    done = memory.upkeep.reindex(course)
    assert 32 <= heard[0][0] <= done < total  # the caretaker embeds some, too
    assert heard[0][1] == total
    assert memory.upkeep.embed_waiting() == 0
