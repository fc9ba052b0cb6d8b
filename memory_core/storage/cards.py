"""Cards of the boards, as rows."""

import json
from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any

from ..records import Usage
from .contract import Card
from .database import Database
from .items import next_id, owe_erasure

_SELECT = "select board, body, id, created_at, updated_at from cards"
_USAGE = "select day, model, calls, input, output, cost from usage"


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


def add_usage(db: Database, usage: Usage) -> None:
    """Add to the usage of a day and model."""
    db.execute(
        "insert into usage(day, model, calls, input, output, cost) values(?, ?, ?, ?, ?, ?) "
        "on conflict(day, model) do update set calls = calls + excluded.calls, "
        "input = input + excluded.input, output = output + excluded.output, "
        "cost = cost + excluded.cost",
        astuple(usage),
    )


def keep_usage(db: Database, usage: Usage) -> bool:
    """Let the usage of a day and model be at least this; False when it was."""
    where = (usage.day, usage.model)
    found = db.rows(f"{_USAGE} where day = ? and model = ?", where)
    if found and Usage(*found[0]).calls >= usage.calls:
        return False
    db.execute("insert or replace into usage values(?, ?, ?, ?, ?, ?)", astuple(usage))
    return True


def usage(db: Database) -> list[Usage]:
    """Usage by day and model."""
    return [Usage(*row) for row in db.rows(f"{_USAGE} order by day, model")]


def _card(db: Database, row: Sequence[Any]) -> Card:
    board, body, id, created_at, updated_at = row
    try:
        return Card(board, json.loads(body), id, created_at, updated_at)
    except ValueError as error:  # not the JSON that was once written
        raise db.damaged(f"card {id} cannot be read: {error}") from error
