"""Cards of the boards, as rows."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .contract import Card
from .database import Database
from .items import next_id, owe_erasure

_SELECT = "select board, body, id, created_at, updated_at from cards"


def put(db: Database, card: Card) -> Card:
    """Store or replace a card; a new one gets an id."""
    card = replace(card, id=card.id or next_id(db))
    db.execute(
        "insert into cards(id, board, body, created_at, updated_at) values(?, ?, ?, ?, ?) "
        "on conflict(id) do update set body = excluded.body, updated_at = excluded.updated_at",
        (card.id, card.board, json.dumps(dict(card.body)), card.created_at, card.updated_at),
    )
    return _card(db, db.rows(f"{_SELECT} where id = ?", (card.id,))[0])


def find(db: Database, id: str) -> Card | None:
    """The card with this id."""
    found = db.rows(f"{_SELECT} where id = ?", (id,))
    return _card(db, found[0]) if found else None


def cards(db: Database, board: str) -> list[Card]:
    """Every card of a board, in order of insertion."""
    found = db.rows(f"{_SELECT} where board = ? order by row", (board,))
    return [_card(db, row) for row in found]


def erase(db: Database, id: str) -> None:
    """Remove a card."""
    db.execute("delete from cards where id = ?", (id,))
    owe_erasure(db)


def _card(db: Database, row: Sequence[Any]) -> Card:
    board, body, id, created_at, updated_at = row
    try:
        return Card(board, json.loads(body), id, created_at, updated_at)
    except ValueError as error:  # not the JSON that was once written
        raise db.damaged(f"card {id} cannot be read: {error}") from error
