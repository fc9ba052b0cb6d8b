"""The nouns: what is stored, what is asked, what comes back. All frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["note", "turn", "doc", "code", "summary"]
Origin: TypeAlias = Literal["user", "assistant", "tool", "web", "import"]
Trust: TypeAlias = Literal["verified", "normal", "untrusted"]
State: TypeAlias = Literal["active", "compressed", "archived", "deleted", "purged"]
#: What a text does to an older one: says the same, takes its place for all its words tell, or may.
Relation: TypeAlias = Literal["repeats", "supersedes", "may_supersede"]
ForgetMode: TypeAlias = Literal["archive", "restore", "delete", "purge"]

KINDS: tuple[str, ...] = get_args(Kind)
ORIGINS: tuple[str, ...] = get_args(Origin)
FORGET_MODES: tuple[str, ...] = get_args(ForgetMode)

#: Kind of a hit that is a fact; no item has it.
FACT = "fact"

#: Bits of `Item.traits`: the text ends in a question; it says when; it says how many; it says how
#: something is to be done from now on.
ASKS, TIMED, COUNTED, PREFERS = 1, 2, 4, 8

#: From least to most trusted.
TRUST_ORDER: tuple[Trust, ...] = ("untrusted", "normal", "verified")
#: What a text is trusted as when nothing else is known: a person's or the model's own words are
#: normal, everything that came from outside is not.
TRUST_OF_ORIGIN: Mapping[str, Trust] = {
    "user": "normal",
    "assistant": "normal",
    "tool": "untrusted",
    "web": "untrusted",
    "import": "untrusted",
    "promoted": "normal",  # a fact: what came from outside cannot be promoted to one
}


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
        traits: what the text shows at a glance; see `ASKS`, `TIMED`, `COUNTED`, `PREFERS`.
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
class Receipt:
    """What `remember` did.

    Attributes:
        status: "stored", "known" (the same thing was there), "updated", "restored" or "held" (in
            quarantine, see `Memory.quarantine`; ``note`` says why).
        chunks: into how many chunks the text was cut.
        pending: chunks that wait for their vector; found by text until then.
        note: one sentence for the caller, "" when there is nothing to say.
        supersedes: ids of older items whose place it may have taken; they stay as they are.
        repeats: ids of older items that seem to say the same.
    """

    id: str
    status: Literal["stored", "known", "updated", "restored", "held"]
    scope: str
    tokens: int
    chunks: int
    pending: int = 0
    note: str = ""
    supersedes: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()


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
class Candidate:
    """A fact that a person may have stated; found by rules and never written by itself.

    Attributes:
        confidence: what the words alone make it.
        said: the sentence it was found in.
    """

    key: str
    value: str
    confidence: float
    said: str

    def as_fact(self) -> dict[str, Any]:
        """As `Memory.set_fact` takes it."""
        fields = {"key": self.key, "value": self.value, "confidence": self.confidence}
        return {**fields, "source": "user"}


@dataclass(frozen=True, slots=True)
class Logged:
    """What `log_turn` did.

    Attributes:
        ids: of the turns, in order.
        candidates: facts the user's words seem to state; none was written.
        recalled: what bears on the user's words, found before they were stored.
        augmented_prompt: these texts and the user's words in one; "" when nothing was asked for.
        recent: number of turns a context now always shows.
        recent_tokens: of them as they are shown.
        left: turns that are no longer among them -> why; recall still finds them.
        note: one sentence for the caller, "" when there is nothing to say.
    """

    ids: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()
    recalled: tuple[Hit, ...] = ()
    augmented_prompt: str = ""
    recent: int = 0
    recent_tokens: int = 0
    left: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


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


@dataclass(frozen=True, slots=True)
class FactChange:
    """What `set_fact` did: the statement now valid from then on, and what it replaced.

    Attributes:
        status: "held" when it went to quarantine: then ``fact`` names the entry and has no value.
        note: one sentence for the caller, "" when there is nothing to say.
    """

    fact: Fact
    previous: Fact | None
    status: Literal["stored", "confirmed", "replaced", "held"]
    note: str = ""


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


@dataclass(frozen=True, slots=True)
class Collected:
    """What `gc` gave back: items nobody held, undo copies out of time, and the file's bytes."""

    items: int
    expired: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` did to one item.

    Attributes:
        undo_until: until when `restore` brings a deleted item back; None for never.
        erasure: "done", "pending" (a reader still holds the log; retried by itself) or "" when
            nothing had to be erased.
        also: what was erased with it: ids of summaries made of it, keys of facts promoted from it.
    """

    id: str
    state: State
    undo_until: float | None = None
    erasure: Literal["done", "pending", ""] = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compressed:
    """What `compress` did to one item, or to several that one summary now stands for.

    Attributes:
        id: of the item; of the new summary where several were summed up.
        method: who chose the words; "" when nothing could be saved.
        before: tokens of the whole text, of all sources together.
        after: tokens of what is shown from now on.
        sources: ids of the items summed up; empty for an item's own summary.
        note: one sentence for the caller, "" when there is nothing to say.
    """

    id: str
    method: Literal["model", "extractive", "local", ""]
    before: int
    after: int
    sources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """What is held in quarantine, as it may be told: never a word of the content.

    Attributes:
        id: by which a person releases or purges it.
        what: "memory", "fact" or "text" (nothing that was ever stored).
        reason: why, without a word of the content.
        origin: where the content comes from.
        at: when it was held, seconds UTC.
        part_of: what it was derived from and is held with; "" for none.
        erasure: as of `Forgotten`.
    """

    id: str
    scope: str
    what: str
    context_type: str
    reason: str
    origin: str
    at: float
    part_of: str = ""
    erasure: Literal["done", "pending", ""] = ""


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
