"""Which item may have taken the place of which, by row; they go with either of the two."""

import json
from collections.abc import Sequence
from typing import cast

from ..records import Relation, Succession
from .database import Database


def add(db: Database, pairs: Sequence[Succession]) -> None:
    """Record pairs; of a pair that is known, what it is now."""
    db.execute_many(
        "insert or replace into successions values(?, ?, ?)",
        [(pair.newer, pair.older, pair.relation) for pair in pairs],
    )


def of(db: Database, items: Sequence[int]) -> list[Succession]:
    """The pairs that one of these items is part of, by newer, then by older."""
    found = db.rows(
        "select newer, older, relation from successions "
        "where newer in (select value from json_each(?1)) "
        "union select newer, older, relation from successions "
        "where older in (select value from json_each(?1)) order by newer, older",
        (json.dumps(list(items)),),
    )
    return [Succession(newer, older, cast(Relation, said)) for newer, older, said in found]


def drop(db: Database, item: int) -> None:
    """Forget the pairs of an item: its text is another one now."""
    db.execute("delete from successions where newer = ?1 or older = ?1", (item,))
