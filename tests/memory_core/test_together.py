"""Callers that meet: one text at once, keys and ids, models that change, processes that die."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from command import environment
from stopped_clock import StoppedClock
from things import files_holding

from routemem.memory_core import Memory, Scopes, Settings
from routemem.memory_core.errors import Conflict, InvalidArgument, NotFound
from routemem.memory_core.records import Erasure


def test_the_same_text_stored_by_many_at_once_is_one_memory_and_no_error(memory: Memory) -> None:
    start = threading.Barrier(6)
    got: list[tuple[str, str]] = []

    def work() -> None:
        start.wait()
        receipt = memory.remember("The ferry leaves at nine.")
        got.append((receipt.id, receipt.status))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id for id, _ in got}) == 1
    assert sorted(status for _, status in got) == ["known"] * 5 + ["stored"]


def test_a_key_that_looks_like_an_id_is_refused(memory: Memory) -> None:
    kept = memory.remember("Ann is allergic to hazelnuts.")
    with pytest.raises(InvalidArgument, match="looks like an id"):
        memory.remember("something else", key=kept.id)
    item = memory.find(kept.id)
    assert item
    assert item.text == "Ann is allergic to hazelnuts."


def test_the_key_of_another_memory_is_not_taken_over(memory: Memory) -> None:
    memory.remember("first", key="one")
    second = memory.remember("second")
    with pytest.raises(Conflict, match="belongs to"):
        memory.remember("third", id=second.id, key="one")


def test_a_retry_under_the_same_key_counts_no_copy(memory: Memory) -> None:
    first = memory.remember("said once", key="k")
    again = memory.remember("said once", key="k")
    item = memory.find(first.id)
    assert item
    assert (again.status, item.copies) == ("known", 1)


def test_a_correction_keeps_what_it_does_not_name(memory: Memory) -> None:
    kept = memory.remember(
        "The talk is on Monday.", kind="turn", tags=["work"], speaker="Ann", when="2026-03-01",
        priority=9, pinned=True, metadata={"room": 4}, source="web",
    )  # fmt: skip
    memory.remember("The talk is on Tuesday.", id=kept.id)
    item = memory.find(kept.id)
    assert item
    assert (item.text, item.kind, item.tags, item.speaker) == (
        "The talk is on Tuesday.", "turn", ("work",), "Ann",
    )  # fmt: skip
    assert (item.priority, item.pinned, dict(item.metadata)) == (9, True, {"room": 4})
    assert item.when
    assert item.trust == "untrusted"


def test_the_same_words_of_another_person_or_day_are_another_memory(memory: Memory) -> None:
    ids = {
        memory.remember("I will come", speaker="Ann", when="2024-01-01").id,
        memory.remember("I will come", speaker="Bob", when="2024-01-01").id,
        memory.remember("I will come", speaker="Bob", when="2025-01-01").id,
    }
    assert len(ids) == 3


def test_an_exchange_logged_again_later_is_kept_twice(memory: Memory, clock: StoppedClock) -> None:
    first = memory.log_turn("ok", "sure").ids
    clock.advance(seconds=30)
    assert not set(first) & set(memory.log_turn("ok", "sure").ids)


def test_one_long_text_does_not_hide_the_others_with_the_same_word(
    tmp_path: Path, settings: Settings
) -> None:
    with Memory.open(tmp_path / "m.db", embedder="none", settings=settings) as memory:
        memory.remember("zebra " * 50_000, kind="doc")
        note = memory.remember("a note on the zebra and much else that makes it long " * 3)
        assert note.id in [hit.id for hit in memory.recall("zebra").hits]


def test_a_threshold_drops_nothing_where_no_cosine_is_known(
    tmp_path: Path, settings: Settings
) -> None:
    with Memory.open(tmp_path / "m.db", embedder="none", settings=settings) as memory:
        memory.remember("tides and gauges")
        assert memory.recall("tides", threshold=0.4).hits


def test_a_live_process_searches_by_meaning_again_after_a_reindex_elsewhere(
    tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "m.db"
    with Memory.open(path, embedder="hash:64", settings=settings) as old:
        old.remember("tides and gauges")
    with Memory.open(path, embedder="hash:128", settings=settings) as live:
        assert live.recall("tides").mode == "lexical"
        with Memory.open(path, embedder="hash:128", settings=settings) as other:
            assert other.upkeep.reindex() == 1
        found = live.recall("tides")
        assert (found.mode, found.degraded) == ("hybrid", "")
        assert found.hits[0].cosine is not None


def test_vectors_of_two_models_are_never_compared_even_when_they_change_in_between(
    tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "m.db"
    with Memory.open(path, embedder="hash:64", settings=settings) as live:
        live.remember("tides and gauges")
        assert live.recall("tides").mode == "hybrid"
        with Memory.open(path, embedder="hash:128", settings=settings) as other:
            other.upkeep.reindex()
        found = live.recall("tides")
        assert found.mode == "lexical"
        assert found.hits[0].cosine is None


def test_a_fact_is_ended_or_erased_by_its_key(memory: Memory, tmp_path: Path) -> None:
    memory.set_fact("user.iban", "DE99 KWURFZEBRA")
    memory.set_fact("user.iban", "changed")
    memory.forget(["user.iban"])
    assert memory.get_fact("user.iban") is None
    assert len(memory.get_facts(["user.iban"], history=True)) == 2
    assert memory.forget(["user.iban"], mode="delete")[0].erasure == "done"
    assert memory.get_facts(["user.iban"], history=True) == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"KWURFZEBRA" in path.read_bytes() for path in files)
    with pytest.raises(NotFound, match="get_facts"):
        memory.forget(["user.iban"])


def test_one_is_not_true(memory: Memory) -> None:
    memory.set_fact("flag", 1)
    assert memory.set_fact("flag", True).status == "replaced"
    assert memory.get_fact("flag") is True


def test_an_item_named_twice_in_one_call_is_forgotten_once_and_erased(
    memory: Memory, tmp_path: Path
) -> None:
    kept = memory.remember("KWURFZEBRA in the attic", key="attic")
    (done,) = memory.forget([kept.id, "attic"], mode="delete")
    assert (done.id, done.erasure) == (kept.id, "done")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"KWURFZEBRA" in path.read_bytes() for path in files)


def test_an_erasure_owed_by_a_process_that_died_is_done_by_the_next(
    tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "m.db"
    code = (
        "import os, sys\n"
        "from routemem.memory_core import Memory, Settings\n"
        "memory = Memory.open(sys.argv[1], embedder='hash',"
        " settings=Settings(key_dir=sys.argv[2], keyring=False))\n"
        "memory.remember('KWURFZEBRA in the attic', key='attic')\n"
        "memory.upkeep.erase_log = lambda: os._exit(9)\n"
        "memory.forget(['attic'], mode='purge')\n"
    )
    run = [sys.executable, "-c", code, str(path), str(tmp_path / "key")]
    assert subprocess.run(run, env=environment(tmp_path)).returncode == 9
    with Memory.open(path, embedder="hash", settings=settings) as memory:
        assert memory.store.erasure_owed()
        memory.upkeep.round()
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert not any(b"KWURFZEBRA" in file.read_bytes() for file in files)
        assert not memory.store.erasure_owed()


def test_what_another_process_erases_meanwhile_stays_owed(
    tmp_path: Path, settings: Settings
) -> None:
    """It leaves the backups too, even if that process dies before it has erased it there."""
    path = tmp_path / "m.db"
    with (
        Memory.open(path, embedder="hash", settings=settings) as one,
        Memory.open(path, embedder="hash", settings=settings) as other,
    ):
        one.remember("KWURFZEBRA in the attic", key="attic")
        one.remember("QUOMPFLAR in the cellar", key="cellar")
        assert one.upkeep.backups
        one.upkeep.backups.make()
        flush = one.store.flush_log
        other.upkeep.erase_log = lambda: Erasure(False)  # type: ignore[method-assign]  # it dies

        def meanwhile() -> bool:
            other.forget(["cellar"], mode="purge")
            return flush()

        one.store.flush_log = meanwhile  # type: ignore[method-assign]  # in this very moment
        assert one.forget(["attic"], mode="purge")[0].erasure == "done"
        assert files_holding(tmp_path, [b"KWURFZEBRA"]) == []
        one.store.flush_log = flush  # type: ignore[method-assign]
        assert one.upkeep.round() is False
        assert files_holding(tmp_path, [b"QUOMPFLAR"]) == []
        assert not one.store.erasure_owed()


def test_a_program_that_ends_without_closing_ends_well(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from routemem.memory_core import Memory\n"
        "memory = Memory.open(sys.argv[1])\n"
        "memory.remember('A sentence of a long text about nothing. ' * 2000, kind='doc')\n"
    )
    run = [sys.executable, "-c", code, str(tmp_path / "m.db")]
    done = subprocess.run(run, env=environment(tmp_path), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_reading_a_scope_nobody_wrote_to_leaves_no_file(settings: Settings) -> None:
    with Scopes(settings) as scopes:
        assert scopes.recall("anything", scope="user:typo").hits == ()
        assert scopes.look("user:other").get_facts() == []
        assert scopes.names() == []
    assert not Path(settings.data_dir).exists()


def test_a_cursor_belongs_to_its_scope(scopes: Scopes) -> None:
    for name in ("user:ann", "user:bob"):
        for number in range(4):
            scopes.open(name).remember(f"apple number {number}")
    cursor = scopes.recall("apple", scope="user:ann", top_k=2).cursor
    with pytest.raises(InvalidArgument, match="cursor"):
        scopes.recall("apple", scope="user:bob", top_k=2, cursor=cursor)
    with pytest.raises(InvalidArgument, match="cursor"):
        scopes.recall("apple", scope="user:ann", top_k=2, cursor="9" * 5000 + "." + cursor[2:])


def test_a_restored_turn_stands_where_it_stood(memory: Memory) -> None:
    ids = [
        memory.remember(text, kind="turn", when="2026-01-01").id
        for text in ("pear", "plum", "fig", "date")
    ]
    memory.forget([ids[1]], mode="delete")
    memory.forget([ids[1]], mode="restore")
    found = memory.recall("plum", top_k=1, neighbours=1)
    assert [hit.text for hit in found.hits] == ["plum", "pear", "fig"]


@pytest.mark.parametrize("wrong", [{"recall_top_k": 100}, {"chunk_pieces": 2000}, {"postings": -1}])
def test_a_setting_outside_its_limits_is_refused_at_once(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match="expected at least"):
        Settings(**wrong)  # type: ignore[arg-type]  # whole numbers all
