"""`kill -9` at any moment: nothing acknowledged is lost, nothing deleted comes back."""

import os
import random
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from peer import Peer

from routemem.memory_core.records import Filter
from routemem.memory_core.storage.sqlite import SqliteStore

#: Rounds of the short form; the environment may ask for more.
ROUNDS = int(os.environ.get("TEST_KILLS", "10"))
#: Rounds whose writers are started already: starting takes longer than being killed.
AHEAD = 2

WRITER = """
import random
from dataclasses import replace
from things import item, put, unit, whole
from routemem.memory_core.storage.contract import Tombstone
from routemem.memory_core.storage.sqlite import SqliteStore
if hear() is None:  # nobody is left to kill it
    raise SystemExit
chance = random.Random(round)
store = SqliteStore(path, "global", "a", now=0.0)
mine = []
say(["open", "", ""])
for number in range(100_000):
    text = f"round {round} number {number} " + "of the harbour " * chance.randrange(60)
    kind = chance.choice(["insert", "insert", "insert", "rewrite", "erase", "fold", "compact"])
    if kind == "insert" or not mine:
        kept = put(store, text, vectors=unit(1, 2, 3), tags=("t",))
        mine.append(kept)
        say(["insert", kept.id, text])
    elif kind == "rewrite":
        old = mine[chance.randrange(len(mine))]
        with store.atomic():
            store.rewrite(replace(item(text), row=old.row, id=old.id), whole(text))
        say(["insert", old.id, text])
    elif kind == "erase":
        old = mine.pop(chance.randrange(len(mine)))
        say(["erasing", old.id, ""])
        with store.atomic():
            store.erase(old.row)
            store.bury(Tombstone(old.id, "deleted", 1.0, b"sealed"), 0.0)
        say(["erase", old.id, ""])
    elif kind == "fold":
        store.flush_log()
    elif chance.random() < 0.1:
        store.compact()
"""


class Ledger:
    """What the writers acknowledged, checked against what is in the file.

    Attributes:
        kept: the last acknowledged text of each id that was not deleted.
        unsure: ids whose deletion was begun and not acknowledged.
        erased: ids whose deletion was acknowledged.
        acknowledged: how many commits were.
    """

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.unsure: set[str] = set()
        self.erased: set[str] = set()
        self.acknowledged = 0

    def take(self, said: list[str]) -> None:
        kind, id, text = said
        self.acknowledged += kind in ("insert", "erase")
        if kind == "insert":
            self.kept[id] = text
        elif kind == "erasing":
            self.unsure.add(id)
        elif kind == "erase":
            self.unsure.discard(id)
            self.kept.pop(id)
            self.erased.add(id)

    def check(self, path: Path, *, deep: bool) -> None:
        store = SqliteStore(path, "global", "a", now=0.0)
        there = {i.id: i.text for i in store.items(store.matching(Filter()).tolist()).values()}
        for id in self.unsure - there.keys():  # killed between the commit and the acknowledgement
            self.kept.pop(id)
            self.erased.add(id)
        self.unsure.clear()
        assert not self.kept.keys() - there.keys()
        assert not self.erased & there.keys()
        # An update may have been committed and not acknowledged: the text is then a later one.
        assert all(_age(there[id]) >= _age(text) for id, text in self.kept.items())
        assert all(there[id] == t for id, t in self.kept.items() if _age(there[id]) == _age(t))
        if deep:
            _check_deeply(store, len(there))
        store.close()


def _age(text: str) -> tuple[int, int]:
    _, of_round, _, number, *_ = text.split()
    return int(of_round), int(number)


def _check_deeply(store: SqliteStore, items: int) -> None:
    assert store.db.value("pragma integrity_check") == "ok"
    with store.atomic():
        store.db.execute("insert into words(words, rank) values('integrity-check', 1)")
    counts = store.counts()
    assert counts["items"] == counts["chunks"] == items


def writers_of_rounds(path: Path, rounds: int, writers: int) -> Iterator[list[Peer]]:
    """The writers of each round, which wait for a word to begin."""
    waiting: deque[list[Peer]] = deque()
    try:
        for number in range(rounds):
            numbers = range(number * writers, (number + 1) * writers)
            waiting.append([Peer(WRITER, path=path, round=each) for each in numbers])
            if len(waiting) > AHEAD:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        for peer in (peer for peers in waiting for peer in peers):
            peer.kill()


def kill_again_and_again(path: Path, rounds: int, writers: int) -> Ledger:
    """Kill all writers at a moment of their work, check what is left; that many times."""
    chance = random.Random(rounds)
    ledger = Ledger()
    for number, peers in enumerate(writers_of_rounds(path, rounds, writers)):
        for peer in peers:
            peer.say("begin")
        for peer in peers:
            for _ in range(chance.choice((1, 2, 5, 20, 60))):
                ledger.take(peer.hear())
        for peer in peers:
            peer.process.kill()
        for peer in peers:
            for said in peer.rest():
                ledger.take(said)
            peer.__exit__(None, None, None)
        ledger.check(path, deep=number % 10 == 0 or number == rounds - 1)
    return ledger


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    ledger = kill_again_and_again(tmp_path / "store.db", rounds=ROUNDS, writers=1)
    assert ledger.acknowledged >= ROUNDS
    assert ledger.erased


def test_killed_writers_lose_nothing_while_others_go_on(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "store.db", rounds=max(3, ROUNDS // 6), writers=3)


@pytest.mark.slow
def test_a_thousand_kills_lose_nothing(tmp_path: Path) -> None:
    ledger = kill_again_and_again(tmp_path / "store.db", rounds=1000, writers=1)
    assert ledger.acknowledged >= 1000
