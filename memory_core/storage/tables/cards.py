"""Cards of the boards, and what the models cost."""

import json
from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any

from ...records import Usage
from ..contract import Card
from ..database import Database
from .changes import next_id, owe_erasure
from .table import Table

_SELECT = "select board, body, id, created_at, updated_at from cards"
_USAGE = "select day, model, calls, input, output, cost from usage"


class Cards(Table):
    """See `contract.Cards`."""

    def put_card(self, card: Card) -> Card:
        card = replace(card, id=card.id or next_id(self.db))
        self.db.execute(
            "insert into cards(id, board, body, created_at, updated_at) values(?, ?, ?, ?, ?) "
            "on conflict(id) do update set body = excluded.body, updated_at = excluded.updated_at",
            (card.id, card.board, json.dumps(dict(card.body)), card.created_at, card.updated_at),
        )
        return _card(self.db, self.db.rows(f"{_SELECT} where id = ?", (card.id,))[0])

    def card(self, id: str) -> Card | None:
        found = self.db.rows(f"{_SELECT} where id = ?", (id,))
        return _card(self.db, found[0]) if found else None

    def cards(self, board: str) -> list[Card]:
        found = self.db.rows(f"{_SELECT} where board = ? order by row", (board,))
        return [_card(self.db, row) for row in found]

    def erase_card(self, id: str) -> None:
        self.db.execute("delete from cards where id = ?", (id,))
        self.db.execute("insert or ignore into erasures values(?, 'card')", (id,))
        owe_erasure(self.db)

    def keep_usage(self, usage: Usage) -> bool:
        where = (usage.day, usage.model)
        found = self.db.rows(f"{_USAGE} where day = ? and model = ?", where)
        if found and Usage(*found[0]).calls >= usage.calls:
            return False
        self.db.execute("insert or replace into usage values(?, ?, ?, ?, ?, ?)", astuple(usage))
        return True

    def add_usage(self, usage: Usage) -> None:
        self.db.execute(
            "insert into usage(day, model, calls, input, output, cost) values(?, ?, ?, ?, ?, ?) "
            "on conflict(day, model) do update set calls = calls + excluded.calls, "
            "input = input + excluded.input, output = output + excluded.output, "
            "cost = cost + excluded.cost",
            astuple(usage),
        )

    def usage(self) -> list[Usage]:
        return [Usage(*row) for row in self.db.rows(f"{_USAGE} order by day, model")]


def _card(db: Database, row: Sequence[Any]) -> Card:
    board, body, id, created_at, updated_at = row
    try:
        return Card(board, json.loads(body), id, created_at, updated_at)
    except ValueError as error:  # not the JSON that was once written
        raise db.damaged(f"card {id} cannot be read: {error}") from error
