"""From a store to a bundle, or to a snapshot."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

from ..boards.board import card_of
from ..boards.cards import Agent, Question, Task
from ..course import ALONE, Course
from ..errors import Stopped
from ..lifecycle.validity import known, valid
from ..records import Filter, Link
from ..storage.contract import Card, Store
from ..text.times import iso
from .bundle import Writer
from .schema import RECORDS, names_of

#: Items read at a time.
BATCH = 256
#: Board -> kind of its lines.
BOARDS: dict[str, tuple[str, Callable[[Card], Task | Agent | Question]]] = {
    "tasks": ("task", partial(card_of, kind=Task)),
    "agents": ("agent", partial(card_of, kind=Agent)),
    "questions": ("question", partial(card_of, kind=Question)),
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What a bundle holds.

    Attributes:
        lines: by kind of record.
        sha256: of all lines but the last, which says it too.
    """

    lines: Mapping[str, int]
    sha256: str


def export(
    store: Store,
    file: IO[bytes],
    only: Collection[str] | None = None,
    course: Course = ALONE,
) -> Exported:
    """Write the bundle of one snapshot of a store.

    Args:
        only: these ids and keys of facts, without usage; everything when None.

    Raises:
        Stopped: the bundle has no end.
    """
    counts = dict.fromkeys(RECORDS, 0)
    with store.reading():
        writer = Writer(file, store.scope, store.meta("tag") or "")
        for said in records(store):
            if only is not None and _name(said) not in only:
                continue
            counts[said["record"]] += 1
            writer.put(said)
            if not writer.lines % BATCH:
                if course.stopped():
                    raise Stopped("Stopped. No file was made.")
                course.at(writer.lines, 0)
        return Exported(counts, writer.end())


def records(store: Store) -> Iterator[dict[str, Any]]:
    """Every line between head and end: items in order of insertion, facts by key, then boards."""
    rows = store.matching(Filter(archived=True)).tolist()
    for start in range(0, len(rows), BATCH):
        for _, item in sorted(store.items(rows[start : start + BATCH]).items()):
            yield line("item", item)
    for fact in store.facts():
        yield line("fact", fact)
    for board, (name, of) in BOARDS.items():
        for card in store.cards(board):
            yield line(name, of(card))
    for usage in store.usage():
        yield line("usage", usage)
    made_of = store.all_links()
    for derived in sorted(made_of):
        for source in made_of[derived]:
            yield line("link", Link(derived, source))


def names(store: Store) -> list[str]:
    """Ids of items and cards, and keys of facts, each once."""
    named = (_name(said) for said in records(store) if said["record"] not in ("usage", "link"))
    return list(dict.fromkeys(named))


def _name(said: Mapping[str, Any]) -> str:
    """What a line is called: its id, the key of a fact, for a link the summary's id."""
    return str(said.get("key" if said["record"] == "fact" else "id") or said.get("derived", ""))


def line(name: str, record: Any) -> dict[str, Any]:
    """A record as a line."""
    said = {field: getattr(record, field) for field in names_of(RECORDS[name])}
    plain = {
        field: dict(value)
        if isinstance(value, Mapping)
        else list(value)
        if isinstance(value, tuple)
        else value
        for field, value in said.items()
    }
    return {"record": name, **plain}


def snapshot(store: Store, now: float) -> dict[str, Any]:
    """How a scope is at this moment, for programs."""
    with store.reading():
        counts = store.counts()
        facts = valid(known(store.facts(), None), now + 1.0)
        boards = {
            board: [line(name, of(card)) for card in store.cards(board)]
            for board, (name, of) in BOARDS.items()
        }
        return {
            "scope": store.scope,
            "at": iso(now),
            "items": {
                name.removeprefix("state:"): n
                for name, n in counts.items()
                if name.startswith("state:")
            },
            "tokens": counts["tokens"] or 0,
            "bytes": counts["bytes"],
            "waiting": counts["pending"],
            "facts": [{**line("fact", fact), "trust": fact.trust} for fact in facts],
            **boards,
            "usage": [line("usage", usage) for usage in store.usage()],
        }
