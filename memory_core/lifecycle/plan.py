"""What should happen to which item: one pure function, for the dry run and the real one.

Two reasons to act. Hygiene goes by how long nobody has read an item: it is compressed, later
archived, and only if that was switched on deleted. The budget goes by what all of it costs: from
the trigger on, items are compressed until the target is reached. Both take the lowest priority
first, then the lowest effective score; what is pinned is never touched, nor are the newest few.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..records import State
from .score import effective_score

DAY = 86_400.0
#: Share of its tokens a text is taken to have once it is compressed.
EXPECTED = 0.25

Step = Literal["compress", "archive", "delete"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a policy looks at of an item: everything but its words.

    Attributes:
        characters: of the whole text.
        tokens: of the whole text.
        summary_tokens: of its summary; 0 when it has none of its own.
    """

    id: str
    priority: int
    pinned: bool
    state: State
    characters: int
    tokens: int
    summary_tokens: int
    created_at: float
    accessed_at: float
    access_count: int

    @property
    def used_at(self) -> float:
        """When it was last read, or stored."""
        return max(self.accessed_at, self.created_at)

    @property
    def cost(self) -> int:
        """Tokens it is shown with at present; archived items are not shown."""
        return {"active": self.tokens, "compressed": self.summary_tokens}.get(self.state, 0)

    @property
    def saving(self) -> int:
        """Tokens that compressing it is expected to save."""
        after = self.summary_tokens or math.ceil(EXPECTED * self.tokens)
        return max(0, self.tokens - after) if self.state == "active" else 0


@dataclass(frozen=True, slots=True)
class Policy:
    """When to act. A number of days that is 0 switches its rule off.

    Attributes:
        compress_days: unread for so long: compressed.
        archive_days: unread for so long: archived.
        archive_days_high: the same for priorities from ``high`` on.
        delete_days: archived and unread for so long: deleted.
        characters: shorter texts are never compressed.
        most: items one run compresses at the most.
        keep: the items used last that are never touched.
        trigger: share of the context from which on the budget acts.
        target: share of the context it then goes down to.
        context: tokens of the model's context.
        half_life: days in which an unread item loses half of its score; 0: it loses nothing.
        boost: weight of how often it was read; 0: none.
    """

    compress_days: float = 7
    archive_days: float = 30
    archive_days_high: float = 90
    delete_days: float = 0
    high: int = 8
    characters: int = 200
    most: int = 50
    keep: int = 3
    trigger: float = 0.75
    target: float = 0.5
    context: int = 128_000
    half_life: float = 30
    boost: float = 0.1


@dataclass(frozen=True, slots=True)
class Action:
    """One step for one item, and why."""

    id: str
    step: Step
    why: str


def plan(
    now: float, items: Sequence[Subject], policy: Policy, *, used: int = 0, allowance: int = -1
) -> list[Action]:
    """What to do now, the first things first. Each item is named once at the most.

    Args:
        now: seconds UTC.
        items: of one scope, in any order; those already deleted are not among them.
        used: tokens that everything shown costs at present, these items included.
        allowance: most actions; -1 for as many as there are.
    """
    free = [item for item in items if not item.pinned]
    newest = sorted(items, key=lambda item: (-item.used_at, item.id))[: policy.keep]
    free = [item for item in free if item not in newest]
    free.sort(key=lambda item: rank(now, item, policy))
    actions = {action.id: action for action in _hygiene(now, free, policy)}
    freed = sum(_freed(item, actions[item.id]) for item in free if item.id in actions)
    for action in _budget(free, policy, used - freed, set(actions), used):
        actions[action.id] = action
    ordered = [actions[item.id] for item in free if item.id in actions]
    return ordered if allowance < 0 else ordered[:allowance]


def rank(now: float, item: Subject, policy: Policy) -> tuple[int, float, float, str]:
    """Sorts what is given up first to the front: priority, score, last use."""
    return item.priority, worth(now, item, policy), item.used_at, item.id


def worth(now: float, item: Subject, policy: Policy) -> float:
    """The `effective_score` of an item."""
    return effective_score(
        now - item.used_at, item.access_count, half_life=policy.half_life * DAY, boost=policy.boost
    )


def compressible(item: Subject, policy: Policy) -> bool:
    """Whether compressing it would be worth it."""
    return item.state == "active" and item.characters > policy.characters and item.saving > 0


def _hygiene(now: float, items: Sequence[Subject], policy: Policy) -> list[Action]:
    actions = []
    compressed = 0
    for item in items:
        unread = (now - item.used_at) / DAY
        archive = policy.archive_days_high if item.priority >= policy.high else policy.archive_days
        if item.state == "archived":
            if 0 < policy.delete_days <= unread:
                actions.append(Action(item.id, "delete", f"archived, unread for {unread:.0f} days"))
        elif 0 < archive <= unread:
            actions.append(Action(item.id, "archive", f"unread for {unread:.0f} days"))
        elif 0 < policy.compress_days <= unread and compressible(item, policy):
            if compressed < policy.most:
                actions.append(Action(item.id, "compress", f"unread for {unread:.0f} days"))
            compressed += 1
    return actions


def _budget(
    items: Sequence[Subject], policy: Policy, left: int, taken: set[str], used: int
) -> list[Action]:
    """Compress from the front until the target is reached; nothing below the trigger."""
    if policy.context <= 0 or used < policy.trigger * policy.context:
        return []
    why = f"{used / policy.context:.0%} of the context is used"
    actions: list[Action] = []
    for item in items:
        if left <= policy.target * policy.context or len(actions) + len(taken) >= policy.most:
            break
        if item.id not in taken and compressible(item, policy):
            actions.append(Action(item.id, "compress", why))
            left -= item.saving
    return actions


def _freed(item: Subject, action: Action) -> int:
    return item.saving if action.step == "compress" else item.cost
