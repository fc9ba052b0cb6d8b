"""What of a conversation is still recent: one pure function over the turns of the buffer.

The buffer is a list of turns that a context always shows. Leaving it loses nothing: a turn stays a
memory like any other and is found by recall. Limits and numbers are those of Memory Framework's
ShortTermPolicy and RetentionRule.
"""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, replace

from ..settings import Settings
from .extractive import summarise
from .score import effective_score
from .values import likeness, same_values, vocabulary, words_of

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class RecentPolicy:
    """The limits of the buffer.

    Attributes:
        max_tokens: above it, turns are shortened and then leave until ``target_tokens`` is reached.
        warning_tokens: above it, a reply says so.
        min_entries: as many stay, whatever the limits say.
        max_age: minutes after which a turn leaves.
        compress_threshold: part of ``max_tokens`` above which long turns are shown shortened.
        short: characters above which a turn counts as long, and about what it is shortened to.
        merge_likeness: of two turns as alike as this that say the same, the older leaves.
        manage_every: exchanges between two looks at age, score and repetition.
        half_life: minutes in which a turn that nobody reads loses half of its score; 0: none.
        access_boost: weight of how often it was read.
        least_score: below it a turn leaves.
        least_importance: below it, too; a turn's importance is a tenth of its priority.
        keep_last: the newest turns, which no score makes leave and which are not shortened.
    """

    max_tokens: int = 3000
    target_tokens: int = 2000
    warning_tokens: int = 2500
    max_entries: int = 50
    min_entries: int = 5
    max_age: float = 120
    compress_threshold: float = 0.8
    short: int = 200
    merge_likeness: float = 0.85
    manage_every: int = 5
    half_life: float = 60
    access_boost: float = 0.1
    least_score: float = 0.3
    least_importance: float = 0.2
    keep_last: int = 3

    @classmethod
    def of(cls, settings: Settings) -> "RecentPolicy":
        """The policy of the settings whose names begin with ``recent_``."""
        return cls(**{spec.name: getattr(settings, f"recent_{spec.name}") for spec in fields(cls)})


@dataclass(frozen=True, slots=True)
class Entry:
    """A turn in the buffer, as the policy sees it. Times in seconds UTC.

    Attributes:
        tokens: of the whole text.
        priority: 0 to 10.
        shortened: whether it is shown shortened.
    """

    id: str
    text: str
    tokens: int
    at: float
    accessed_at: float = 0.0
    access_count: int = 0
    priority: int = 5
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What becomes of a buffer.

    Attributes:
        stay: the turns that stay, oldest first, shortened where it says so.
        leave: id -> why, of those that leave.
        tokens: of the buffer as it is shown then.
        warning: whether that is above the policy's warning.
    """

    stay: tuple[Entry, ...]
    leave: dict[str, str] = field(default_factory=dict)
    tokens: int = 0
    warning: bool = False


def score(entry: Entry, now: float, policy: RecentPolicy, confidence: float = 1.0) -> float:
    """The `effective_score` of a turn, at most 1."""
    unread = now - max(entry.at, entry.accessed_at)
    half_life = policy.half_life * MINUTE
    return min(
        1.0,
        effective_score(
            unread, entry.access_count, half_life=half_life, boost=policy.access_boost,
            confidence=confidence,
        ),
    )  # fmt: skip


def shorten(text: str, policy: RecentPolicy) -> str:
    """A long turn as it is shown shortened: its most telling sentences, about ``short`` long."""
    return summarise(text, policy.short, len)


def manage(
    entries: Sequence[Entry],
    now: float,
    policy: RecentPolicy,
    count: Callable[[str], int],
    *,
    thorough: bool = True,
) -> Kept:
    """Which turns stay in the buffer.

    Args:
        entries: oldest first.
        thorough: also go by age, score and repetition, as every so many exchanges; the limits of
            number and tokens hold in any case.
        count: tokens of a text.
    """
    leave = _worn(entries, now, policy) if thorough else {}
    stay = [entry for entry in entries if entry.id not in leave]
    stay = _shortened(stay, policy, count)
    may_go = stay[: -policy.keep_last or None]
    may_go.sort(key=lambda entry: (score(entry, now, policy), entry.at))
    costs = {entry.id: _cost(entry, policy, count) for entry in stay}
    total, left = sum(costs.values()), len(stay)
    full = total > policy.max_tokens
    for entry in may_go:
        if left <= max(policy.min_entries, policy.keep_last):
            break
        if left > policy.max_entries:
            leave[entry.id] = f"more than {policy.max_entries} turns"
        elif full and total > policy.target_tokens:
            leave[entry.id] = f"more than {policy.max_tokens:,} tokens"
        else:
            break
        left -= 1
        total -= costs[entry.id]
    kept = tuple(entry for entry in stay if entry.id not in leave)
    return Kept(kept, leave, total, total > policy.warning_tokens)


def _worn(entries: Sequence[Entry], now: float, policy: RecentPolicy) -> dict[str, str]:
    """The turns that leave for their age, their score or because a newer one repeats them."""
    worn: dict[str, str] = {}
    said = {entry.id: vocabulary(entry.text) for entry in entries}
    most = max(0, len(entries) - max(policy.min_entries, policy.keep_last))
    for number, entry in enumerate(entries[: -policy.keep_last or None]):
        if len(worn) >= most:
            break
        if why := _why(entry, entries[number + 1 :], said, now, policy):
            worn[entry.id] = why
    return worn


def _why(
    entry: Entry,
    newer: Sequence[Entry],
    said: Mapping[str, Set[str]],
    now: float,
    policy: RecentPolicy,
) -> str:
    if any(_names(other.text, entry.id) for other in newer):
        return ""  # still spoken of
    if now - entry.at > policy.max_age * MINUTE:
        return f"older than {policy.max_age:g} minutes"
    if score(entry, now, policy) < policy.least_score:
        return f"score below {policy.least_score:g}"
    if entry.priority / 10 < policy.least_importance:
        return f"importance below {policy.least_importance:g}"
    for other in newer:
        shorter, longer = sorted((len(entry.text), len(other.text)))
        alike = 2 * shorter > longer and (
            likeness(said[entry.id], said[other.id]) >= policy.merge_likeness
        )
        if alike and same_values(words_of(entry.text), words_of(other.text)):
            return f"repeated by {other.id}"
    return ""


def _names(text: str, id: str) -> bool:
    return id in text and re.search(rf"(?<![\w-]){re.escape(id)}(?![\w-])", text) is not None


def _shortened(
    entries: Sequence[Entry], policy: RecentPolicy, count: Callable[[str], int]
) -> list[Entry]:
    """Long turns marked to be shown shortened, oldest first, while there is too much."""
    threshold = policy.compress_threshold * policy.max_tokens
    total = sum(_cost(entry, policy, count) for entry in entries)
    last = len(entries) - policy.keep_last
    result = []
    for number, entry in enumerate(entries):
        long = len(entry.text) > policy.short and not entry.shortened
        if long and number < last and total > threshold:
            short = replace(entry, shortened=True)
            total -= entry.tokens - _cost(short, policy, count)
            entry = short
        result.append(entry)
    return result


def _cost(entry: Entry, policy: RecentPolicy, count: Callable[[str], int]) -> int:
    return count(shorten(entry.text, policy)) if entry.shortened else entry.tokens
