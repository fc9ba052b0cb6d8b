"""What a write did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .found import Hit
from .stored import Fact
from .words import State


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
class Collected:
    """What `gc` gave back: items nobody held, undo copies out of time, and the file's bytes."""

    items: int
    expired: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """Whether the bytes of what was erased are gone from every file; true when they are.

    Attributes:
        done: False: it is tried again by itself.
        left_in: names of exports and backups that could not be changed and may still hold them.
    """

    done: bool
    left_in: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.done

    @property
    def word(self) -> Literal["done", "pending"]:
        """How replies call it."""
        return "done" if self.done else "pending"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` did to one item.

    Attributes:
        undo_until: until when `restore` brings a deleted item back; None for never.
        erasure: "done", "pending" (a reader still holds the log, or a file cannot be changed;
            retried by itself) or "" when nothing had to be erased.
        left_in: names of the exports and backups that cannot be changed and may still hold it.
        also: what was erased with it: ids of summaries made of it, keys of facts promoted from it.
        fact: whether ``id`` is the key of a fact; archived, it has ended and keeps its history.
        note: one sentence for the caller, "" when there is nothing to say.
        scope: whose fact it was, when several scopes are read; "" otherwise.
        shows: the other scope whose value of the key is read now; "" for none.
    """

    id: str
    state: State
    undo_until: float | None = None
    erasure: Literal["done", "pending", ""] = ""
    also: tuple[str, ...] = ()
    fact: bool = False
    left_in: tuple[str, ...] = ()
    note: str = ""
    scope: str = ""
    shows: str = ""


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
        erasure, left_in: as of `Forgotten`.
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
    left_in: tuple[str, ...] = ()
