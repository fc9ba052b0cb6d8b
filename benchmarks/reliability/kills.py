"""`kill -9` in the middle of mixed work over stdio: what was acknowledged must be there.

Each round starts a server on the files the last kill left, looks at what that kill may have cost,
keeps four calls under way and stops the whole process at a random moment. While it stands still the
writer lock tells whether the kill hits an open write. Answers that were on their way count.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routemem.memory_core import Scopes, Settings
from routemem.memory_core.errors import StorageError
from routemem.memory_core.storage.lock import WriterLock
from routemem.memory_core.storage.registry import file_name
from routemem.memory_core.storage.sqlite import SqliteStore

from .client import Gone, Hung, Server, group_left
from .nursery import Nursery
from .part import Found, Watch

#: Calls under way at a time.
WINDOW = 4
FACTS = 20
#: Rounds between two servers that import everything anew; the others are forked, see `nursery`.
FRESH = 10
#: Rounds between two looks at everything there is.
DEEP = 25
#: Share of the rounds in which an index is built, by another process, and passages it is built for.
BUILDS, PACKED = 0.25, "60"
#: Share of these rounds that are not killed before a build was acknowledged, and the answers that
#: are waited for at most.
PATIENT, MOST_ANSWERS = 0.4, 600


@dataclass
class Told:
    """What clients were told, and what they were still waiting for when the server died.

    Attributes:
        texts: key -> acknowledged text of every memory that is there.
        open_texts: key -> what else it may be: an update that was not acknowledged, None: gone.
        gone: keys whose deletion was acknowledged.
        facts: key -> acknowledged value.
        open_facts: key -> the value that was not acknowledged.
        ids: key -> id.
        built: how far the newest acknowledged generation of the index reaches in the change log.
    """

    texts: dict[str, str] = field(default_factory=dict)
    open_texts: dict[str, str | None] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    facts: dict[str, int] = field(default_factory=dict)
    open_facts: dict[str, int] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    built: int = 0


@dataclass
class Call:
    """One call under way, and what its answer means."""

    tool: str
    arguments: dict[str, Any]
    key: str
    done: Callable[[dict[str, Any]], None]
    begun: Callable[[], None]


class Work:
    """Draws calls, so that no two under way are about the same thing, and keeps the account."""

    def __init__(self, told: Told, chance: random.Random) -> None:
        self._told = told
        self._chance = chance
        self._busy: set[str] = set()
        self._number = 0
        self.builds = self.patient = False
        self.round = 0
        self.counts: dict[str, int] = dict.fromkeys(
            ("remember", "update", "set_fact", "delete", "compress", "build"), 0
        )

    def draw(self) -> Call:
        """The next call."""
        kinds = ("remember", "update", "set_fact", "delete", "compress", "build")
        builds = 12 if self.builds and "index" not in self._busy else 0
        kind = self._chance.choices(kinds, (40, 10, 25, 12, 10, builds))[0]
        free = [key for key in self._told.texts if key not in self._busy]
        if kind in ("update", "delete", "compress") and not free:
            kind = "remember"
        self._number += 1
        mark = f"r{self.round}n{self._number}"
        call: Call = {
            "remember": lambda: self._remember(mark, mark, "remember"),
            "update": lambda: self._remember(self._chance.choice(free), mark, "update"),
            "set_fact": self._fact,
            "delete": lambda: self._delete(self._chance.choice(free)),
            "compress": lambda: self._compress(self._chance.choice(free)),
            "build": self._build,
        }[kind]()
        self._busy.add(call.key)
        call.begun()
        return call

    def settle(self, call: Call, message: dict[str, Any]) -> bool:
        """Take an answer into the account; False when it was an error."""
        self._busy.discard(call.key)
        result = message.get("result", {"isError": True})
        if result.get("isError"):
            return call.tool == "rebalance_index" or _refused_rightly(result)
        call.done(result["structuredContent"])
        return True

    def forget_busy(self) -> None:
        """The server died: nothing is under way."""
        self._busy.clear()
        self.round += 1
        self.builds = self._chance.random() < BUILDS
        self.patient = self.builds and self._chance.random() < PATIENT

    def _remember(self, key: str, mark: str, kind: str) -> Call:
        length = self._chance.choice((3, 10, 40, 200))
        words = " ".join(
            self._chance.choices(("harbour", "gauge", "lamp", "tide", "crane"), k=length)
        )
        text = f"{mark} {words}"

        def done(said: dict[str, Any]) -> None:
            self.counts[kind] += 1
            self._told.texts[key] = text
            self._told.ids[key] = str(said["id"])
            self._told.open_texts.pop(key, None)

        arguments = {"content": text, "key": key}
        return Call("remember", arguments, key, done, lambda: self._open_text(key, text))

    def _open_text(self, key: str, text: str | None) -> None:
        self._told.open_texts[key] = text

    def _fact(self) -> Call:
        names = [f"fact.{n}" for n in range(FACTS) if f"fact.{n}" not in self._busy]
        key = self._chance.choice(names)
        self._number += 1
        value = self.round * 1_000_000 + self._number

        def done(said: dict[str, Any]) -> None:
            self.counts["set_fact"] += 1
            self._told.facts[key] = value
            self._told.open_facts.pop(key, None)

        def begun() -> None:
            self._told.open_facts[key] = value

        return Call("set_fact", {"key": key, "value": value}, key, done, begun)

    def _delete(self, key: str) -> Call:
        def done(said: dict[str, Any]) -> None:
            self.counts["delete"] += 1
            self._told.texts.pop(key)
            self._told.open_texts.pop(key, None)
            self._told.gone.add(key)

        mode = self._chance.choice(("delete", "purge"))
        arguments = {"ids": [key], "mode": mode}
        return Call("forget", arguments, key, done, lambda: self._open_text(key, None))

    def _compress(self, key: str) -> Call:
        def done(said: dict[str, Any]) -> None:
            self.counts["compress"] += 1

        arguments = {"ids": [key]}
        return Call("compress", arguments, key, done, lambda: None)

    def _build(self) -> Call:
        def done(said: dict[str, Any]) -> None:
            if said["status"] == "built":
                self.counts["build"] += 1
                self._told.built = max(self._told.built, int(said["index"]["generation"]))

        arguments = {"action": "build", "dry_run": False}
        return Call("rebalance_index", arguments, "index", done, lambda: None)


def _refused_rightly(result: dict[str, Any]) -> bool:
    """Whether a refusal is one that such work may meet: a text too short to be compressed."""
    return str(result["content"][0]["text"]).startswith(("conflict:", "invalid_argument:"))


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
