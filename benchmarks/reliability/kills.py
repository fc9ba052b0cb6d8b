"""`kill -9` in the middle of mixed work over stdio: what was acknowledged must be there.

Each round starts a server on the files the last kill left, looks at what that kill may have cost,
keeps four calls under way and stops the whole process at a random moment. While it stands still the
writer lock tells whether the kill hits an open write. Answers that were on their way count.
"""

import random
import time
from pathlib import Path
from typing import Any

from routemem.memory_core import Scopes, Settings
from routemem.memory_core.errors import StorageError
from routemem.memory_core.storage.lock import WriterLock
from routemem.memory_core.storage.registry import file_name
from routemem.memory_core.storage.sqlite import SqliteStore

from .client import Gone, Hung, Server, group_left
from .mixed_work import Call, Told, Work
from .nursery import Nursery
from .part import Found, Watch

#: Calls under way at a time.
WINDOW = 4
#: Rounds between two servers that import everything anew; the others are forked, see `nursery`.
FRESH = 10
#: Rounds between two looks at everything there is.
DEEP = 25
#: Passages from which on an index is packed in the rounds in which one is built.
PACKED = "60"
#: Answers that an index build is waited for at most.
MOST_ANSWERS = 600


class Kills:
    """The program; see the module."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._chance = random.Random(seed)
        self._told = Told()
        self._work = Work(self._told, self._chance)
        self._file = folder / "data" / file_name("global")
        self.losses: dict[str, int] = dict.fromkeys(
            ("acknowledged lost", "deletes resurrected", "failed starts", "errors", "hung",
             "integrity", "left processes"), 0,
        )  # fmt: skip
        self.inside_a_write = 0
        self.inside_a_build = 0
        self.deep = 0
        self._dead: list[int] = []
        self.fresh = 0
        self._nursery = Nursery()

    def close(self) -> None:
        """End what makes the servers."""
        self._nursery.close()

    def run(self, rounds: int, watch: Watch) -> Found:
        """Kill that many times, or as often as there is time."""
        for number in watch.up_to(rounds):
            self._round()
            if number % DEEP == DEEP - 1:
                self._look_at_everything()
        self._look_at_everything()
        kills = watch.done
        share = self.inside_a_write / kills
        counts = {
            "kills": kills,
            "inside an open write": self.inside_a_write,
            "share inside": round(share, 3),
            "inside an index build": self.inside_a_build,
            "acknowledged": sum(self._work.counts.values()),
            **self._work.counts,
            "memories at the end": len(self._told.texts),
            "checks of everything": self.deep,
            "starts of a fresh interpreter": self.fresh,
        }
        missed = () if share >= 0.2 else ("at least a fifth of the kills inside an open write",)
        return Found(counts, self.losses, missed)

    def _start(self, *, fresh: bool) -> Server:
        """A server of its own interpreter, or of one that has imported everything."""
        self.fresh += fresh
        nursery = None if fresh else self._nursery
        flags = ("--toolsets", "default,routing")
        packed = PACKED if self._work.builds else "14000"
        return Server(self._folder, *flags, nursery=nursery, ROUTEMEM_FLAT_UNTIL=packed)

    def _round(self) -> None:
        try:
            server = self._start(fresh=self._work.round % FRESH == 0)
            self._look_at_what_was_open(server)
        except (Gone, Hung, AssertionError):
            self.losses["failed starts"] += 1
            self._work.forget_busy()
            return
        under_way: dict[int, Call] = {}
        try:
            self._keep_busy(server, under_way)
        except (Gone, Hung):
            self.losses["hung"] += 1
        self._kill(server, under_way)
        self._work.forget_busy()

    def _keep_busy(self, server: Server, under_way: dict[int, Call]) -> None:
        most = self._chance.choice((0, 1, 2, 3, 5, 8, 13, 21, 55))
        builds = self._work.counts["build"]
        answers = 0
        while True:
            while len(under_way) < WINDOW:
                call = self._work.draw()
                under_way[server.start(call.tool, call.arguments)] = call
            waits = self._work.patient and self._work.counts["build"] == builds
            if answers >= (MOST_ANSWERS if waits else most):
                break
            answers += 1
            self._take(server.receive(), under_way)
        until = time.perf_counter() + self._chance.random() * 0.02
        while time.perf_counter() < until:
            pass

    def _take(self, message: dict[str, Any], under_way: dict[int, Call]) -> None:
        call = under_way.pop(message["id"])
        self.losses["errors"] += not self._work.settle(call, message)

    def _kill(self, server: Server, under_way: dict[int, Call]) -> None:
        server.stop()
        self.inside_a_write += self._is_locked()
        self.inside_a_build += len(group_left(server.process.pid)) > 1
        for message in server.kill():
            if message["id"] in under_way:
                self._take(message, under_way)
        self._dead.append(server.process.pid)

    def _is_locked(self) -> bool:
        lock = WriterLock(self._file, deadline=0.001)
        try:
            lock.acquire()
        except StorageError:
            return self._file.parent.exists()  # else nothing was written yet
        lock.release()
        return False

    def _look_at_what_was_open(self, server: Server) -> None:
        """What the last kill caught, and some of the rest, over the protocol."""
        told = self._told
        for key in [*told.open_texts]:
            self._judge_text(key, _text_of(server, key))
        some = self._chance.sample(sorted(told.texts), min(15, len(told.texts)))
        found = _texts(server, [told.ids[key] for key in some])
        for key in some:
            id = told.ids[key]
            self._judge_text(key, (id, found[id]) if id in found else None)
        if told.open_facts:
            facts = server.call("get_facts", keys=[*told.open_facts])["facts"]
            values = {fact["key"]: fact["value"] for fact in facts}
            for key in [*told.open_facts]:
                self._judge_fact(key, values.get(key))
        gone = self._chance.sample(sorted(told.gone), min(10, len(told.gone)))
        self.losses["deletes resurrected"] += len(_texts(server, gone))

    def _judge_text(self, key: str, found: tuple[str, str] | None) -> None:
        """Compare the id and text of a memory with what clients were told."""
        told = self._told
        accepted = {told.texts.get(key)}
        if key in told.open_texts:
            accepted.add(told.open_texts.pop(key))
        self.losses["acknowledged lost"] += (found and found[1]) not in accepted
        if found is None:
            told.texts.pop(key, None)
            told.gone.add(key)
        else:
            told.texts[key] = found[1]
            told.ids[key] = found[0]

    def _judge_fact(self, key: str, found: object) -> None:
        told = self._told
        accepted = {told.facts.get(key), told.open_facts.pop(key, None)}
        self.losses["acknowledged lost"] += found not in accepted
        if isinstance(found, int):
            told.facts[key] = found

    def _look_at_everything(self) -> None:
        """Every memory, every fact, every deletion, the file itself, and what still runs."""
        self.deep += 1
        self.losses["left processes"] += sum(map(_outlived, self._dead))
        self._dead.clear()
        server = self._start(fresh=True)
        self._look_at_what_was_open(server)
        server.leave()
        own = Settings(
            data_dir=str(self._folder / "data"),
            key_dir=str(self._folder / "key"),
            keyring=False,
            embedder="hash",
        )
        with Scopes(own) as scopes:
            memory = scopes.open()
            for key, text in self._told.texts.items():
                item = memory.find(key)
                self.losses["acknowledged lost"] += item is None or item.text != text
            for key in self._told.gone:
                self.losses["deletes resurrected"] += memory.find(key) is not None
            for key, value in self._told.facts.items():
                self.losses["acknowledged lost"] += memory.get_fact(key) != value
            reached = memory.index.report().get("generation") or 0
            self.losses["acknowledged lost"] += reached < self._told.built
            store = memory.store
            assert isinstance(store, SqliteStore)
            self.losses["integrity"] += store.db.value("pragma integrity_check") != "ok"
            with store.atomic():
                store.db.execute("insert into words(words, rank) values('integrity-check', 1)")


def _text_of(server: Server, key: str) -> tuple[str, str] | None:
    """Id and text of what a key names."""
    return next(iter(_texts(server, [key]).items()), None)


def _texts(server: Server, refs: list[str]) -> dict[str, str]:
    """Texts by id of those that are there."""
    if not refs:
        return {}
    found = server.call("recall", ids=refs, format="detailed", max_tokens=25_000)
    return {str(hit["id"]): str(hit["text"]) for hit in found["hits"]}


def _outlived(leader: int) -> int:
    """Children of a dead server that do not end by themselves within two minutes."""
    until = time.monotonic() + 120
    while left := group_left(leader):
        if time.monotonic() > until:
            return len(left)
        time.sleep(0.02)
    return 0


def run(rounds: int, folder: Path, watch: Watch) -> Found:
    """Kill a server ``rounds`` times."""
    kills = Kills(folder, seed=rounds)
    try:
        return kills.run(rounds, watch)
    finally:
        kills.close()
