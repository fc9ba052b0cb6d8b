"""Items and their chunks as rows. Functions take the database of the scope first."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..lifecycle.plan import Subject
from ..records import Chunk, Filter, Item, Kind, Origin, State, Trust
from . import successions
from .database import FOLDED, Database
from .ids import make_id

_FIELDS = (
    "id kind text speaker happened origin trust metadata priority pinned state key digest copies "
    "tokens summary summary_by summary_tokens created_at updated_at accessed_at access_count traits"
).split()
_COLUMNS = ", ".join(_FIELDS)
_SELECT = (
    f"select row, {_COLUMNS}, (select json_group_array(tag) from tags where item = row) from items"
)


#: No chunks.
NOTHING: tuple[None, None] = (None, None)
#: Longest pause inside one conversation, seconds.
PAUSE = 1800.0


def next_id(db: Database) -> str:
    """A new id of this scope. Inside `atomic()`."""
    count = int(db.value("select value from meta where key = 'last_id'") or 0) + 1
    db.execute("insert or replace into meta values('last_id', ?)", (count,))
    return make_id(db.value("select value from meta where key = 'tag'") or "m", count)


def insert(
    db: Database,
    item: Item,
    chunks: Sequence[Chunk],
    vectors: NDArray[np.float16] | None,
    codes: Sequence[bytes] = (),
) -> Item:
    """Store a new item with its tags, chunks, words and vectors, and log the change."""
    if not item.id:
        item = replace(item, id=next_id(db))
    marks = ", ".join("?" * len(_FIELDS))
    # A restored item takes its old row, and with it its place in its conversation.
    row = db.execute(
        f"insert into items(row, {_COLUMNS}) values(?, {marks})", (item.row or None, *_values(item))
    )
    item = replace(item, row=row)
    _insert_tags(db, item)
    _insert_chunks(db, item, chunks, vectors, codes)
    log(db, "insert", row)
    return item


def rewrite(
    db: Database,
    item: Item,
    chunks: Sequence[Chunk],
    vectors: NDArray[np.float16] | None,
    codes: Sequence[bytes] = (),
) -> None:
    """Replace a stored item, text and all."""
    lost = _remove_chunks(db, item.row)
    successions.drop(db, item.row)
    _update(db, item)
    _insert_chunks(db, item, chunks, vectors, codes)
    log(db, "rewrite", item.row, lost)


def amend(db: Database, item: Item) -> None:
    """Replace a stored item's fields but text and speaker, which the word index holds."""
    _update(db, item, keep=("text", "speaker"))
    log(db, "amend", item.row)


def erase(db: Database, row: int) -> None:
    """Remove an item from every table. Tags, chunks, vectors and codes go by foreign key."""
    id = db.value("select id from items where row = ?", (row,))
    lost = _remove_chunks(db, row)
    db.execute("delete from links where derived = ?1 or source = ?1", (id,))
    db.execute("delete from items where row = ?", (row,))
    db.execute("insert or ignore into erasures values(?, 'item')", (id,))
    owe_erasure(db)
    log(db, "erase", row, lost)


def owe_erasure(db: Database) -> None:
    """Remember, whatever happens to this process, that the log still holds erased bytes."""
    db.execute("insert or replace into meta values('erasure_owed', hex(randomblob(8)))")


def log(db: Database, op: str, row: int, lost: tuple[int | None, int | None] = NOTHING) -> None:
    """Append to the change log, from which every process keeps its index up to date.

    Args:
        lost: first and last row of the chunks the item no longer has.
    """
    db.execute("insert into change_log(op, item, first, last) values(?, ?, ?, ?)", (op, row, *lost))


# ---------------------------------------------------------------------- reading


def find(db: Database, ref: str) -> Item | None:
    """The item of an id (case ignored) or, failing that, of a caller's key."""
    for sql, value in (("id = ?", ref.strip().lower()), ("key = ?", ref.strip())):
        for row in db.rows(f"{_SELECT} where {sql}", (value,)):
            return _item(db, row)
    return None


def twin(db: Database, digest: bytes) -> Item | None:
    """The item with this digest."""
    found = db.rows(f"{_SELECT} where digest = ?", (digest,))
    return _item(db, found[0]) if found else None


def holding(db: Database, text: str) -> list[Item]:
    """The items with exactly this text, oldest first. Reads every text of that length."""
    found = db.rows(f"{_SELECT} where text = ? order by row", (text,))
    return [_item(db, row) for row in found]


def items(db: Database, rows: Sequence[int]) -> dict[int, Item]:
    """Items by row; rows that are gone are left out."""
    found = db.rows(
        f"{_SELECT} where row in (select value from json_each(?))", (json.dumps(list(rows)),)
    )
    return {row[0]: _item(db, row) for row in found}


def chunks(db: Database, rows: Sequence[int]) -> dict[int, Chunk]:
    """Chunks by row, with their text."""
    found = db.rows(
        "select chunks.row, chunks.item, start, end, coalesce(chunks.text, items.text) "
        "from chunks join items on items.row = chunks.item "
        "where chunks.row in (select value from json_each(?))",
        (json.dumps(list(rows)),),
    )
    return {row: Chunk(start, end, text, row, item) for row, item, start, end, text in found}


def newest(db: Database, where: Filter, limit: int, skip: int) -> list[int]:
    """Rows of matching items, newest event time first."""
    condition, values = where_clause(where)
    found = db.rows(
        f"select row from items where {condition} "
        "order by coalesce(happened, created_at) desc, row desc limit ? offset ?",
        (*values, limit, skip),
    )
    return [row for (row,) in found]


def neighbours(db: Database, item: Item, n: int) -> list[int]:
    """Rows of up to ``n`` turns before and after a turn, as far as its conversation goes.

    A conversation is a run of turns whose event times are at most `PAUSE` seconds apart, in order
    of insertion; turns without an event time go by when they were stored.
    """
    around: list[int] = []
    for sign, order in (("<", "desc"), (">", "asc")):
        found = db.rows(
            "select row, coalesce(happened, created_at) from items where kind = 'turn' "
            f"and state in ('active', 'compressed') and row {sign} ? order by row {order} limit ?",
            (item.row, n),
        )
        last = item.created_at if item.when is None else item.when
        for row, at in found:
            if abs(at - last) > PAUSE:
                break
            around.append(row)
            last = at
    return sorted(around)


def matching(db: Database, where: Filter) -> NDArray[np.int64]:
    """Rows of all matching items, ascending."""
    condition, values = where_clause(where)
    found = db.rows(f"select row from items where {condition} order by row", values)
    return np.fromiter((row for (row,) in found), np.int64, len(found))


def chunks_matching(db: Database, where: Filter) -> NDArray[np.int64]:
    """Rows of the chunks of all matching items, ascending."""
    condition, values = where_clause(where)
    found = db.rows(
        "select chunks.row from chunks join items on items.row = chunks.item "
        f"where {condition} order by chunks.row",
        values,
    )
    return np.fromiter((row for (row,) in found), np.int64, len(found))


def touch(db: Database, ids: dict[str, tuple[int, float]]) -> None:
    """Add reads; not a change for the index, so not logged."""
    db.execute_many(
        "update items set access_count = access_count + ?, accessed_at = max(accessed_at, ?) "
        "where id = ?",
        [(count, at, id) for id, (count, at) in ids.items()],
    )


def subjects(db: Database, unread_since: float | None) -> list[Subject]:
    """What the lifecycle looks at of every item, or of those not used since a time."""
    condition = "1" if unread_since is None else "accessed_at <= ?1 and created_at <= ?1"
    found = db.rows(
        "select id, priority, pinned, state, length(text), tokens, summary_tokens, created_at, "
        "accessed_at, access_count from items where state in ('active', 'compressed', 'archived') "
        f"and {condition}",
        () if unread_since is None else (unread_since,),
    )
    return [Subject(id, priority, bool(pinned), *rest) for id, priority, pinned, *rest in found]


def where_clause(where: Filter) -> tuple[str, list[Any]]:
    """A filter as SQL over ``items`` and its values; exact, applied before any ranking."""
    states = ["active", "compressed", *(["archived"] if where.archived else [])]
    parts = [f"items.state in ({', '.join('?' * len(states))})"]
    values: list[Any] = list(states)
    if where.kinds:
        parts.append(f"items.kind in ({', '.join('?' * len(where.kinds))})")
        values += where.kinds
    for tag in where.tags:
        parts.append("exists (select 1 from tags where tag = ? and tags.item = items.row)")
        values.append(tag)
    if where.speaker:
        parts.append(f"{FOLDED}(items.speaker) = ?")
        values.append(where.speaker.casefold())
    for limit, sign in ((where.since, ">="), (where.until, "<")):
        if limit is not None:
            parts.append(f"coalesce(items.happened, items.created_at) {sign} ?")
            values.append(limit)
    return " and ".join(parts), values


# ---------------------------------------------------------------------- rows


def _update(db: Database, item: Item, keep: Sequence[str] = ()) -> None:
    named = {n: v for n, v in zip(_FIELDS, _values(item), strict=True) if n not in keep}
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
    vectors: NDArray[np.float16] | None,
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


def _values(item: Item) -> tuple[Any, ...]:
    return (
        item.id,
        item.kind,
        item.text,
        item.speaker,
        item.when,
        item.origin,
        item.trust,
        json.dumps(dict(item.metadata)),  # ASCII: holds unpaired surrogates, which UTF-8 does not
        item.priority,
        int(item.pinned),
        item.state,
        item.key or None,
        item.digest,
        item.copies,
        item.tokens,
        item.summary,
        item.summary_by,
        item.summary_tokens,
        item.created_at,
        item.updated_at,
        item.accessed_at,
        item.access_count,
        item.traits,
    )


def _item(db: Database, row: Sequence[Any]) -> Item:
    number, *values, tags = row
    named = dict(zip(_FIELDS, values, strict=True))
    try:
        return Item(
            text=named["text"],
            row=number,
            id=named["id"],
            kind=cast(Kind, named["kind"]),
            speaker=named["speaker"],
            when=named["happened"],
            origin=cast(Origin, named["origin"]),
            trust=cast(Trust, named["trust"]),
            tags=tuple(sorted(json.loads(tags))),
            metadata=json.loads(named["metadata"]),
            priority=named["priority"],
            pinned=bool(named["pinned"]),
            state=cast(State, named["state"]),
            key=named["key"] or "",
            digest=named["digest"],
            copies=named["copies"],
            tokens=named["tokens"],
            summary=named["summary"],
            summary_by=named["summary_by"],
            summary_tokens=named["summary_tokens"],
            created_at=named["created_at"],
            updated_at=named["updated_at"],
            accessed_at=named["accessed_at"],
            access_count=named["access_count"],
            traits=named["traits"],
        )
    except (TypeError, ValueError) as error:  # not the JSON that was once written
        raise db.damaged(f"row {number} of items cannot be read: {error}") from error
