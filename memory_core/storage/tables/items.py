"""Items, their chunks and tags."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...lifecycle.plan import Subject
from ...records import Chunk, Filter, Item
from ..contract import Float16s
from ..database import Database
from ..ids import number_of, tag_of
from .changes import log_change, next_id, owe_erasure
from .rows import (
    COLUMNS,
    FIELDS,
    SELECT,
    item_of,
    item_values,
    read_chunks,
    read_items,
    where_clause,
)
from .table import Table

#: Longest pause inside one conversation, seconds.
PAUSE = 1800.0


class Items(Table):
    """See `contract.Items`."""

    def insert(
        self,
        item: Item,
        chunks: Sequence[Chunk],
        vectors: Float16s | None = None,
        codes: Sequence[bytes] = (),
    ) -> Item:
        if not item.id:
            item = replace(item, id=next_id(self.db))
        marks = ", ".join("?" * len(FIELDS))
        # A restored item takes its old row, and with it its place in its conversation.
        row = self.db.execute(
            f"insert into items(row, {COLUMNS}) values(?, {marks})",
            (item.row or None, *item_values(item)),
        )
        item = replace(item, row=row)
        _insert_tags(self.db, item)
        _insert_chunks(self.db, item, chunks, vectors, codes)
        log_change(self.db, "insert", row)
        return item

    def rewrite(
        self,
        item: Item,
        chunks: Sequence[Chunk],
        vectors: Float16s | None = None,
        codes: Sequence[bytes] = (),
    ) -> None:
        lost = _remove_chunks(self.db, item.row)
        self.db.execute("delete from successions where newer = ?1 or older = ?1", (item.row,))
        _update(self.db, item)
        _insert_chunks(self.db, item, chunks, vectors, codes)
        log_change(self.db, "rewrite", item.row, lost)

    def amend(self, item: Item) -> None:
        _update(self.db, item, keep=("text", "speaker"))
        log_change(self.db, "amend", item.row)

    def erase(self, row: int) -> None:
        id = self.db.value("select id from items where row = ?", (row,))
        lost = _remove_chunks(self.db, row)
        self.db.execute("delete from links where derived = ?1 or source = ?1", (id,))
        self.db.execute("delete from items where row = ?", (row,))
        self.db.execute("insert or ignore into erasures values(?, 'item')", (id,))
        owe_erasure(self.db)
        log_change(self.db, "erase", row, lost)

    def find(self, ref: str) -> Item | None:
        for sql, value in (("id = ?", ref.strip().lower()), ("key = ?", ref.strip())):
            for row in self.db.rows(f"{SELECT} where {sql}", (value,)):
                return item_of(self.db, row)
        return None

    def twin(self, digest: bytes) -> Item | None:
        found = self.db.rows(f"{SELECT} where digest = ?", (digest,))
        return item_of(self.db, found[0]) if found else None

    def holding(self, text: str) -> list[Item]:
        found = self.db.rows(f"{SELECT} where text = ? order by row", (text,))
        return [item_of(self.db, row) for row in found]

    def containing(self, text: str) -> list[Item]:
        found = self.db.rows(
            "select row from items where instr(text, ?1) or instr(summary, ?1) order by row",
            (text,),
        )
        rows = [row for (row,) in found]
        known = read_items(self.db, rows)
        return [known[row] for row in rows if row in known]

    def items(self, rows: Sequence[int]) -> dict[int, Item]:
        return read_items(self.db, rows)

    def chunks(self, rows: Sequence[int]) -> dict[int, Chunk]:
        return read_chunks(self.db, rows)

    def chunk_count(self, item: int) -> int:
        return int(self.db.value("select count(*) from chunks where item = ?", (item,)))

    def count_items(self) -> int:
        return int(
            self.db.value("select count(*) from items where state in ('active', 'compressed')")
        )

    def count_archived(self) -> int:
        return int(self.db.value("select count(*) from items where state = 'archived'"))

    def newest(self, where: Filter, limit: int, skip: int) -> list[int]:
        condition, values = where_clause(where)
        found = self.db.rows(
            f"select row from items where {condition} "
            "order by coalesce(happened, created_at) desc, row desc limit ? offset ?",
            (*values, limit, skip),
        )
        return [row for (row,) in found]

    def neighbours(self, item: Item, n: int) -> list[int]:
        around: list[int] = []
        for sign, order in (("<", "desc"), (">", "asc")):
            found = self.db.rows(
                "select row, coalesce(happened, created_at) from items where kind = 'turn' and "
                f"state in ('active', 'compressed') and row {sign} ? order by row {order} limit ?",
                (item.row, n),
            )
            last = item.created_at if item.when is None else item.when
            for row, at in found:
                if abs(at - last) > PAUSE:
                    break
                around.append(row)
                last = at
        return sorted(around)

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

    def released(self) -> list[int]:
        return [row for (row,) in self.db.rows("select row from items where copies <= 0")]

    def archived(self) -> list[int]:
        return [row for (row,) in self.db.rows("select row from items where state = 'archived'")]

    def owners(self, chunks: Sequence[int]) -> dict[int, int]:
        wanted = json.dumps(list(chunks))
        sql = "select row, item from chunks where row in (select value from json_each(?))"
        return dict(self.db.rows(sql, (wanted,)))

    def chunks_matching(self, where: Filter) -> NDArray[np.int64]:
        condition, values = where_clause(where)
        found = self.db.rows(
            "select chunks.row from chunks join items on items.row = chunks.item "
            f"where {condition} order by chunks.row",
            values,
        )
        return np.fromiter((row for (row,) in found), np.int64, len(found))

    def matching(self, where: Filter) -> NDArray[np.int64]:
        condition, values = where_clause(where)
        found = self.db.rows(f"select row from items where {condition} order by row", values)
        return np.fromiter((row for (row,) in found), np.int64, len(found))

    def subjects(self, unread_since: float | None) -> list[Subject]:
        condition = "1" if unread_since is None else "accessed_at <= ?1 and created_at <= ?1"
        found = self.db.rows(
            "select id, priority, pinned, state, length(text), tokens, summary_tokens, created_at, "
            "accessed_at, access_count from items where state in "
            f"('active', 'compressed', 'archived') and {condition}",
            () if unread_since is None else (unread_since,),
        )
        return [Subject(id, priority, bool(pinned), *rest) for id, priority, pinned, *rest in found]

    def touch(self, ids: dict[str, tuple[int, float]]) -> None:
        self.db.execute_many(
            "update items set access_count = access_count + ?, accessed_at = max(accessed_at, ?) "
            "where id = ?",
            [(count, at, id) for id, (count, at) in ids.items()],
        )

    def new_id(self) -> str:
        return next_id(self.db)

    def keep_ids(self, ids: Sequence[str]) -> None:
        tag = self.meta("tag")
        counts = [number_of(id) for id in ids if tag_of(id) == tag]
        last = int(self.meta("last_id") or 0)
        if max(counts, default=0) > last:
            self.db.execute("insert or replace into meta values('last_id', ?)", (max(counts),))


def _update(db: Database, item: Item, keep: Sequence[str] = ()) -> None:
    named = {n: v for n, v in zip(FIELDS, item_values(item), strict=True) if n not in keep}
    assignments = ", ".join(f"{name} = ?" for name in named)
    db.execute(f"update items set {assignments} where row = ?", (*named.values(), item.row))
    db.execute("delete from tags where item = ?", (item.row,))
    _insert_tags(db, item)


def _insert_tags(db: Database, item: Item) -> None:
    db.execute_many("insert or ignore into tags values(?, ?)", [(t, item.row) for t in item.tags])


def _insert_chunks(
    db: Database,
    item: Item,
    chunks: Sequence[Chunk],
    vectors: Float16s | None,
    codes: Sequence[bytes],
) -> None:
    ready = 0 if vectors is None else len(vectors)
    for number, chunk in enumerate(chunks):
        row = db.execute(
            "insert into chunks(item, start, end, text, embedded) values(?, ?, ?, ?, ?)",
            (item.row, chunk.start, chunk.end, chunk.text, int(number < ready)),
        )
        if vectors is not None and number < ready:
            db.execute("insert into vectors values(?, ?)", (row, vectors[number].tobytes()))
        if number < len(codes) and codes[number]:
            db.execute("insert into token_codes values(?, ?)", (row, codes[number]))
        text = item.text if chunk.text is None else chunk.text
        said = f"{item.speaker}: {text}" if item.speaker else text  # as the view `passages`
        db.execute("insert into words(rowid, text) values(?, ?)", (row, said))


def _remove_chunks(db: Database, row: int) -> tuple[int, int]:
    """Remove an item's chunks from every table; returns the first and the last of them."""
    ((first, last),) = db.rows("select min(row), max(row) from chunks where item = ?", (row,))
    # The word index keeps no text of its own: it must be told exactly what it was given.
    db.execute(
        "insert into words(words, rowid, text) select 'delete', row, text from passages "
        "where row in (select row from chunks where item = ?)",
        (row,),
    )
    db.execute("delete from chunks where item = ?", (row,))
    return first, last
