from typing import Any

import pytest
from dict_store import DictStore
from peer import Peer
from things import put

from routemem.memory_core.errors import WriteTimeout
from routemem.memory_core.ledger import MOST, Ledger
from routemem.memory_core.storage.sqlite import SqliteStore


@pytest.fixture
def small() -> DictStore:
    return DictStore("global", "a")


def reads(store: Any, id: str) -> tuple[int, float]:
    found = store.find(id)
    return found.access_count, found.accessed_at


def test_reads_and_notes_are_written_when_flushed(small: DictStore) -> None:
    kept, ledger = put(small, "one"), Ledger(small, writes=True)
    ledger.touch([kept.id, "a-99"], 5.0)
    ledger.touch([kept.id], 6.0)
    ledger.note("recall", at=6.0, ms=1.23456, ok=False)
    assert reads(small, kept.id) == (0, 0.0)
    assert len(ledger) == 3
    ledger.flush()
    assert reads(small, kept.id) == (2, 6.0)
    assert small.audit == [(6.0, "recall", "", 1.235, False, "")]
    assert len(ledger) == 0
    ledger.flush()
    assert reads(small, kept.id) == (2, 6.0)


def test_a_read_only_process_keeps_no_ledger(small: DictStore) -> None:
    kept, ledger = put(small, "one"), Ledger(small, writes=False)
    ledger.touch([kept.id], 5.0)
    ledger.note("recall", at=5.0)
    ledger.flush()
    assert (len(ledger), reads(small, kept.id), small.audit) == (0, (0, 0.0), [])


def test_what_could_not_be_written_waits_for_the_next_time(store: SqliteStore) -> None:
    kept = put(store, "one")
    code = """
from routemem.memory_core.storage.lock import WriterLock
with WriterLock(path, 10.0):
    say("held")
    hear()
"""
    impatient = SqliteStore(store.db.path, "global", "a", now=0.0, deadline=0.05)
    ledger = Ledger(impatient, writes=True)
    ledger.touch([kept.id], 5.0)
    ledger.note("recall", at=5.0)
    with Peer(code, path=store.db.path) as peer:
        peer.hear()
        with pytest.raises(WriteTimeout):
            ledger.flush()
        ledger.touch([kept.id], 4.0)
        peer.say()
    ledger.flush()
    assert reads(store, kept.id) == (2, 5.0)
    assert store.db.value("select count(*) from audit") == 1


def test_a_process_that_never_writes_keeps_only_so_much(small: DictStore) -> None:
    ledger = Ledger(small, writes=True)
    for number in range(MOST + 5):
        ledger.note("recall", at=float(number))
    assert len(ledger) == MOST
    ledger.flush()
    assert small.audit[0][0] == 5.0


def test_an_empty_flush_takes_no_lock(store: SqliteStore) -> None:
    with Peer(
        "from routemem.memory_core.storage.lock import WriterLock\n"
        "with WriterLock(path, 10.0): say('held'); hear()",
        path=store.db.path,
    ) as peer:
        peer.hear()
        Ledger(
            SqliteStore(store.db.path, "global", "a", now=0.0, deadline=0.01), writes=True
        ).flush()
        peer.say()
