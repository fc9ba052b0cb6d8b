"""Mixed work for a server that will be killed, and the account of what its clients were told."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FACTS = 20
#: Share of the rounds in which an index is built, and of these in which a build is waited for.
BUILDS, PATIENT = 0.25, 0.4


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
