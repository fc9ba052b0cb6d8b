"""No plain byte of what was deleted is left in any file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kwurf import remember, vector_of
from peer import Peer
from things import files_holding

from routemem.memory_core.errors import Conflict
from routemem.memory_core.memory import Memory
from routemem.memory_core.settings import Settings

NEEDLES = {
    "text": b"Zorblax",
    "second chunk": b"wyxotjam",
    "tag": b"kweftag",
    "metadata key": b"metakwurf",
    "metadata value": b"valuekwurf",
    "key": b"keykwurf",
    "speaker": b"Speakwurf",
    "summary": b"summarkwurf",
    "reason": b"reasonkwurf",
    "term": b"quivenfrump",  # may be in no file as a whole: the word index leaves out the part
    "end of a term": b"venfrump",  # that a term shares with the one before it
    "stem": b"orblax",
}
READER = """
from routemem.memory_core.storage.sqlite import SqliteStore
store = SqliteStore(path, "global", "a", now=1.0)
with store.reading():
    store.count_items()
    say("reading")
    hear()
say("done")
hear()
"""


@pytest.fixture
def folder(memory: Memory, tmp_path: Path) -> Path:
    """The folder that holds the memory's files."""
    return tmp_path


def needles(memory: Memory, id: str) -> list[bytes]:
    return [*NEEDLES.values(), vector_of(memory, id)[:200]]


@pytest.mark.parametrize("mode", ["delete", "purge"])
@pytest.mark.parametrize("folded", [False, True])
def test_no_plain_byte_of_a_deleted_item_is_left_in_any_file(
    memory: Memory, folder: Path, mode: str, folded: bool
) -> None:
    id = remember(memory)
    memory.note("recall", ms=1.0, ok=True)
    sought = needles(memory, id)
    memory.remember("so that what waits is flushed")
    if folded:
        assert memory.store.flush_log()
    found = "\n".join(files_holding(folder, sought))
    for needle in sought:  # so that finding none of them later means something
        assert repr(needle) in found or needle == NEEDLES["term"], needle
    (done,) = memory.forget([id], mode=mode)
    assert done.erasure == "done"
    assert files_holding(folder, sought) == []
    memory.close()
    assert files_holding(folder, sought) == []


def test_earlier_versions_of_a_deleted_item_are_gone_as_well(memory: Memory, folder: Path) -> None:
    id = memory.remember("the first wording has a grumblefitz").id
    memory.remember("the second wording has a wobblequex", id=id)
    memory.remember("the third wording is plain", id=id)
    memory.forget([id], mode="delete")
    assert files_holding(folder, [b"grumblefitz", b"wobblequex", b"third wording"]) == []


def test_a_reason_that_still_waits_in_ram_is_not_written_after_the_item_is_gone(
    memory: Memory, folder: Path
) -> None:
    id = memory.remember("something with a blimfark in it").id
    memory.forget([id], reason="because of the blimfark")
    memory.forget([id], mode="delete", reason="the blimfark again")
    memory.remember("so that what waits is flushed")
    memory.close()
    assert files_holding(folder, [b"blimfark"]) == []


def test_while_a_reader_holds_the_log_erasure_is_pending_and_done_later(
    memory: Memory, folder: Path
) -> None:
    id = remember(memory)
    sought = needles(memory, id)
    with Peer(READER, path=folder / "memory.db") as peer:
        assert peer.hear() == "reading"
        (done,) = memory.forget([id], mode="delete")
        assert done.erasure == "pending"
        assert memory.find(id) is None
        assert files_holding(folder, sought)
        assert peer.ask() == "done"
        assert memory.store.flush_log()
        assert files_holding(folder, sought) == []
        peer.say()


def test_a_pending_erasure_is_done_without_being_asked(folder: Path, settings: Settings) -> None:
    quick = replace(settings, flush_seconds=0.02)
    path = folder / "quick.db"
    with Memory.open(path, embedder="hash", settings=quick) as memory:
        id = remember(memory)
        with Peer(READER, path=path) as peer:
            peer.hear()
            (done,) = memory.forget([id], mode="delete")
            assert done.erasure == "pending"
            peer.ask()
            # The log is not empty afterwards: that it was erased is written down.
            for _ in _until(lambda: not memory.store.erasure_owed(), peer):
                pass
            assert files_holding(folder, [b"Zorblax"]) == []
            peer.say()


def _until(done: Any, peer: Peer) -> Iterator[None]:
    """Look again and again, as long as the peer's watchdog lets it live."""
    while not done():
        assert peer.process.poll() is None, "it never happened"
        yield


def test_an_erased_card_leaves_no_byte(memory: Memory, folder: Path) -> None:
    boards = memory.boards
    task = boards.tasks.create("Zorblax", description="grumblefitz")
    asked = boards.questions.ask("wobblequex?")
    boards.tasks.update(task.id, description="plain")
    sought = [b"Zorblax", b"wobblequex"]
    assert len(files_holding(folder, sought)) >= 2
    done = memory.forget([task.id, asked.id], mode="delete")
    assert [(one.state, one.erasure) for one in done] == [("deleted", "done")] * 2
    assert files_holding(folder, [*sought, b"grumblefitz"]) == []
    assert boards.tasks.list(status=()) == []


def test_a_card_is_not_archived(memory: Memory) -> None:
    task = memory.boards.tasks.create("dig")
    with pytest.raises(Conflict, match="update_task"):
        memory.forget([task.id])
    assert memory.boards.tasks.list() == [task]
