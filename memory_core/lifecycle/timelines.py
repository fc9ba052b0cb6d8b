"""Two histories of one key become one: at each time the newest statement is believed. Pure.

What came from outside is believed only where nothing else is known, however new it is.

Nothing that either side ever said is lost: a statement that no longer holds, or no longer all the
time it said, is retired, and what is left of it is restated.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import Any

from ..records import TRUST_ORDER, Fact


@dataclass(frozen=True, slots=True)
class Merge:
    """What to do to our statements.

    Attributes:
        retire: ours that are no longer believed as they are.
        add: statements to store, theirs and what is left of those retired.
    """

    retire: tuple[Fact, ...]
    add: tuple[Fact, ...]


def merge(ours: Sequence[Fact], theirs: Sequence[Fact], now: float) -> Merge:
    """Take their statements about a key into ours; those we have already change nothing.

    Of two believed statements about one time the more trusted wins, then the one recorded later; if
    at once, the one that begins later, and then ours.
    """
    known = {_said(fact) for fact in ours}
    fresh = list({_said(fact): fact for fact in theirs if _said(fact) not in known}.values())
    believed = [fact for fact in (*ours, *fresh) if fact.retired_at is None]
    left = _shares(believed)
    retire, add = [], [fact for fact in fresh if fact.retired_at is not None]
    for number, fact in enumerate(believed):
        is_ours = number < len(believed) - sum(f.retired_at is None for f in fresh)
        if left[number] == [(fact.valid_from, _end(fact))] or fact.valid_from == fact.valid_to:
            add += [] if is_ours else [fact]
            continue
        if is_ours:
            retire.append(fact)
        else:
            add.append(replace(fact, retired_at=max(now, fact.recorded_at)))
        add += [_piece(fact, start, end, now) for start, end in left[number]]
    return Merge(tuple(retire), tuple(add))


def _shares(believed: Sequence[Fact]) -> list[list[tuple[float, float]]]:
    """For each statement the stretches of time in which it is the one to believe."""

    def precedence(number: int) -> tuple[int, float, float, int]:
        fact = believed[number]
        return TRUST_ORDER.index(fact.trust), fact.recorded_at, fact.valid_from, -number

    edges = sorted({edge for fact in believed for edge in (fact.valid_from, _end(fact))})
    shares: list[list[tuple[float, float]]] = [[] for _ in believed]
    for start, end in pairwise(edges):
        there = [n for n, f in enumerate(believed) if f.valid_from <= start and end <= _end(f)]
        if not there:
            continue
        share = shares[max(there, key=precedence)]
        if share and share[-1][1] == start:
            share[-1] = (share[-1][0], end)
        else:
            share.append((start, end))
    return shares


def _piece(fact: Fact, start: float, end: float, now: float) -> Fact:
    return replace(
        fact,
        valid_from=start,
        valid_to=None if end == inf else end,
        recorded_at=max(now, fact.recorded_at),
        id="",
        row=0,
    )


def _end(fact: Fact) -> float:
    return inf if fact.valid_to is None else fact.valid_to


def _said(fact: Fact) -> tuple[Any, ...]:
    """What makes two statements the same one; whether it is believed does not."""
    value = json.dumps(fact.value, sort_keys=True)
    return (value, fact.confidence, fact.source, fact.valid_from, fact.valid_to, fact.recorded_at)
