"""Four server processes at work on the same scope files, as the clients of one person's machine.

Every call is answered and none fails; what one was told is stored, the others find at their very
next look; all four get their share. Each server is driven by a thread of its own, one call at a
time, as a client does.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routemem.memory_core import Scopes, Settings
from routemem.memory_core.storage.sqlite import SqliteStore

from .client import Gone, Hung, Server
from .part import Found, Watch

SERVERS = 4
SCOPES = ("user:ann", "project:boat")
#: What a write may take, 99 of 100, milliseconds.
GOAL_P99 = 250
#: Smallest share of the busiest server's work that each of them may have done.
GOAL_SHARE = 0.7
WORDS = ("harbour", "gauge", "lamp", "tide", "crane", "ferry", "mole", "buoy")


@dataclass
class Board:
    """What every server was told, for the others to check. One lock, held for a moment.

    Attributes:
        texts: id -> scope and text of every memory that is there.
        facts: key -> scope and the last acknowledged value.
        gone: ids whose deletion was acknowledged, with the scope.
        latest: id or key last acknowledged by each server, for the others' first look.
    """

    guard: threading.Lock = field(default_factory=threading.Lock)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    facts: dict[str, tuple[str, int]] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    latest: dict[int, str] = field(default_factory=dict)


class Client:
    """One of the four."""

    def __init__(self, number: int, folder: Path, board: Board, size: int) -> None:
        self.number = number
        self.board = board
        self.size = size
        self.done = 0
        self.errors: list[str] = []
        self.stale = 0
        self.writes: list[float] = []
        self.mine: list[str] = []
        self._chance = random.Random(number)
        self._server = Server(folder)

    def work(self, stop: threading.Event, watch: Watch) -> None:
        """Do the operations; ends early when the time is up."""
        try:
            while self.done < self.size and not (watch.over() or stop.is_set()):
                self._step()
                self.done += 1
        except (Gone, Hung) as error:
            self.errors.append(type(error).__name__)
            stop.set()

    def leave(self) -> None:
        """Hang up."""
        self._server.leave()

    def _step(self) -> None:
        kinds = ("remember", "fact", "delete", "look", "search")
        kind = self._chance.choices(kinds, (30, 15, 5, 35, 15))[0]
        try:
            getattr(self, f"_{kind}")()
        except AssertionError as error:
            self.errors.append(str(error)[:200])

    def _timed(self, tool: str, **arguments: Any) -> dict[str, Any]:
        start = time.perf_counter()
        said = self._server.call(tool, **arguments)
        self.writes.append((time.perf_counter() - start) * 1000)
        return said

    def _remember(self) -> None:
        scope = self._chance.choice(SCOPES)
        text = f"server {self.number} number {self.done} " + " ".join(
            self._chance.choices(WORDS, k=self._chance.choice((5, 20, 60)))
        )
        id = str(self._timed("remember", content=text, scope=scope)["id"])
        self.mine.append(id)
        with self.board.guard:
            self.board.texts[id] = scope, text
            self.board.latest[self.number] = id

    def _fact(self) -> None:
        scope, key = self._chance.choice(SCOPES), f"server{self.number}.fact{self.done % 5}"
        key = f"{scope.partition(':')[0]}.{key}"
        self._timed("set_fact", key=key, value=self.done, scope=scope)
        with self.board.guard:
            self.board.facts[key] = scope, self.done
            self.board.latest[self.number] = key

    def _delete(self) -> None:
        if not self.mine:
            return
        id = self.mine.pop(self._chance.randrange(len(self.mine)))
        with self.board.guard:  # from now on nobody may rely on it
            scope, _ = self.board.texts.pop(id)
        self._timed("forget", ids=[id], mode="delete", scope=scope)
        with self.board.guard:
            self.board.gone[id] = scope
            self.board.latest[self.number] = id

    def _look(self) -> None:
        """At what another server was told last: it must be seen at once."""
        with self.board.guard:
            others = [ref for number, ref in self.board.latest.items() if number != self.number]
            if not others:
                return
            ref = self._chance.choice(others)
            text, fact, gone = (
                self.board.texts.get(ref), self.board.facts.get(ref), self.board.gone.get(ref)
            )  # fmt: skip
        if fact is not None:
            found = self._server.call("get_facts", keys=[ref], scope=fact[0])["facts"]
            self.stale += not found or int(found[0]["value"]) < fact[1]
        elif text is not None or gone is not None:
            scope = text[0] if text is not None else str(gone)
            hits = self._server.call("recall", ids=[ref], scope=scope, format="detailed")["hits"]
            if text is None:
                self.stale += bool(hits)
            elif not hits or hits[0]["text"] != text[1]:
                with self.board.guard:  # its writer may have begun to delete it meanwhile
                    self.stale += ref in self.board.texts

    def _search(self) -> None:
        scope = self._chance.choice(SCOPES)
        self._server.call("recall", query=" ".join(self._chance.choices(WORDS, k=3)), scope=scope)


def run(size: int, folder: Path, watch: Watch) -> Found:
    """Run ``size`` operations in each of the four servers."""
    board, stop = Board(), threading.Event()
    clients = [Client(number, folder, board, size) for number in range(SERVERS)]
    threads = [threading.Thread(target=client.work, args=(stop, watch)) for client in clients]
    for thread in threads:
        thread.start()
    shares = _share_at_the_first_end(clients, threads)
    for thread in threads:
        thread.join()
    for client in clients:
        client.leave()
    writes = sorted(ms for client in clients for ms in client.writes)
    p99 = writes[int(len(writes) * 0.99)] if writes else 0.0
    share = round(min(shares) / max(shares), 2)
    losses = {
        "errors": sum(len(client.errors) for client in clients),
        "stale first looks": sum(client.stale for client in clients),
        **_what_is_on_disk(folder, board),
    }
    counts = {
        "operations": sum(client.done for client in clients),
        "writes": len(writes),
        "write p50 ms": round(writes[len(writes) // 2], 1),
        "write p99 ms": round(p99, 1),
        "write max ms": round(writes[-1], 1),
        "least share": share,
        "first errors": [error for client in clients for error in client.errors][:3],
    }
    unmet = []
    if p99 > GOAL_P99:
        unmet.append(f"write p99 {GOAL_P99} ms")
    if share < GOAL_SHARE:
        unmet.append(f"shares within {GOAL_SHARE}")
    return Found(counts, losses, tuple(unmet))


def _share_at_the_first_end(clients: list[Client], threads: list[threading.Thread]) -> list[int]:
    """What each has done when the first is through."""
    while all(thread.is_alive() for thread in threads):
        time.sleep(0.01)
    return [max(1, client.done) for client in clients]


def _what_is_on_disk(folder: Path, board: Board) -> dict[str, int]:
    own = Settings(
        data_dir=str(folder / "data"), key_dir=str(folder / "key"), keyring=False, embedder="hash"
    )
    lost = resurrected = broken = 0
    with Scopes(own) as scopes:
        for id, (scope, text) in board.texts.items():
            item = scopes.open(scope).find(id)
            lost += item is None or item.text != text
        for key, (scope, value) in board.facts.items():
            lost += scopes.open(scope).get_fact(key) != value
        for id, scope in board.gone.items():
            resurrected += scopes.open(scope).find(id) is not None
        for scope in SCOPES:
            store = scopes.open(scope).store
            assert isinstance(store, SqliteStore)
            broken += store.db.value("pragma integrity_check") != "ok"
            with store.atomic():
                store.db.execute("insert into words(words, rank) values('integrity-check', 1)")
    return {"acknowledged lost": lost, "deletes resurrected": resurrected, "integrity": broken}
