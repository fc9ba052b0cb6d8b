"""Items and chunks as rows, and filters as conditions. Functions take the database first."""

import json
from collections.abc import Sequence
from typing import Any, cast

from ...records import Chunk, Filter, Item, Kind, Origin, State, Trust
from ..database import FOLDED, Database

#: Columns of ``items``, but its row.
FIELDS = (
    "id kind text speaker happened origin trust metadata priority pinned state key digest copies "
    "tokens summary summary_by summary_tokens created_at updated_at accessed_at access_count traits"
).split()
COLUMNS = ", ".join(FIELDS)
SELECT = (
    f"select row, {COLUMNS}, (select json_group_array(tag) from tags where item = row) from items"
)


def read_items(db: Database, rows: Sequence[int]) -> dict[int, Item]:
    """Items by row; rows that are gone are left out."""
    found = db.rows(
        f"{SELECT} where row in (select value from json_each(?))", (json.dumps(list(rows)),)
    )
    return {row[0]: item_of(db, row) for row in found}


def read_chunks(db: Database, rows: Sequence[int]) -> dict[int, Chunk]:
    """Chunks by row, with their text."""
    found = db.rows(
        "select chunks.row, chunks.item, start, end, coalesce(chunks.text, items.text) "
        "from chunks join items on items.row = chunks.item "
        "where chunks.row in (select value from json_each(?))",
        (json.dumps(list(rows)),),
    )
    return {row: Chunk(start, end, text, row, item) for row, item, start, end, text in found}


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


def item_values(item: Item) -> tuple[Any, ...]:
    """The values of `FIELDS`."""
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


def item_of(db: Database, row: Sequence[Any]) -> Item:
    """The item of a row of `SELECT`."""
    number, *values, tags = row
    named = dict(zip(FIELDS, values, strict=True))
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
            tags=tuple(sorted(json.loads(tags))) if tags != "[]" else (),
            metadata=json.loads(named["metadata"]) if named["metadata"] != "{}" else {},
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
