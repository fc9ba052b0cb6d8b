"""What is stored."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .words import TRUST_OF_ORIGIN, Kind, Origin, Relation, State, Trust


@dataclass(frozen=True, slots=True)
class Item:
    """One remembered thing.

    Times are seconds since the epoch, UTC.

    Attributes:
        row: number of the row in its scope file; 0 before it is stored.
        id: short id, unique across the scopes of a data folder; "" before it is stored.
        key: the caller's own name for it, unique in the scope; "" for none.
        when: when it happened (event time); None if that was not said.
        priority: 0 to 10; lower is compressed and archived first.
        digest: SHA-256 of what makes two items the same (see ``text.identity``).
        copies: how often it was stored; `release` counts down.
        tokens: estimated tokens of the text.
        summary: short form of a long text; "" for none.
        summary_by: who made it: "extractive", "model" (the caller's), "local", or "" for none.
        summary_tokens: tokens of it; what the item costs while it is compressed. With no summary:
            as many as the text has when it cannot be shortened, else 0.
        traits: what the text shows at a glance; see `ASKS` and what follows it.
    """

    text: str
    row: int = 0
    id: str = ""
    kind: Kind = "note"
    speaker: str = ""
    when: float | None = None
    origin: Origin = "assistant"
    trust: Trust = "normal"
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 5
    pinned: bool = False
    state: State = "active"
    key: str = ""
    digest: bytes = b""
    copies: int = 1
    tokens: int = 0
    summary: str = ""
    summary_by: str = ""
    summary_tokens: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    accessed_at: float = 0.0
    access_count: int = 0
    traits: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of an item's text, small enough for the embedder.

    Attributes:
        start: first character of the item's text.
        end: one past the last character.
        text: the stretch itself, or None when it is the item's whole text.
        row: number of the row in the scope file; 0 before it is stored.
        item: row of its item; 0 before it is stored.
    """

    start: int
    end: int
    text: str | None = None
    row: int = 0
    item: int = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items take part in a search. Empty fields do not restrict.

    Attributes:
        kinds: one of these kinds.
        tags: all of these tags.
        speaker: this speaker, case ignored.
        since: event time (creation time where there is none) not before this, seconds UTC.
        until: event or creation time before this, seconds UTC (exclusive).
        archived: archived items take part too.
    """

    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    speaker: str = ""
    since: float | None = None
    until: float | None = None
    archived: bool = False

    @property
    def restricts(self) -> bool:
        """Whether any field but ``archived`` is set."""
        return bool(self.kinds or self.tags or self.speaker) or (
            self.since is not None or self.until is not None
        )


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement about a key: a value, when it was true, and when we knew it.

    Both intervals are half open, in seconds UTC; None is "still".

    Attributes:
        value: any JSON value.
        confidence: 0 to 1.
        valid_from: when it became true.
        valid_to: when it stopped being true.
        recorded_at: when we learned it.
        retired_at: when we stopped believing this statement.
        scope: whose it is, when several scopes were read; "" otherwise.
        hides: farther scopes that say something of the same key.
        item: id of the item it was promoted from; "" for none.
    """

    key: str
    value: Any
    confidence: float
    source: str
    valid_from: float
    valid_to: float | None
    recorded_at: float
    retired_at: float | None = None
    id: str = ""
    row: int = 0
    scope: str = ""
    hides: tuple[str, ...] = ()
    item: str = ""

    @property
    def trust(self) -> Trust:
        """As far as its source is trusted."""
        return TRUST_OF_ORIGIN.get(self.source, "untrusted")

    @property
    def value_text(self) -> str:
        """The value itself if it is a text, else as JSON."""
        if isinstance(self.value, str):
            return self.value
        return json.dumps(self.value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Link:
    """A summary of several items, and one of them, by id."""

    derived: str
    source: str


@dataclass(frozen=True, slots=True)
class Succession:
    """Two items of which one may have taken the other's place, by row."""

    newer: int
    older: int
    relation: Relation


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model was used for on one day (UTC).

    Attributes:
        day: ISO date.
        input: tokens read.
        output: tokens written.
        cost: US dollars.
    """

    day: str
    model: str
    calls: int = 0
    input: int = 0
    output: int = 0
    cost: float = 0.0
