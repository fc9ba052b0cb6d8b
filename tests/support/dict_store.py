"""The store contract in plain dicts: the second implementation that keeps the contract honest."""

import copy
import json
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core.lifecycle.plan import Subject
from routemem.memory_core.records import Chunk, Fact, Filter, Item, Succession, Usage
from routemem.memory_core.storage import contract
from routemem.memory_core.storage.contract import Card, Changes, Float16s, Held, Tombstone
from routemem.memory_core.storage.ids import make_id, number_of, tag_of


class DictStore:
    """See `contract.Store` for what each method promises."""

    def __init__(self, scope: str, tag: str) -> None:
        self.scope, self.tag = scope, tag
        self.all: dict[int, Item] = {}
        self.cut: dict[int, Chunk] = {}
        self.passed_over: set[int] = set()
        self.embedded: dict[int, NDArray[np.float16]] = {}
        self.coded: dict[int, bytes] = {}
        self.said: dict[int, Fact] = {}
        self.used: dict[tuple[str, str], Usage] = {}
        self.cards_: dict[str, Card] = {}
        self.held_: dict[str, Held] = {}
        self.graves: dict[str, Tombstone] = {}
        self.told: dict[str, str] = {}
        self.buffer: dict[int, bool] = {}
        self.log: list[int] = []
        self.asked: list[NDArray[np.float16]] = []
        self.lost: list[tuple[int, int, int]] = []
        self.audit: list[tuple[float, str, str, float, bool, str]] = []
        self.made_of: set[tuple[str, str]] = set()
        self.followed: dict[tuple[int, int], Succession] = {}
        self.floor = 0
        self.next: Any = defaultdict(lambda: count(1))
        self.turn = threading.RLock()

    place = None

    @contextmanager
    def atomic(self) -> Iterator[None]:
        with self.turn:
            before = {k: copy.copy(v) for k, v in vars(self).items() if k not in ("next", "turn")}
            try:
                yield
            except BaseException:
                vars(self).update(before)
                raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self.turn:
            yield

    def close(self) -> None: ...

    def insert(
        self,
        item: Item,
        chunks: Sequence[Chunk],
        vectors: Float16s | None = None,
        codes: Sequence[bytes] = (),
    ) -> Item:
        id = item.id or make_id(self.tag, next(self.next["id"]))
        item = replace(item, row=next(self.next["item"]), id=id, tags=tuple(sorted(item.tags)))
        self.rewrite(item, chunks, vectors, codes)
        return item

    def rewrite(
        self,
        item: Item,
        chunks: Sequence[Chunk],
        vectors: Float16s | None = None,
        codes: Sequence[bytes] = (),
    ) -> None:
        made_of = self.made_of
        self.erase(item.row)
        self.made_of = made_of
        self.all[item.row] = item
        ready = [] if vectors is None else list(vectors)
        for number, chunk in enumerate(chunks):
            row = next(self.next["chunk"])
            self.cut[row] = replace(chunk, row=row, item=item.row)
            if number < len(ready):
                self.embedded[row] = ready[number]
            if number < len(codes) and codes[number]:
                self.coded[row] = codes[number]

    def amend(self, item: Item) -> None:
        old = self.all[item.row]
        self.all[item.row] = replace(item, text=old.text, speaker=old.speaker)
        self.log.append(item.row)

    def erase(self, row: int) -> None:
        if old := self.all.pop(row, None):
            self.made_of = {pair for pair in self.made_of if old.id not in pair}
        self.followed = {pair: s for pair, s in self.followed.items() if row not in pair}
        gone = [r for r, chunk in self.cut.items() if chunk.item == row]
        if gone:
            self.lost.append((len(self.log) + 1, min(gone), max(gone)))
        self.cut = {r: chunk for r, chunk in self.cut.items() if chunk.item != row}
        self.embedded = {r: vector for r, vector in self.embedded.items() if r in self.cut}
        self.coded = {r: code for r, code in self.coded.items() if r in self.cut}
        self.log.append(row)

    def find(self, ref: str) -> Item | None:
        named = [item for item in self.all.values() if item.id == ref.strip().lower()]
        named += [item for item in self.all.values() if item.key and item.key == ref.strip()]
        return next(iter(named), None)

    def twin(self, digest: bytes) -> Item | None:
        return next((item for item in self.all.values() if item.digest == digest), None)

    def holding(self, text: str) -> list[Item]:
        return [item for item in self.all.values() if item.text == text]

    def items(self, rows: Sequence[int]) -> dict[int, Item]:
        return {row: self.all[row] for row in rows if row in self.all}

    def chunks(self, rows: Sequence[int]) -> dict[int, Chunk]:
        found = [self.cut[row] for row in rows if row in self.cut]
        return {c.row: replace(c, text=c.text or self.all[c.item].text) for c in found}

    def chunk_count(self, item: int) -> int:
        return sum(chunk.item == item for chunk in self.cut.values())

    def count_items(self) -> int:
        return len(self.matching(Filter()))

    def newest(self, where: Filter, limit: int, skip: int) -> list[int]:
        found = [self.all[int(row)] for row in self.matching(where)]
        found.sort(key=lambda item: (_time(item), item.row), reverse=True)
        return [item.row for item in found[skip : skip + limit]]

    def neighbours(self, item: Item, n: int) -> list[int]:
        turns = [self.all[int(row)] for row in self.matching(Filter(kinds=("turn",)))]
        around = []
        for side in (
            [t for t in turns[::-1] if t.row < item.row],
            [t for t in turns if t.row > item.row],
        ):
            last = item
            for turn in side[:n]:
                if abs(_time(turn) - _time(last)) > 1800:
                    break
                around.append(turn.row)
                last = turn
        return sorted(around)

    def all_links(self) -> dict[str, tuple[str, ...]]:
        return self.sources(sorted({made for made, _ in self.made_of}))

    def link(self, derived: str, sources: Sequence[str]) -> None:
        self.made_of |= {(derived, source) for source in sources}

    def sources(self, derived: Sequence[str]) -> dict[str, tuple[str, ...]]:
        found = {id: tuple(sorted(s for d, s in self.made_of if d == id)) for id in derived}
        return {id: ids for id, ids in found.items() if ids}

    def derived(self, sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
        found = {id: tuple(sorted(d for d, s in self.made_of if s == id)) for id in sources}
        return {id: ids for id, ids in found.items() if ids}

    def add_successions(self, pairs: Sequence[Succession]) -> None:
        self.followed |= {(pair.newer, pair.older): pair for pair in pairs}

    def successions(self, items: Sequence[int]) -> list[Succession]:
        return [s for pair, s in sorted(self.followed.items()) if {*pair} & {*items}]

    def released(self) -> list[int]:
        return [row for row, item in self.all.items() if item.copies <= 0]

    def archived(self) -> list[int]:
        return [row for row, item in self.all.items() if item.state == "archived"]

    def matching(self, where: Filter) -> NDArray[np.int64]:
        return np.array(sorted(r for r, item in self.all.items() if _fits(item, where)), np.int64)

    def subjects(self, unread_since: float | None) -> list[Subject]:
        return [
            Subject(
                i.id, i.priority, i.pinned, i.state, len(i.text), i.tokens, i.summary_tokens,
                i.created_at, i.accessed_at, i.access_count,
            )
            for i in self.all.values()
            if unread_since is None or max(i.accessed_at, i.created_at) <= unread_since
        ]  # fmt: skip

    def touch(self, ids: dict[str, tuple[int, float]]) -> None:
        for id, (reads, at) in ids.items():
            if item := self.find(id):
                reads, at = item.access_count + reads, max(item.accessed_at, at)
                self.all[item.row] = replace(item, access_count=reads, accessed_at=at)

    def put_vectors(
        self, chunks: Sequence[int], vectors: Float16s, codes: Sequence[bytes] = ()
    ) -> int:
        told = dict(zip(chunks, codes, strict=False))
        pairs = zip(chunks, vectors, strict=True)
        wanted = {r: v for r, v in pairs if r in self.cut and r not in self.embedded}
        self.embedded |= wanted
        self.coded |= {row: told[row] for row in wanted if told.get(row)}
        self.log += [self.cut[row].item for row in wanted]
        return len(wanted)

    def pass_over(self, chunks: Sequence[int]) -> None:
        self.passed_over |= set(chunks)

    def waiting(self, limit: int) -> list[tuple[Chunk, Item]]:
        rows = sorted(self.cut.keys() - self.embedded.keys() - self.passed_over)[:limit]
        return [(chunk, self.all[chunk.item]) for chunk in self.chunks(rows).values()]

    def vectors(self, items: Sequence[int] | None) -> contract.StoredVectors:
        rows = sorted(r for r in self.embedded if items is None or self.cut[r].item in items)
        owners = [self.cut[row].item for row in rows]
        found = [self.embedded[row] for row in rows] or np.empty((0, 0))
        archived = [self.all[row].state == "archived" for row in owners]
        return contract.StoredVectors(
            np.array(rows, np.int64), np.array(owners, np.int64), np.array(archived, np.bool_),
            np.array(found, np.float16),
        )  # fmt: skip

    def all_vectors(self, batch: int) -> Iterator[contract.StoredVectors]:
        if self.embedded:
            yield self.vectors(None)

    def owners(self, chunks: Sequence[int]) -> dict[int, int]:
        return {row: self.cut[row].item for row in chunks if row in self.cut}

    def chunks_matching(self, where: Filter) -> NDArray[np.int64]:
        fit = [row for row, c in self.cut.items() if _fits(self.all[c.item], where)]
        return np.array(sorted(fit), np.int64)

    def token_codes(self, chunks: Sequence[int]) -> dict[int, bytes]:
        return {row: self.coded[row] for row in chunks if row in self.coded}

    def outlines(self, items: Sequence[int] | None) -> contract.Outlines:
        rows = sorted(row for row in self.all if items is None or row in items)
        found = [self.all[row] for row in rows]
        cut = [c for _, c in sorted(self.cut.items()) if c.item in rows]
        speakers = sorted({item.speaker for item in found} - {""})
        return contract.Outlines(
            np.array(rows, np.int64),
            np.array([_time(item) for item in found], np.float64),
            np.array([item.kind == "turn" for item in found], np.bool_),
            np.array([item.state in ("active", "compressed") for item in found], np.bool_),
            np.array([item.state == "archived" for item in found], np.bool_),
            np.array([item.traits for item in found], np.int64),
            {
                who: np.array([i.row for i in found if i.speaker == who], np.int64)
                for who in speakers
            },
            np.array([c.row for c in cut], np.int64),
            np.array([c.item for c in cut], np.int64),
            np.array([c.end - c.start for c in cut], np.int64),
        )

    def postings(self, words: Sequence[str], most: int) -> list[NDArray[np.int64] | None]:
        said = {
            chunk.row: re.findall(r"\w+", f"{self.all[chunk.item].speaker} {chunk.text}".lower())
            for chunk in self.chunks(sorted(self.cut)).values()
        }
        return [np.array([r for r, w in said.items() if word in w], np.int64) for word in words]

    def drop_vectors(self) -> None:
        self.embedded = {}
        self.coded = {}
        self.passed_over = set()
        self.asked = []
        self.log.append(0)
        self.floor = len(self.log)

    def add_queries(self, vectors: Float16s, keep: int) -> None:
        self.asked = [*self.asked, *vectors][-keep:]

    def queries(self) -> Float16s:
        return np.array(self.asked, np.float16) if self.asked else np.empty((0, 0), np.float16)

    def drop_queries(self) -> None:
        self.asked = []

    def changes(self, since: int) -> Changes:
        known = since == len(self.log) or (0 < since < len(self.log) and since >= self.floor)
        if not known:
            return Changes(len(self.log), None)
        lost = tuple((first, last) for at, first, last in self.lost if at > since)
        return Changes(len(self.log), sorted(set(self.log[since:])), lost)

    def facts(self, keys: Sequence[str] = ()) -> list[Fact]:
        found = [f for f in self.said.values() if not keys or any(_named(f, k) for k in keys)]
        return sorted(found, key=lambda fact: (fact.key, fact.valid_from, fact.recorded_at))

    def count_archived(self) -> int:
        return sum(item.state == "archived" for item in self.all.values())

    def count_facts(self) -> int:
        return len({fact.key for fact in self.said.values() if fact.retired_at is None})

    def pinned(self, limit: int) -> list[Item]:
        found = [
            it for it in self.all.values() if it.pinned and it.state in ("active", "compressed")
        ]
        return sorted(found, key=lambda it: (-it.priority, -it.row))[:limit]

    def recent(self) -> list[tuple[Item, bool]]:
        known = [
            (self.all[row], short) for row, short in sorted(self.buffer.items()) if row in self.all
        ]
        return [(it, short) for it, short in known if it.state in ("active", "compressed")]

    def set_recent(self, turns: Sequence[tuple[int, bool]]) -> None:
        self.buffer = dict(turns)

    def erase_fact(self, row: int) -> None:
        del self.said[row]

    def fact_keys(self, words: Sequence[str]) -> list[str]:
        said = sorted({f.key for f in self.said.values() if f.retired_at is None})
        return [key for key in said if any(word.lower() in key.lower() for word in words)]

    def add_fact(self, fact: Fact) -> Fact:
        id = fact.id or make_id(self.tag, next(self.next["id"]))
        fact = replace(fact, row=next(self.next["fact"]), id=id)
        self.said[fact.row] = fact
        return fact

    def retire_fact(self, row: int, at: float) -> None:
        self.said[row] = replace(self.said[row], retired_at=at)

    def new_id(self) -> str:
        return make_id(self.tag, next(self.next["id"]))

    def hold(self, held: Held) -> None:
        self.held_[held.id] = held

    def held(self, id: str) -> Held | None:
        return self.held_.get(id.strip().lower())

    def any_held(self) -> bool:
        return bool(self.all_held())

    def held_as(self, mark: bytes) -> Held | None:
        return next((held for held in self.all_held() if held.mark == mark), None)

    def all_held(self) -> list[Held]:
        found = [held for held in self.held_.values() if held.state == "held"]
        return sorted(found, key=lambda held: held.at)

    def containing(self, text: str) -> list[Item]:
        return [item for item in self.all.values() if text in item.text or text in item.summary]

    def put_card(self, card: Card) -> Card:
        id = card.id or make_id(self.tag, next(self.next["id"]))
        self.cards_[id] = replace(card, id=id, body=json.loads(json.dumps(dict(card.body))))
        return self.cards_[id]

    def card(self, id: str) -> Card | None:
        return self.cards_.get(id)

    def cards(self, board: str) -> list[Card]:
        return [card for card in self.cards_.values() if card.board == board]

    def erase_card(self, id: str) -> None:
        self.cards_.pop(id, None)

    def keep_usage(self, usage: Usage) -> bool:
        known = self.used.get((usage.day, usage.model))
        if known and known.calls >= usage.calls:
            return False
        self.used[usage.day, usage.model] = usage
        return True

    def add_usage(self, usage: Usage) -> None:
        old = self.used.get((usage.day, usage.model), Usage(usage.day, usage.model))
        self.used[usage.day, usage.model] = Usage(
            usage.day, usage.model, old.calls + usage.calls, old.input + usage.input,
            old.output + usage.output, old.cost + usage.cost,
        )  # fmt: skip

    def calls(self) -> list[tuple[str, int, int, float]]:
        ops = Counter(row[1] for row in self.audit)
        of = {op: [row for row in self.audit if row[1] == op] for op in ops}
        counted = [
            (op, n, sum(not row[4] for row in of[op]), sum(row[3] for row in of[op]))
            for op, n in ops.items()
        ]
        return sorted(counted, key=lambda one: (-one[1], one[0]))

    def usage(self) -> list[Usage]:
        return [usage for _, usage in sorted(self.used.items())]

    def bury(self, tombstone: Tombstone, at: float) -> None:
        self.graves[tombstone.id] = tombstone

    def tombstone(self, id: str) -> Tombstone | None:
        return self.graves.get(id.strip().lower())

    def unbury(self, id: str) -> None:
        self.graves.pop(id, None)

    def drop_expired(self, now: float) -> int:
        over = [g for g in self.graves.values() if g.sealed and (g.expires_at or 0) <= now]
        self.graves |= {g.id: replace(g, state="purged", sealed=None) for g in over}
        return len(over)

    def forget_details(self, id: str) -> None:
        self.audit = [(*row[:5], "" if row[2] == id else row[5]) for row in self.audit]

    def note(self, rows: Sequence[tuple[float, str, str, float, bool, str]]) -> None:
        self.audit += [(*row[:5], "" if row[2] in self.graves else row[5]) for row in rows]

    def meta(self, key: str) -> str | None:
        return self.tag if key == "tag" else self.told.get(key)

    def set_meta(self, key: str, value: str) -> None:
        self.told[key] = value

    def shown(self) -> int:
        turns = {item.id for item in self.all.values() if item.kind == "turn"}
        items = sum(s.cost for s in self.subjects(None) if s.id not in turns)
        facts = [f for f in self.said.values() if f.retired_at is None and f.valid_to is None]
        said = sum(12 + len(f"{f.key}{json.dumps(f.value)}".encode()) // 3 for f in facts)
        recent = [(it.tokens, short) for it, short in self.recent() if it.kind == "turn"]
        return items + said + sum(min(n, 60) if short else n for n, short in recent)

    def counts(self) -> dict[str, int]:
        states = Counter[str](item.state for item in self.all.values())
        states.update(grave.state for grave in self.graves.values())
        return {f"state:{state}": number for state, number in states.items()} | {
            "state:quarantined": len(self.all_held()),
            "items": len(self.all), "chunks": len(self.cut), "changes": len(self.log), "bytes": 0,
            "tokens": sum(item.tokens for item in self.all.values()),
            "shown": self.shown(),
            "pending": len(self.cut) - len(self.embedded),
            "facts": len({f.key for f in self.said.values() if f.retired_at is None}),
        }  # fmt: skip

    def flush_log(self) -> bool:
        return True

    def erasure_owed(self) -> str:
        return ""

    def settle_erasure(self, owed: str) -> None: ...

    def keep_ids(self, ids: Sequence[str]) -> None:
        highest = max((number_of(id) for id in ids if tag_of(id) == self.tag), default=0)
        self.next["id"] = count(max(next(self.next["id"]), highest + 1))

    def last_write(self) -> float:
        times = [item.updated_at for item in self.all.values()]
        times += [max(f.recorded_at, f.retired_at or 0.0) for f in self.said.values()]
        return max([*times, *(card.updated_at for card in self.cards_.values())], default=0.0)

    def clear(self) -> int:
        n = len(self.all)
        self.all, self.cut, self.embedded, self.said = {}, {}, {}, {}
        self.cards_, self.used, self.passed_over, self.made_of = {}, {}, set(), set()
        self.told.pop("embedder", None)
        self.audit = [(*row[:5], "") for row in self.audit]
        self.log.append(0)
        self.floor = len(self.log)
        return n

    def compact(self) -> None: ...


def _time(item: Item) -> float:
    return item.created_at if item.when is None else item.when


def _named(fact: Fact, key: str) -> bool:
    return fact.key.startswith(key[:-1]) if key.endswith("*") else fact.key == key


def _fits(item: Item, where: Filter) -> bool:
    return (
        item.state in ("active", "compressed", "archived")[: 2 + where.archived]
        and (not where.kinds or item.kind in where.kinds)
        and set(where.tags) <= set(item.tags)
        and where.speaker.casefold() in ("", item.speaker.casefold())
        and (where.since is None or _time(item) >= where.since)
        and (where.until is None or _time(item) < where.until)
    )
