"""Statements about keys. Nothing is ever changed but ``retired_at``."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...records import Fact
from ..database import Database
from .changes import next_id, owe_erasure
from .table import Table

_COLUMNS = (
    "row, id, key, value, confidence, source, valid_from, valid_to, recorded_at, retired_at, item"
)


class Facts(Table):
    """See `contract.Facts`."""

    def facts(self, keys: Sequence[str] = ()) -> list[Fact]:
        parts = ["substr(key, 1, length(?1)) = ?1" if k.endswith("*") else "key = ?1" for k in keys]
        found: dict[int, Fact] = {}
        for part, key in zip(parts or ["1"], keys or [""], strict=True):
            values = (key.removesuffix("*"),) if keys else ()
            for row in self.db.rows(f"select {_COLUMNS} from facts where {part}", values):
                found[row[0]] = _fact(self.db, row)
        return sorted(
            found.values(), key=lambda fact: (fact.key, fact.valid_from, fact.recorded_at)
        )

    def fact_keys(self, words: Sequence[str]) -> list[str]:
        sql = (
            "select distinct key from facts where retired_at is null and exists "
            "(select 1 from json_each(?) as word where instr(lower(facts.key), word.value)) "
            "order by key"
        )
        return [key for (key,) in self.db.rows(sql, (json.dumps([w.lower() for w in words]),))]

    def count_facts(self) -> int:
        return int(self.db.value("select count(distinct key) from facts where retired_at is null"))

    def add_fact(self, fact: Fact) -> Fact:
        fact = replace(fact, id=fact.id or next_id(self.db))
        row = self.db.execute(
            "insert into facts(id, key, value, confidence, source, valid_from, valid_to, "
            "recorded_at, retired_at, item) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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

    def retire_fact(self, row: int, at: float) -> None:
        self.db.execute("update facts set retired_at = ? where row = ?", (at, row))

    def erase_fact(self, row: int) -> None:
        self.db.execute(
            "insert or ignore into erasures select key, 'fact' from facts where row = ?", (row,)
        )
        self.db.execute("delete from facts where row = ?", (row,))
        owe_erasure(self.db)


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
