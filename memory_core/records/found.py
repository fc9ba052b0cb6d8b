"""What reading gives back: hits, a reply, a context."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a recall.

    Attributes:
        text: the item's text, or the part of it that fits.
        score: chance that it holds what was asked for, 0 to 1, by all signals together.
        cosine: cosine between question and the item's best chunk; None without vectors.
        whole: whether ``text`` is the item's complete text.
        offset: where in the item's text a page starts, characters.
        neighbour_of: id of the hit it was brought along with; "" for a hit of its own.
        abridged: whether ``text`` is the summary of a compressed item.
        sources: ids of the items that a summary was made of.
        superseded_by: id of the newest memory that took its place; "" for none.
        signals: what made the score, by name; empty unless asked for.
    """

    id: str
    text: str
    score: float
    kind: str
    scope: str
    origin: str
    trust: str
    when: float | None
    created_at: float
    state: str = "active"
    speaker: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 5
    pinned: bool = False
    key: str = ""
    tokens: int = 0
    cosine: float | None = None
    whole: bool = True
    offset: int = 0
    neighbour_of: str = ""
    abridged: bool = False
    sources: tuple[str, ...] = ()
    superseded_by: str = ""
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recall:
    """A reply of `recall`, within its token budget.

    Attributes:
        mode: "hybrid" (by meaning and words), "lexical" (words only), "recent" (no question) or
            "ids" (read by id).
        degraded: why the mode is lexical; "" when it is not.
        left_out: hits that matched and did not fit, or were past ``top_k``; -1 when not counted.
        cursor: pass it with the same question for more; "" at the end.
        stored: how many items the scope holds.
        missing: asked ids that do not exist.
        confidence: "high", "medium", "low" or "none": how sure it is that the hits hold what was
            asked for (see `retrieval.confidence.level`); "" when nothing was asked.
        chance: the same as a number from 0 to 1; None when it cannot be told.
        weak: whether even the best hit is far from the question and shares no word with it.
        archived: how many archived items were not searched; counted when there is room for more.
        routing: how the index was searched, by name, when an explanation was asked for.
        facts: how many facts the scope holds, counted when nothing or only weak hits were found.
    """

    hits: tuple[Hit, ...]
    mode: Literal["hybrid", "lexical", "recent", "ids"]
    degraded: str = ""
    left_out: int = 0
    cursor: str = ""
    stored: int = 0
    missing: tuple[str, ...] = ()
    weak: bool = False
    facts: int = 0
    archived: int = 0
    routing: Mapping[str, Any] = field(default_factory=dict)
    confidence: str = ""
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """A block of text for a prompt, within its budget.

    Attributes:
        tokens: of the text.
        budget: what it was allowed: what was asked for, or less where the model holds less.
        model: the model it was packed for.
        parts: name -> tokens: facts, pinned, recent, relevant, hints; what is empty is missing.
        ids: ids of memories and keys of facts in it.
        cut: those of them whose text was cut.
        hints: ids and keys of what was left out and is named.
        omitted: how many were left out, named or not.
        note: a warning, "" when there is nothing to say.
    """

    text: str
    tokens: int
    budget: int
    model: str
    parts: Mapping[str, int]
    ids: tuple[str, ...]
    cut: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    omitted: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Utilisation:
    """How much of a model's context the memory would fill.

    Attributes:
        used: tokens the packer would show now: facts, memories, recent turns.
        context: tokens the model can read.
        trigger: share from which on memories are compressed.
        model: the model, by name.
    """

    used: int
    context: int
    trigger: float
    model: str

    @property
    def percent(self) -> int:
        """Of the context, rounded up."""
        return -(-100 * self.used // self.context)

    @property
    def high(self) -> bool:
        """Whether the trigger is reached."""
        return self.used >= self.trigger * self.context


@dataclass(frozen=True, slots=True)
class Status:
    """How a scope is doing.

    Attributes:
        items: number of items per state.
        pending: chunks without a vector.
        mode: "hybrid" or "lexical".
        degraded: why it is lexical; "" otherwise.
        embedder: id of the model in use; "" before it was needed.
        bytes: size of the scope file with its log.
        index: how the vectors lie: mode, buckets, generation, bytes.
    """

    scope: str
    items: Mapping[str, int]
    facts: int
    chunks: int
    pending: int
    mode: Literal["hybrid", "lexical"]
    degraded: str
    embedder: str
    counter: str
    tokens: int
    bytes: int
    changes: int
    index: Mapping[str, Any] = field(default_factory=dict)
