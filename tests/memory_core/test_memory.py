"""One open scope, used as a library."""

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from command import environment
from dict_store import DictStore
from letters import Broken, FirstLetter
from stopped_clock import StoppedClock

from routemem.memory_core.embedding.embedder import Encoded
from routemem.memory_core.errors import InvalidArgument, NotFound
from routemem.memory_core.memory import Memory
from routemem.memory_core.settings import Settings


def texts(memory: Memory, query: str = "", **options: Any) -> list[str]:
    return [hit.text for hit in memory.recall(query, **options).hits]


def embed_all(memory: Memory) -> None:
    while memory.upkeep.backfill():
        pass
    assert memory.status().pending == 0


def again(path: Path, settings: Settings, embedder: str = "hash") -> Memory:
    """The file of the ``memory`` fixture, opened once more."""
    return Memory.open(path / "memory.db", embedder=embedder, settings=settings)


# ---------------------------------------------------------------------- by meaning


def test_three_sentences_are_recalled_by_meaning_with_nothing_set_up() -> None:
    with Memory.open(None) as memory:
        memory.remember("The user likes dark mode in every application.")
        memory.remember("Staging runs on port 8443 behind the proxy.")
        memory.remember("Bread rises faster next to the oven.")
        found = memory.recall("what are the user's UI preferences?")
        assert found.mode == "hybrid"
        assert "dark mode" in found.hits[0].text


def test_the_model_in_the_package_reports_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    env = environment(tmp_path, HOME=str(tmp_path), TMPDIR=str(tmp_path / "tmp"))
    code = "from routemem.memory_core import load_embedder; load_embedder().encode(['x'])"
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    # Its runtime would leave an id of this machine and a list of what it is going to send.
    assert [path.name for path in tmp_path.rglob("*")] == ["tmp"]


def test_a_memory_without_a_path_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Memory.open(None, embedder="hash") as memory:
        memory.remember("in memory only")
        assert texts(memory, "memory") == ["in memory only"]
    assert list(tmp_path.iterdir()) == []


def test_an_embedder_and_a_store_of_ones_own_will_do() -> None:
    memory = Memory(DictStore("global", "a"), FirstLetter, clock=StoppedClock())
    memory.remember("anchor")
    memory.remember("bread")
    assert texts(memory, "butter", threshold=0.5) == ["bread"]
    memory.close()


# ---------------------------------------------------------------------- ids, keys, numbers


def test_the_same_key_again_replaces_and_is_found_once(memory: Memory) -> None:
    first = memory.remember("we meet in the library", key="meeting")
    second = memory.remember("we meet in the harbour", key="meeting", metadata={"room": 3})
    assert (second.id, second.status) == (first.id, "updated")
    found = memory.recall("where do we meet").hits
    assert [(hit.id, hit.text) for hit in found] == [(first.id, "we meet in the harbour")]
    assert texts(memory, "library", threshold=0.2) == []
    for ref in (first.id, "meeting"):
        assert texts(memory, ids=[ref]) == ["we meet in the harbour"]
    assert memory.forget(["meeting"])[0].id == first.id
    with pytest.raises(NotFound, match="elsewhere"):
        memory.remember("x", id="elsewhere")


@pytest.mark.parametrize("text", ["the plan is in the blue folder", "the plan has moved"])
def test_a_replacement_keeps_what_is_left_out_and_takes_what_is_said(
    memory: Memory, text: str
) -> None:
    said = "the plan is in the blue folder"
    id = memory.remember(said, pinned=True, priority=9, key="plan").id
    fields: tuple[tuple[dict[str, Any], str], ...] = (
        ({}, ""),
        ({"pinned": False}, ""),
        ({"priority": 5}, "plan"),
    )
    for field, key in fields:
        memory.remember(text, id="" if key else id, key=key, **field)
        item = memory.find(id)
        assert item
        wanted = {} if not field else {"pinned": False} | field
        assert (item.pinned, item.priority) == (
            wanted.get("pinned", True), wanted.get("priority", 9),
        )  # fmt: skip


def test_as_many_hits_come_as_are_asked_for(memory: Memory) -> None:
    for number in range(50):
        memory.remember(f"swallow number {number}", metadata={"number": number})
    found = memory.recall("swallow", top_k=20, max_tokens=5000)
    assert len(found.hits) == 20
    assert found.stored == 50
    for hit in found.hits:
        assert hit.text == f"swallow number {hit.metadata['number']}"
        assert hit.id
        assert hit.score == hit.score
    assert [hit.score for hit in found.hits] == sorted((h.score for h in found.hits), reverse=True)


def test_no_hit_is_dropped_for_its_score_unless_asked(memory: Memory) -> None:
    memory.remember("swallows fly south")
    memory.remember("bread rises")
    assert len(memory.recall("swallows").hits) == 2
    for threshold in (0.05, 0.3, 0.6):
        for hit in memory.recall("swallows fly", threshold=threshold).hits:
            assert hit.cosine is not None
            assert hit.cosine >= threshold
    assert texts(memory, "swallows fly", threshold=0.3) == ["swallows fly south"]
    with pytest.raises(InvalidArgument, match="threshold"):
        memory.recall("x", threshold=1.5)


def test_kinds_are_filtered_before_the_ranking(memory: Memory) -> None:
    for number in range(30):
        memory.remember(f"swallow swallow {number}")
    for number in range(10):
        memory.remember(f"a page that names the swallow once, {number}", kind="doc")
    found = memory.recall("swallow", kinds=["doc"], top_k=8, max_tokens=5000)
    assert len(found.hits) == 8
    assert {hit.kind for hit in found.hits} == {"doc"}


# ---------------------------------------------------------------------- the same text


def test_a_text_that_is_too_large_is_refused_whole(memory: Memory) -> None:
    for text in ("x" * (memory.settings.max_content + 1), "日" * 3_500_000):
        with pytest.raises(InvalidArgument, match="store it in parts"):
            memory.remember(text)
    assert memory.store.count_items() == 0


def test_one_text_stored_three_times_is_one_item_held_three_times(memory: Memory) -> None:
    receipts = [memory.remember("said often") for _ in range(3)]
    assert [receipt.status for receipt in receipts] == ["stored", "known", "known"]
    assert len({receipt.id for receipt in receipts}) == 1
    assert (memory.status().chunks, memory.status().items["active"]) == (1, 1)
    id = receipts[0].id
    assert [memory.upkeep.release(id) for _ in range(2)] == [2, 1]
    assert memory.upkeep.gc().items == 0
    assert texts(memory, "said often") == ["said often"]
    assert memory.upkeep.release(id) == 0
    assert memory.upkeep.gc().items == 1
    assert memory.find(id) is None


def test_two_texts_with_equal_vectors_are_two_memories() -> None:
    with Memory.open(None, embedder=FirstLetter()) as memory:
        memory.remember("anchor")
        memory.remember("arrow")
        assert set(texts(memory, "a", threshold=0.9)) == {"anchor", "arrow"}


def test_the_same_turn_is_one_memory_and_said_by_another_it_is_another(memory: Memory) -> None:
    said: dict[str, Any] = {"kind": "turn", "when": "2026-01-05"}
    first = memory.remember("Good morning", speaker="Ann", **said)
    assert memory.remember("Good morning", speaker="Ann", **said).id == first.id
    assert memory.remember("Good morning", speaker="Bob", **said).id != first.id
    assert memory.status().items["active"] == 2


def test_a_text_is_looked_up_without_being_embedded(tmp_path: Path, settings: Settings) -> None:
    with again(tmp_path, settings) as memory:
        note = memory.remember("Café on the corner").id
        page = memory.remember("Café on the corner", kind="doc").id
    with Memory.open(tmp_path / "memory.db", embedder=Broken(), settings=settings) as memory:
        assert set(memory.reading.lookup("Cafe\u0301 on the corner ")) == {note, page}
        assert memory.reading.lookup("Café on the corner", kind="doc") == [page]
        assert memory.reading.lookup("café on the corner") == []


# ---------------------------------------------------------------------- long texts


def document() -> tuple[str, str]:
    """A text of 160 kB, and the sentence at its end."""
    lines = (
        f"Page {n} tells of tides, gauges, storms and repairs in the harbour." for n in range(9999)
    )
    last = "The lighthouse keeper's parrot is called Admiral Byrd."
    return "\n".join(lines)[:160_000] + "\n" + last, last


def test_a_long_document_is_whole_and_its_end_is_found_at_once_and_by_meaning_later(
    memory: Memory,
) -> None:
    text, last = document()
    memory.remember("a short note")
    receipt = memory.remember(text, kind="doc")
    assert receipt.chunks > 100
    assert receipt.pending
    assert "follows in the background" in receipt.note
    found = memory.recall("what is the parrot of the lighthouse keeper called")
    assert last in found.hits[0].text
    assert not found.hits[0].whole
    embed_all(memory)
    found = memory.recall("what is the parrot of the lighthouse keeper called")
    assert last in found.hits[0].text
    assert found.hits[0].cosine is not None
    item = memory.find(receipt.id)
    assert item
    assert item.text == text
    assert 0 < len(item.summary) < len(text) / 50


def test_what_another_thread_embedded_meanwhile_ends_no_backfill() -> None:
    class Overtaken(FirstLetter):
        """While it embeds, another thread embeds the same."""

        other: Callable[[], object] | None = None

        def encode(self, texts: Sequence[str]) -> Encoded:
            other, self.other = self.other, None
            if other is not None:
                other()
            return super().encode(texts)

    model = Overtaken()
    settings = Settings(embed_at_once=1, flush_seconds=3600, keyring=False)
    with Memory.open(None, embedder=model, settings=settings) as memory:
        memory._rooms.caretaker.stop()
        memory.remember("river" * 1200, kind="doc")
        assert memory.status().pending > 4
        model.other = lambda: memory.upkeep.backfill(2)
        assert memory.upkeep.backfill(2) == 2
        while memory.upkeep.backfill(2):
            pass
        assert memory.status().pending == 0


@pytest.mark.slow
def test_the_end_of_a_long_document_is_found_in_other_words() -> None:
    text, last = document()
    with Memory.open(None) as memory:
        memory.remember(text, kind="doc")
        embed_all(memory)
        found = memory.recall("which bird lives in the beacon tower, and what is its name")
        assert last in found.hits[0].text


def test_reading_by_id_gives_every_byte_in_pages_and_counts_the_reads(memory: Memory) -> None:
    text = "ünï\r\n\tcode \u2028 日本 \U0001f600 " * 900 + "end  \n"
    id = memory.remember(text).id
    pages, cursor = [], ""
    while True:
        found = memory.recall(ids=[id], max_tokens=1500, cursor=cursor)
        pages += [hit.text for hit in found.hits]
        cursor = found.cursor
        if not cursor:
            break
    assert "".join(pages) == text
    memory.remember("the next write carries the counts along")
    item = memory.find(id)
    assert item
    assert item.access_count == len(pages) > 1


def test_a_budget_too_small_for_any_page_gives_no_cursor_to_follow_for_ever(memory: Memory) -> None:
    id = memory.remember("apples and pears " * 400).id
    found = memory.recall(ids=[id], max_tokens=36, cost=lambda hit: 50 + len(hit.text))
    assert (found.hits, found.left_out, found.cursor) == ((), 1, "")


# ---------------------------------------------------------------------- together


def test_threads_that_store_and_recall_at_once_lose_nothing(memory: Memory) -> None:
    failed: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for number in range(25):
                memory.remember(f"thread {thread} says {number}")
                assert memory.recall(f"thread {thread} says {number}").hits
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    status = memory.status()
    assert (status.items["active"], status.chunks, status.pending) == (150, 150, 0)
    for n in range(6):
        assert texts(memory, f"thread {n} says 24")[0] == f"thread {n} says 24"


def test_audit_rows_say_what_was_done_and_hold_no_content(tmp_path: Path) -> None:
    store = DictStore("global", "a")
    settings = Settings(key_dir=str(tmp_path), keyring=False)
    with Memory(store, FirstLetter, settings=settings, clock=StoppedClock()) as memory:
        memory.note("recall", ms=1.5, ok=True)
        memory.note("remember", ms=2.0, ok=False)
        id = memory.remember("anchor of zanzibar").id
        memory.forget([id], mode="purge", reason="zanzibar")
    rows = [(op, item, ms, ok) for _, op, item, ms, ok, _ in store.audit]
    assert rows == [
        ("recall", "", 1.5, True), ("remember", "", 2.0, False), ("forget:purge", id, 0.0, True),
    ]  # fmt: skip
    assert "zanzibar" not in repr(store.audit)
