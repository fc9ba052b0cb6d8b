"""Statements about keys, as rows. Nothing is ever changed but ``retired_at``."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..records import Fact
from .database import Database
from .items import next_id

_COLUMNS = (
    "row, id, key, value, confidence, source, valid_from, valid_to, recorded_at, retired_at, item"
)


def facts(db: Database, keys: Sequence[str] = ()) -> list[Fact]:
    """Every statement of these keys (a trailing * matches by prefix), in order of validity."""
    parts = ["substr(key, 1, length(?1)) = ?1" if k.endswith("*") else "key = ?1" for k in keys]
    found: dict[int, Fact] = {}
    for part, key in zip(parts or ["1"], keys or [""], strict=True):
        values = (key.removesuffix("*"),) if keys else ()
        for row in db.rows(f"select {_COLUMNS} from facts where {part}", values):
            found[row[0]] = _fact(db, row)
    return sorted(found.values(), key=lambda fact: (fact.key, fact.valid_from, fact.recorded_at))


def add(db: Database, fact: Fact) -> Fact:
    """Store a statement."""
    fact = replace(fact, id=fact.id or next_id(db))
    row = db.execute(
        "insert into facts(id, key, value, confidence, source, valid_from, valid_to, recorded_at, "
        "retired_at, item) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            fact.id,
            fact.key,
            json.dumps(fact.value),
            fact.confidence,
            fact.source,
            fact.valid_from,
            fact.valid_to,
            fact.recorded_at,
            fact.retired_at,
            fact.item,
        ),
    )
    return replace(fact, row=row)


def retire(db: Database, row: int, at: float) -> None:
    """Mark a statement as no longer believed."""
    db.execute("update facts set retired_at = ? where row = ?", (at, row))


def erase(db: Database, row: int) -> None:
    """Remove a statement, here and, as soon as it can be, from the backups."""
    db.execute("insert or ignore into erasures select key, 'fact' from facts where row = ?", (row,))
    db.execute("delete from facts where row = ?", (row,))


def _fact(db: Database, row: Sequence[Any]) -> Fact:
    number, id, key, value, *rest, item = row
    confidence, source, valid_from, valid_to, recorded_at, retired_at = rest
    try:
        said = json.loads(value)
    except (TypeError, ValueError) as error:  # not the JSON that was once written
        raise db.damaged(f"row {number} of facts cannot be read: {error}") from error
    return Fact(
        key, said, confidence, source, valid_from, valid_to, recorded_at, retired_at, id, number,
        item=item,
    )  # fmt: skip
