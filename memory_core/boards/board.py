"""One board: cards of one class as rows of the store."""

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any, Generic, TypeVar

from ..errors import InvalidArgument, NotFound
from ..intake import Intake
from ..storage.contract import Card, Store
from ..storage.ids import bare
from ..text.identity import clean
from .cards import Agent, Question, Task

#: Longest text of a card, characters: longer ones are memories.
MAX_TEXT = 10_000
#: Most cards of one board.
MAX_CARDS = 10_000
#: Fields that the row has, or that are worked out, and so are not in its body.
_ROW = ("id", "created_at", "updated_at", "waits_for")


T = TypeVar("T", Task, Agent, Question)


class Board(Generic[T]):
    """Reads and writes the cards of one board.

    Args:
        name: of the board, as in the store.
        kind: class of its cards.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        intake: Intake,
        name: str,
        kind: type[T],
        noun: str,
    ) -> None:
        self.store = store
        self.clock = clock
        self._intake = intake
        self._name = name
        self._kind: type[T] = kind
        self._noun = noun

    def all(self) -> list[T]:
        """Every card, in order of creation."""
        return [self._read(card) for card in self.store.cards(self._name)]

    def find(self, id: str) -> T | None:
        """The card with this id."""
        card = self.store.card(bare(id).lower())
        return self._read(card) if card is not None and card.board == self._name else None

    def get(self, id: str) -> T:
        """The card with this id.

        Raises:
            NotFound: there is none.
        """
        found = self.find(id)
        if found is None:
            raise NotFound(f"No {self._noun} {id[:40]!r}. List them to see their ids.")
        return found

    def add(self, card: T) -> T:
        """Store a new card. Inside `atomic()`.

        Raises:
            InvalidArgument: the board is full.
        """
        if len(self.store.cards(self._name)) >= MAX_CARDS:
            raise InvalidArgument(f"The board holds {MAX_CARDS:,} {self._noun}s: remove some.")
        now = self.clock()
        return self._put(card, now, now)

    def change(self, card: T) -> T:
        """Replace a stored card. Inside `atomic()`."""
        return self._put(card, card.created_at, self.clock())

    def _put(self, card: T, created_at: float, updated_at: float) -> T:
        body = self._intake.value(body_of(card))
        row = Card(self._name, body, card.id, created_at, updated_at)
        return self._read(self.store.put_card(row))

    def _read(self, card: Card) -> T:
        return card_of(card, self._kind)


def body_of(card: Task | Agent | Question) -> dict[str, Any]:
    """A card as it is stored: what the row does not say already."""
    return {
        name: list(said) if isinstance(said, tuple) else said
        for name, said in asdict(card).items()
        if name not in _ROW
    }


def card_of(row: Card, kind: type[T]) -> T:
    """A card as it is read."""
    known = {spec.name for spec in fields(kind)} & row.body.keys()
    body: dict[str, Any] = {name: row.body[name] for name in known}
    listed: dict[str, Any] = {
        name: tuple(said) for name, said in body.items() if isinstance(said, list)
    }
    made = kind(**(body | listed))
    card: T = replace(made, id=row.id, created_at=row.created_at, updated_at=row.updated_at)
    return card


def text_of(field: str, said: str, *, needed: bool = False) -> str:
    """A text of a card, trimmed.

    Raises:
        InvalidArgument: it is too long, or empty and needed.
    """
    text = clean(said).strip()
    if needed and not text:
        raise InvalidArgument(f"{field} is empty: say what it is about.")
    if len(text) > MAX_TEXT:
        raise InvalidArgument(
            f"{field} has {len(text):,} characters, at most {MAX_TEXT:,}: store long texts with "
            "remember and name their id here."
        )
    return text


def rank_of(priority: int) -> int:
    """A priority, 0 to 10.

    Raises:
        InvalidArgument: it is outside.
    """
    if not 0 <= priority <= 10:
        raise InvalidArgument(f"priority is {priority}, expected 0 to 10 (10 comes first).")
    return priority
