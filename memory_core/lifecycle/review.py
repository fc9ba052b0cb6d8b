"""What could be done with which memory, and why: proposals for the model to decide. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..records import TRUST_ORDER, Fact, Trust
from .actions import Name
from .candidates import candidates
from .plan import DAY, Policy, Subject, compressible, rank, worth
from .supersession import ALIKE, may_follow, read, relation
from .values import likeness, says_the_same, vocabulary, words_of

#: Cosine from which two of many memories are looked at as an old and a new state.
CLOSELY = 0.4
#: Shared words from which they are, where there are no vectors.
SAME_WORDS = 0.6
#: Small talk is proposed for deletion after so long, seconds (Memory Framework).
SMALL_TALK_AGE = 600.0
#: Score below which an unread memory of low priority has nothing to say for itself.
FAINT = 0.2

_CORE = frozenset(
    "hello hi hey thanks thank bye goodbye cheers welcome ok okay yes no great hallo danke tschüss "
    "bonjour merci salut hola gracias adiós ciao grazie".split()
)
_FILLING = _CORE | frozenset(
    "you there good morning afternoon evening night day a lot so much very for all everyone again "
    "dear and see later soon sure nice cool perfect".split()
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


@dataclass(frozen=True, slots=True)
class Entry:
    """A memory under review.

    Attributes:
        when: event time, or when it was stored; seconds UTC.
        trust: of the item; one that is less trusted gives no reason to delete it.
    """

    subject: Subject
    text: str
    when: float
    trust: Trust = "normal"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What could be done with a memory, and why.

    Attributes:
        fact_key: for PROMOTE, with its value.
        other: id of the memory that makes this one needless; "" for none.
    """

    id: str
    action: Name
    why: str
    fact_key: str = ""
    fact_value: Any = None
    other: str = ""


def is_small_talk(text: str) -> bool:
    """Whether a text is nothing but a greeting or thanks. "This is the history" is not."""
    words = [word.casefold() for word in _WORD.findall(text[:200])]
    return (
        0 < len(words) <= 8
        and len(text) <= 200
        and not any(character.isdigit() for character in text)
        and any(word in _CORE for word in words)
        and all(word in _FILLING for word in words)
    )


def by_need(
    now: float, entries: Sequence[Entry], policy: Policy, *, stale: bool = False
) -> list[Proposal]:
    """A proposal for each memory, those given up first first.

    Args:
        stale: only what nobody has read for ``policy.compress_days``, longest unread first.
    """
    if stale:
        entries = [e for e in entries if now - e.subject.used_at >= policy.compress_days * DAY]
        ordered = sorted(entries, key=lambda entry: (entry.subject.used_at, entry.subject.id))
    else:
        ordered = sorted(entries, key=lambda entry: rank(now, entry.subject, policy))
    return [_by_need(now, entry, policy) for entry in ordered if not entry.subject.pinned]


def _by_need(now: float, entry: Entry, policy: Policy) -> Proposal:
    subject = entry.subject
    age = now - subject.used_at
    if is_small_talk(entry.text) and now - subject.created_at > SMALL_TALK_AGE:
        return Proposal(subject.id, "DELETE", "small talk")
    unread = f"unread for {age / DAY:.0f} days" if age >= DAY else "read within a day"
    if compressible(subject, policy):
        return Proposal(subject.id, "COMPRESS", f"{unread}, saves about {subject.saving} tokens")
    if worth(now, subject, policy) < FAINT and subject.priority < 5:
        return Proposal(subject.id, "DELETE", f"{unread}, priority {subject.priority}")
    return Proposal(subject.id, "KEEP", f"{unread}, short already")


def repeated(entries: Sequence[Entry], vectors: NDArray[np.float32] | None) -> list[Proposal]:
    """Of two memories that say the same, the less worthy one; likeness alone never decides.

    Args:
        vectors: unit, ``(n, dim)``, of the entries; None compares words.
    """
    found: dict[str, Proposal] = {}
    for one, two, near in _pairs(entries, vectors, ALIKE):
        a, b = entries[one], entries[two]
        if a.subject.id in found or b.subject.id in found:
            continue
        if not says_the_same(words_of(a.text), words_of(b.text)):
            continue
        less, more = sorted((a, b), key=_worth)
        if not less.subject.pinned:
            why = f"says what {more.subject.id} says ({near:.2f})"
            found[less.subject.id] = Proposal(less.subject.id, "DELETE", why, other=more.subject.id)
    return list(found.values())


def superseded(
    entries: Sequence[Entry],
    vectors: NDArray[np.float32] | None,
    linked: Iterable[tuple[Entry, Entry]] = (),
) -> list[Proposal]:
    """Of two related memories of which the later may take the place of the earlier, the earlier.

    Args:
        linked: pairs found when they were stored, ``(later, earlier)``.
    """
    found: dict[str, Proposal] = {}
    for new, old in linked:
        if not old.subject.pinned and may_follow(new.trust, old.trust):
            why = f"{new.subject.id} is later and speaks of a change: which holds?"
            found[old.subject.id] = Proposal(old.subject.id, "DELETE", why, other=new.subject.id)
    said = [read(entry.text) for entry in entries]
    for one, two, near in _pairs(entries, vectors, CLOSELY):
        early, late = sorted((one, two), key=lambda place: entries[place].when)
        old, new = entries[early], entries[late]
        if old.when == new.when or old.subject.pinned or old.subject.id in found:
            continue
        if not may_follow(new.trust, old.trust):
            continue
        if relation(said[late], said[early], near) == "supersedes":
            why = f"{new.subject.id} is later and says otherwise ({near:.2f}): which holds?"
            found[old.subject.id] = Proposal(old.subject.id, "DELETE", why, other=new.subject.id)
    return list(found.values())


def factual(entries: Iterable[Entry], known: Mapping[str, Fact]) -> list[Proposal]:
    """Facts that the texts seem to state and that are not kept yet, or with another value.

    Args:
        known: key -> its statement. One that was recorded after the text was written stands.
    """
    proposals = []
    for entry in entries:
        for found in candidates(entry.text):
            reason = f"states {found.key}"
            if fact := known.get(found.key):
                same = str(fact.value).casefold() == found.value.casefold()
                if same or entry.when <= fact.recorded_at:
                    continue
                reason = f"states another {found.key} than is known"
            id = entry.subject.id
            proposals.append(Proposal(id, "PROMOTE", reason, found.key, found.value))
    return proposals


def _worth(entry: Entry) -> tuple[int, bool, int, int, float, str]:
    subject = entry.subject
    trust = TRUST_ORDER.index(entry.trust)  # first: what comes from outside could set the others
    return (
        trust, subject.pinned, subject.priority, subject.access_count, entry.when, subject.id
    )  # fmt: skip


def _pairs(
    entries: Sequence[Entry], vectors: NDArray[np.float32] | None, least: float
) -> Iterator[tuple[int, int, float]]:
    """Pairs at least so near, nearest first.

    Of a thousand texts that are alike there are half a million, so they stay in arrays.
    """
    if vectors is not None:
        cosines = np.triu(vectors @ vectors.T, 1)
        ones, twos = np.nonzero(cosines >= least)
        near = cosines[ones, twos]
    else:
        least = SAME_WORDS if least == ALIKE else least
        said = [vocabulary(entry.text) for entry in entries]
        near = np.zeros((len(said), len(said)))
        for a, b in combinations(range(len(said)), 2):
            near[a, b] = likeness(said[a], said[b])
        ones, twos = np.nonzero(near >= least)
        near = near[ones, twos]
    for place in np.argsort(-near, kind="stable"):
        yield int(ones[place]), int(twos[place]), float(near[place])
