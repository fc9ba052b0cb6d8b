"""What a context had no room for, so that each of it can be read: with words, by id, by a call.

As many as half of the room allows are named with a few words, as many more by their bare ids, and
the rest is counted together with the call that lists all of its kind page by page. Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

TITLE = "Left out (recall ids=[…] reads a memory, get_facts keys=[…] a fact):"
#: What lists everything, so also what is not named.
MEMORIES = "recall without a query lists all memories by pages"
FACTS = "get_facts lists all facts, from outside too"
DEEPER = "recall with this question finds the next by pages"
#: Part of the room for those that are said with words when not all are.
WORDED = 0.5

Cost = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that was left out.

    Attributes:
        id: what reads it: a memory's id, a fact's key; "" for what is counted and never named.
        brief: the id and a few words.
        fact: whether it is a fact.
    """

    id: str
    brief: str
    fact: bool = False


def hints(left: Sequence[Hint], room: int, cost: Cost, *, deeper: bool) -> tuple[str, int]:
    """Lines on what was left out, of at most so many tokens, and how many of it they name.

    Args:
        left: the most important first, those without an id last.
        deeper: whether a search would find more than what was looked at.

    Returns:
        The lines; "" when there is nothing to say, or room for nothing. The first of ``left`` are
        those that are named.
    """
    if not left and not deeper:
        return "", 0
    ids = [hint for hint in left if hint.id]
    worded = _within(room - cost(_block(left, 0, 0, deeper)), (h.brief for h in ids), cost)
    if worded < len(ids):
        worded = _within(int(WORDED * room), (hint.brief for hint in left[:worded]), cost)
    paid = cost(_block(left, worded, worded, deeper))
    named = worded + _within(room - paid, (f"{hint.id}, " for hint in ids[worded:]), cost)
    while True:
        said = _block(left, worded, named, deeper)
        if cost(said) <= room:
            return said, named
        if not named:
            break
        named -= 1
        worded = min(worded, named)
    short = f"- {_rest(left, deeper)}\n"
    return (short, 0) if cost(short) <= room else ("", 0)


def shortest(cost: Cost) -> int:
    """Tokens of the least that is said of any number of things left out."""
    some = [Hint("", "", fact=True), *[Hint("", "")] * 998]
    return cost(f"- {_rest(some, deeper=True)}\n")


def _within(room: int, lines: Iterable[str], cost: Cost) -> int:
    """How many of the lines have room."""
    n = 0
    for line in lines:
        room -= cost(f"- {line}\n")
        if room < 0:
            break
        n += 1
    return n


def _block(left: Sequence[Hint], worded: int, named: int, deeper: bool) -> str:
    """The first few with words, the next by id, the others counted."""
    bare = left[worded:named]
    lines = [f"- {hint.brief}" for hint in left[:worded]]
    for title, fact in (("memories", False), ("facts", True)):
        if ids := [hint.id for hint in bare if hint.fact == fact]:
            lines.append(f"- {title} {', '.join(ids)}")
    if rest := _rest(left[named:], deeper):
        lines.append(f"- {rest}")
    return "\n".join([TITLE, *lines]) + "\n"


def _rest(left: Sequence[Hint], deeper: bool) -> str:
    """How many are not named, and the calls that list them."""
    calls = [
        call
        for call, needed in (
            (MEMORIES, any(not hint.fact for hint in left)),
            (FACTS, any(hint.fact for hint in left)),
            (DEEPER, deeper),
        )
        if needed
    ]
    if not calls:
        return ""
    return f"{len(left)} more: {'; '.join(calls)}" if left else f"more: {DEEPER}"
