"""Cards of the boards, and what the models cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ...records import Usage


@dataclass(frozen=True, slots=True)
class Card:
    """Something on a board: a JSON object with an id; times are seconds UTC."""

    board: str
    body: Mapping[str, Any]
    id: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0


class Cards(Protocol):
    """Cards, and usage by day and model."""

    def put_card(self, card: Card) -> Card:
        """Store a card, or replace body and time of the one with its id; a new one gets an id."""
        ...

    def card(self, id: str) -> Card | None:
        """The card with this id."""
        ...

    def cards(self, board: str) -> list[Card]:
        """Every card of a board, in order of insertion."""
        ...

    def erase_card(self, id: str) -> None:
        """Remove a card."""
        ...

    def keep_usage(self, usage: Usage) -> bool:
        """Let the usage of a day and model be at least this; False when it was."""
        ...

    def add_usage(self, usage: Usage) -> None:
        """Add to the usage of a day and model."""
        ...

    def usage(self) -> list[Usage]:
        """Usage by day and model, oldest first."""
        ...
