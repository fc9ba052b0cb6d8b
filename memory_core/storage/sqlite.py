"""The store of the product: one SQLite file, or a database in memory."""

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ForeignFile
from ..lifecycle.plan import Subject
from ..records import Chunk, Fact, Filter, Item, Succession, Usage
from . import cards, facts, items, links, outlines, quarantined, successions
from .clearing import clear, last_write
from .contract import (
    Card,
    Changes,
    Float16s,
    Held,
    Outlines,
    StoredVectors,
    TextHit,
    Tombstone,
)  # fmt: skip
from .database import Database
from .ids import number_of, tag_of
from .migrations import MIGRATIONS, migrate, pending
from .totals import SHOWN
from .word_index import WordIndex, stem

#: Change-log rows kept by `compact`; a process further behind reads everything again.
LOG_KEPT = 50_000


class SqliteStore:
    """One scope in one SQLite database. See `contract.Store` for what each method promises.

    Args:
        path: the file, created if missing; None for a database in memory.
        scope: real name of the scope; must be the one in the file.
        tag: first part of the ids of a new file.
        now: time of opening, seconds UTC.
        deadline: longest wait for another writer, seconds.

    Raises:
        ForeignFile: the file belongs to another scope.
        NewerSchema: a newer Routemem wrote it.
        DamagedFile: it is no readable database.
        StorageError: it cannot be opened.
    """

    def __init__(
        self, path: Path | None, scope: str, tag: str, *, now: float, deadline: float = 10.0
    ) -> None:
        self.scope = scope
        self.db = Database(path, deadline=deadline)
        self._words = WordIndex(self.db)
        try:
            if MIGRATIONS[0][0] not in pending(self.db):
                self._check_scope()  # before an older file is brought up to date
            migrate(self.db, now)
            self._identify(tag)
            self._check_scope()
        except BaseException:
            self.db.close(fold=False)
            raise

    def _identify(self, tag: str) -> None:
        """Write the scope's name into a new file."""
        if self.meta("scope") is not None:
            return
        with self.db.atomic():
            if self.meta("scope") is None:  # another process may have been first
                self.set_meta("scope", self.scope)
                self.set_meta("tag", tag)
                self.set_meta("store", uuid.uuid4().hex)

    def _check_scope(self) -> None:
        found = self.meta("scope")
        if found is not None and found != self.scope:
            raise ForeignFile(self.db.path or Path("memory"), self.scope, found)

    @property
    def place(self) -> Path | None:
        return self.db.path.with_suffix(".index") if self.db.path else None

    def atomic(self) -> AbstractContextManager[None]:
        return self.db.atomic()

    def reading(self) -> AbstractContextManager[None]:
        return self.db.reading()

    def close(self) -> None:
        self.db.close(fold=not self.db.doubts)

    # items --------------------------------------------------------------

    def insert(
        self,
        item: Item,
        chunks: Sequence[Chunk],
        vectors: Float16s | None = None,
        codes: Sequence[bytes] = (),
    ) -> Item:
        return items.insert(self.db, item, chunks, vectors, codes)

    def rewrite(
        self,
        item: Item,
        chunks: Sequence[Chunk],
        vectors: Float16s | None = None,
        codes: Sequence[bytes] = (),
    ) -> None:
        items.rewrite(self.db, item, chunks, vectors, codes)

    def amend(self, item: Item) -> None:
        items.amend(self.db, item)

    def erase(self, row: int) -> None:
        items.erase(self.db, row)

    def find(self, ref: str) -> Item | None:
        return items.find(self.db, ref)

    def twin(self, digest: bytes) -> Item | None:
        return items.twin(self.db, digest)

    def holding(self, text: str) -> list[Item]:
        return items.holding(self.db, text)

    def items(self, rows: Sequence[int]) -> dict[int, Item]:
        return items.items(self.db, rows)

    def chunks(self, rows: Sequence[int]) -> dict[int, Chunk]:
        return items.chunks(self.db, rows)

    def chunk_count(self, item: int) -> int:
        return int(self.db.value("select count(*) from chunks where item = ?", (item,)))

    def count_items(self) -> int:
        return int(
            self.db.value("select count(*) from items where state in ('active', 'compressed')")
        )

    def count_archived(self) -> int:
        return int(self.db.value("select count(*) from items where state = 'archived'"))

    def count_facts(self) -> int:
        return int(self.db.value("select count(distinct key) from facts where retired_at is null"))

    def newest(self, where: Filter, limit: int, skip: int) -> list[int]:
        return items.newest(self.db, where, limit, skip)

    def neighbours(self, item: Item, n: int) -> list[int]:
        return items.neighbours(self.db, item, n)

    def pinned(self, limit: int) -> list[Item]:
        sql = (
            "select row from items where pinned = 1 and state in ('active', 'compressed') "
            "order by priority desc, row desc limit ?"
        )
        with self.db.reading():
            rows = [row for (row,) in self.db.rows(sql, (limit,))]
            found = self.items(rows)
        return [found[row] for row in rows]

    def recent(self) -> list[tuple[Item, bool]]:
        with self.db.reading():
            short = dict(self.db.rows("select item, shortened from recent"))
            found = self.items(list(short))
        states = ("active", "compressed")
        return [(it, bool(short[row])) for row, it in sorted(found.items()) if it.state in states]

    def set_recent(self, turns: Sequence[tuple[int, bool]]) -> None:
        self.db.execute("delete from recent")
        self.db.execute_many(
            "insert into recent values(?, ?)", [(row, int(short)) for row, short in turns]
        )

    def all_links(self) -> dict[str, tuple[str, ...]]:
        return links.every(self.db)

    def link(self, derived: str, sources: Sequence[str]) -> None:
        links.link(self.db, derived, sources)

    def sources(self, derived: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return links.sources(self.db, derived)

    def derived(self, sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return links.derived(self.db, sources)

    def add_successions(self, pairs: Sequence[Succession]) -> None:
        successions.add(self.db, pairs)

    def successions(self, items: Sequence[int]) -> list[Succession]:
        return successions.of(self.db, items)

    def released(self) -> list[int]:
        return [row for (row,) in self.db.rows("select row from items where copies <= 0")]

    def owners(self, chunks: Sequence[int]) -> dict[int, int]:
        wanted = json.dumps(list(chunks))
        sql = "select row, item from chunks where row in (select value from json_each(?))"
        return dict(self.db.rows(sql, (wanted,)))

    def chunks_matching(self, where: Filter) -> NDArray[np.int64]:
        return items.chunks_matching(self.db, where)

    def matching(self, where: Filter) -> NDArray[np.int64]:
        return items.matching(self.db, where)

    def subjects(self, unread_since: float | None) -> list[Subject]:
        return items.subjects(self.db, unread_since)

    def touch(self, ids: dict[str, tuple[int, float]]) -> None:
        items.touch(self.db, ids)

    # vectors --------------------------------------------------------------

    def put_vectors(
        self, chunks: Sequence[int], vectors: Float16s, codes: Sequence[bytes] = ()
    ) -> int:
        stored = 0
        for row, vector, code in zip_longest(chunks, vectors, codes):
            item = self.db.value("select item from chunks where row = ? and not embedded", (row,))
            if item is None:  # rewritten, erased, or embedded by another process meanwhile
                continue
            self.db.execute("insert into vectors values(?, ?)", (row, vector.tobytes()))
            if code:
                self.db.execute("insert into token_codes values(?, ?)", (row, code))
            self.db.execute("update chunks set embedded = 1 where row = ?", (row,))
            items.log(self.db, "embed", item)
            stored += 1
        return stored

    def pass_over(self, chunks: Sequence[int]) -> None:
        self.db.execute_many(
            "update chunks set embedded = -1 where row = ?", [(row,) for row in chunks]
        )

    def waiting(self, limit: int) -> list[tuple[Chunk, Item]]:
        with self.db.reading():
            rows = self.db.rows(
                "select row from chunks where embedded = 0 order by row limit ?", (limit,)
            )
            chunks = self.chunks([row for (row,) in rows])
            owners = self.items(sorted({chunk.item for chunk in chunks.values()}))
        return [(chunk, owners[chunk.item]) for _, chunk in sorted(chunks.items())]

    def vectors(self, items: Sequence[int] | None) -> StoredVectors:
        if items is None:
            return self._arrays(self.db.rows(f"{_VECTORS} order by chunks.row"))
        wanted = "where chunks.item in (select value from json_each(?)) order by chunks.row"
        return self._arrays(self.db.rows(f"{_VECTORS} {wanted}", (json.dumps(list(items)),)))

    def _arrays(self, found: Sequence[tuple[int, int, int, bytes]]) -> StoredVectors:
        n = len(found)
        if len({len(row[3]) for row in found}) > 1:
            raise self.db.damaged("its vectors have different lengths")
        vectors = np.frombuffer(b"".join(row[3] for row in found), np.float16)
        return StoredVectors(
            np.fromiter((row[0] for row in found), np.int64, n),
            np.fromiter((row[1] for row in found), np.int64, n),
            np.fromiter((row[2] for row in found), np.bool_, n),
            vectors.reshape(n, -1) if n else vectors.reshape(0, 0),
        )

    def all_vectors(self, batch: int) -> Iterator[StoredVectors]:
        last = 0
        while True:
            found = self.db.rows(
                f"{_VECTORS} where chunks.row > ? order by chunks.row limit ?", (last, batch)
            )
            if not found:
                return
            last = found[-1][0]
            yield self._arrays(found)

    def drop_vectors(self) -> None:
        self.db.execute("delete from vectors")
        self.db.execute("delete from token_codes")
        self.db.execute("update chunks set embedded = 0")
        self.drop_queries()
        items.log(self.db, "reset", 0)
        self.set_meta("log_floor", str(self._last_change()))

    def add_queries(self, vectors: Float16s, keep: int) -> None:
        self.db.execute_many(
            "insert into query_samples(vector) values(?)",
            [(vector.tobytes(),) for vector in vectors],
        )
        self.db.execute(
            "delete from query_samples where row <= (select max(row) from query_samples) - ?",
            (keep,),
        )

    def queries(self) -> Float16s:
        found = [
            vector for (vector,) in self.db.rows("select vector from query_samples order by row")
        ]
        vectors = np.frombuffer(b"".join(found), np.float16)
        return vectors.reshape(len(found), -1) if found else vectors.reshape(0, 0)

    def drop_queries(self) -> None:
        self.db.execute("delete from query_samples")

    # search --------------------------------------------------------------

    def token_codes(self, chunks: Sequence[int]) -> dict[int, bytes]:
        wanted = json.dumps(list(chunks))
        sql = "select chunk, codes from token_codes where chunk in (select value from json_each(?))"
        return dict(self.db.rows(sql, (wanted,)))

    def outlines(self, items: Sequence[int] | None) -> Outlines:
        with self.db.reading():
            return outlines.read(self.db, items)

    def postings(self, words: Sequence[str], most: int) -> list[NDArray[np.int64] | None]:
        return self._words.postings(words, most)

    def search_words(
        self, words: Sequence[str], where: Filter, limit: int, postings: int
    ) -> list[TextHit]:
        return self._words.search(words, where, limit, postings)

    def stems(self, text: str) -> list[str]:
        with self.db.reading():
            return stem(self.db.connection, text)

    def frequencies(self, terms: Sequence[str]) -> tuple[int, dict[str, int]]:
        with self.db.reading():
            return self._words.frequencies(terms)

    # changes --------------------------------------------------------------

    def changes(self, since: int) -> Changes:
        with self.db.reading():
            seq = self._last_change()
            if seq == since:
                return Changes(seq, [])
            floor = int(self.meta("log_floor") or 0)
            if not floor <= since < seq or since == 0:  # beyond seq: an older copy came back
                return Changes(seq, None)
            rows = self.db.rows("select distinct item from change_log where seq > ?", (since,))
            lost = self.db.rows(
                "select first, last from change_log where seq > ? and first is not null", (since,)
            )
        return Changes(seq, [row for (row,) in rows], tuple(lost))

    def _last_change(self) -> int:
        return int(self.db.value("select max(seq) from change_log") or 0)

    # facts --------------------------------------------------------------

    def facts(self, keys: Sequence[str] = ()) -> list[Fact]:
        with self.db.reading():
            return facts.facts(self.db, keys)

    def fact_keys(self, words: Sequence[str]) -> list[str]:
        sql = (
            "select distinct key from facts where retired_at is null and exists "
            "(select 1 from json_each(?) as word where instr(lower(facts.key), word.value)) "
            "order by key"
        )
        return [key for (key,) in self.db.rows(sql, (json.dumps([w.lower() for w in words]),))]

    def add_fact(self, fact: Fact) -> Fact:
        return facts.add(self.db, fact)

    def retire_fact(self, row: int, at: float) -> None:
        facts.retire(self.db, row, at)

    def erase_fact(self, row: int) -> None:
        facts.erase(self.db, row)
        items.owe_erasure(self.db)

    # quarantine --------------------------------------------------------------

    def new_id(self) -> str:
        return items.next_id(self.db)

    def hold(self, held: Held) -> None:
        quarantined.hold(self.db, held)

    def held(self, id: str) -> Held | None:
        return quarantined.find(self.db, id)

    def any_held(self) -> bool:
        return bool(self.db.value("select 1 from quarantine where state = 'held' limit 1"))

    def held_as(self, mark: bytes) -> Held | None:
        return quarantined.marked(self.db, mark)

    def all_held(self) -> list[Held]:
        return quarantined.every(self.db)

    def containing(self, text: str) -> list[Item]:
        return quarantined.containing(self.db, text)

    # boards --------------------------------------------------------------

    def put_card(self, card: Card) -> Card:
        return cards.put(self.db, card)

    def card(self, id: str) -> Card | None:
        return cards.find(self.db, id)

    def cards(self, board: str) -> list[Card]:
        return cards.cards(self.db, board)

    def erase_card(self, id: str) -> None:
        cards.erase(self.db, id)

    def keep_usage(self, usage: Usage) -> bool:
        return cards.keep_usage(self.db, usage)

    def add_usage(self, usage: Usage) -> None:
        cards.add_usage(self.db, usage)

    def calls(self) -> list[tuple[str, int, int, float]]:
        return self.db.rows(
            "select op, count(*), sum(ok = 0), sum(ms) from audit group by op order by 2 desc, 1"
        )

    def usage(self) -> list[Usage]:
        return cards.usage(self.db)

    # what was deleted --------------------------------------------------------------

    def bury(self, tombstone: Tombstone, at: float) -> None:
        self.db.execute(
            "insert or replace into tombstones values(?, ?, ?, ?, ?)",
            (tombstone.id, tombstone.state, at, tombstone.expires_at, tombstone.sealed),
        )

    def tombstone(self, id: str) -> Tombstone | None:
        rows = self.db.rows(
            "select id, state, expires_at, sealed from tombstones where id = ?",
            (id.strip().lower(),),
        )
        return Tombstone(*rows[0]) if rows else None

    def unbury(self, id: str) -> None:
        self.db.execute("delete from tombstones where id = ?", (id,))

    def drop_expired(self, now: float) -> int:
        expired = "expires_at <= ? and sealed is not null"
        count = int(self.db.value(f"select count(*) from tombstones where {expired}", (now,)))
        if count:
            with self.db.atomic():
                self.db.execute(
                    f"update tombstones set sealed = null, state = 'purged' where {expired}",
                    (now,),
                )
        return count

    # upkeep --------------------------------------------------------------

    def forget_details(self, id: str) -> None:
        self.db.execute("update audit set detail = '' where id = ?", (id,))

    def note(self, rows: Sequence[tuple[float, str, str, float, bool, str]]) -> None:
        # A row may have waited in RAM while its item was deleted: then its detail is too late.
        self.db.execute_many(
            "insert into audit(at, op, id, ms, ok, detail) values(?1, ?2, ?3, ?4, ?5, "
            "iif(exists(select 1 from tombstones where id = ?3), '', ?6))",
            [(at, op, id, ms, int(ok), detail) for at, op, id, ms, ok, detail in rows],
        )

    def meta(self, key: str) -> str | None:
        value = self.db.value("select value from meta where key = ?", (key,))
        return None if value is None else str(value)

    def set_meta(self, key: str, value: str) -> None:
        self.db.execute("insert or replace into meta values(?, ?)", (key, value))

    def shown(self) -> int:
        return int(self.db.value(SHOWN) or 0)

    def counts(self) -> dict[str, int]:
        with self.db.reading():
            states = self.db.rows("select state, count(*), sum(tokens) from items group by state")
            graves = self.db.rows("select state, count(*) from tombstones group by state")
            held = self.db.value("select count(*) from quarantine where state = 'held'")
            return {
                **{f"state:{state}": count for state, count, *_ in states},
                **{f"state:{state}": count for state, count in graves},
                "state:quarantined": held,
                "items": sum(count for _, count, *_ in states),
                "tokens": sum(tokens for _, _, tokens in states),
                "shown": self.shown(),
                "chunks": self.db.value("select count(*) from chunks"),
                "pending": self.db.value("select count(*) from chunks where embedded = 0"),
                "facts": self.count_facts(),
                "changes": self._last_change(),
                "bytes": self.db.size(),
            }

    def flush_log(self) -> bool:
        owed = self.meta("erasure_owed")
        if not self.db.checkpoint():
            return False
        if owed is not None:
            with self.db.atomic():  # another process may owe one of its own meanwhile
                self.db.execute(
                    "delete from meta where key = 'erasure_owed' and value = ?", (owed,)
                )
        return True

    def erasure_owed(self) -> bool:
        return self.meta("erasure_owed") is not None

    def keep_ids(self, ids: Sequence[str]) -> None:
        tag = self.meta("tag")
        counts = [number_of(id) for id in ids if tag_of(id) == tag]
        last = int(self.meta("last_id") or 0)
        if max(counts, default=0) > last:
            self.db.execute("insert or replace into meta values('last_id', ?)", (max(counts),))

    def last_write(self) -> float:
        return last_write(self.db)

    def clear(self) -> int:
        return clear(self.db)

    def erased(self) -> list[tuple[str, str]]:
        """What was erased here and not from the backups yet: id or key, and "item", "fact" or
        "all".
        """
        return [(ref, kind) for ref, kind in self.db.rows("select ref, kind from erasures")]

    def settle_erased(self, erased: Sequence[tuple[str, str]]) -> None:
        """Note that no backup holds these any more."""
        with self.db.atomic():
            self.db.execute_many("delete from erasures where ref = ? and kind = ?", erased)

    def compact(self) -> None:
        with self.db.atomic():
            floor = self._last_change() - LOG_KEPT
            if floor > int(self.meta("log_floor") or 0):
                self.db.execute("delete from change_log where seq <= ?", (floor,))
                self.set_meta("log_floor", str(floor))
            # Merge the word index into one segment, so that what was deleted leaves its pages.
            self.db.execute("insert into words(words) values('optimize')")
        self.db.vacuum()
        self.db.checkpoint()


_VECTORS = (
    "select chunks.row, chunks.item, items.state = 'archived', vectors.vector "
    "from vectors join chunks on chunks.row = vectors.chunk join items on items.row = chunks.item"
)
