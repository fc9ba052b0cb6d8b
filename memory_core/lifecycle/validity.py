"""Facts in two times: when something was true, and when we knew it. Pure.

A key has one timeline of statements that do not overlap. A new statement never deletes an old one:
what it contradicts is retired (no longer believed) and, where part of it still holds, restated
with a shorter interval. So `as_of` asks what was true at a time, and `known_at` what was believed
then. See R. Snodgrass, Developing Time-Oriented Database Applications in SQL, ch. 10.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..records import TRUST_ORDER, Fact

#: Step, seconds, by which a statement without a date is put after one made at the same instant.
INSTANT = 1e-3


@dataclass(frozen=True, slots=True)
class Assertion:
    """How a timeline takes in a statement.

    Attributes:
        retire: statements no longer believed.
        add: statements to store; the asked one comes first. Empty when nothing changes.
        fact: the statement that now holds.
        previous: what was believed for that time before.
    """

    status: Literal["stored", "confirmed", "replaced"]
    retire: tuple[Fact, ...]
    add: tuple[Fact, ...]
    fact: Fact
    previous: Fact | None


def assert_fact(timeline: Sequence[Fact], said: Fact) -> Assertion:
    """Take a statement into the believed timeline of its key.

    Args:
        timeline: believed statements of the key, by ``valid_from``.
        said: the new statement; its ``valid_to`` is ignored: it holds until the next one begins.
    """
    covering = next((f for f in timeline if _covers(f, said.valid_from)), None)
    # What was taken back before it became true holds at no time and bounds nothing.
    later = next((f for f in still_to_end(timeline, said.valid_from) if f is not covering), None)
    if covering and _same(covering, said):
        return _confirm(covering, said)
    if covering is None and later and _same(later, said):
        earlier = _restate(later, said, valid_from=said.valid_from, confidence=_both(later, said))
        return Assertion("confirmed", (later,), (earlier,), earlier, later)
    until = covering.valid_to if covering else later.valid_from if later else None
    new = replace(said, valid_to=until)
    if covering is None:
        return Assertion("stored", (), (new,), new, None)
    before = _restate(covering, said, valid_to=said.valid_from)
    kept = (before,) if before.valid_from < said.valid_from else ()
    return Assertion("replaced", (covering,), (new, *kept), new, covering)


def after(timeline: Sequence[Fact], at: float) -> float:
    """``at``, or just after, when a statement already begins at that very instant."""
    begun = {fact.valid_from for fact in timeline}
    while at in begun:
        at += INSTANT
    return at


def known(facts: Sequence[Fact], at: float | None) -> list[Fact]:
    """The statements believed at a time; now when None."""
    if at is None:
        return [fact for fact in facts if fact.retired_at is None]
    return [
        fact
        for fact in facts
        if fact.recorded_at <= at and (fact.retired_at is None or at < fact.retired_at)
    ]


def valid(facts: Sequence[Fact], at: float) -> list[Fact]:
    """The statements true at a time."""
    return [fact for fact in facts if _covers(fact, at)]


def still_to_end(facts: Sequence[Fact], at: float) -> list[Fact]:
    """The statements true at a time or to become true after it."""
    return [f for f in facts if f.valid_to is None or f.valid_to > max(at, f.valid_from)]


def contradicts_from_outside(step: Assertion, said: Fact) -> bool:
    """Whether a statement from outside would end one that did not come from there."""
    ended = step.previous if step.status == "replaced" else None
    return said.trust == "untrusted" and ended is not None and ended.trust != "untrusted"


def _confirm(old: Fact, said: Fact) -> Assertion:
    surer = _restate(old, said, confidence=_both(old, said))
    # The user's own word makes it theirs; a model may only repeat what it has read.
    if said.source == "user" and old.trust == "untrusted":
        surer = replace(surer, source="user")
    if (surer.confidence, surer.source) == (old.confidence, old.source):
        return Assertion("confirmed", (), (), old, old)
    return Assertion("confirmed", (old,), (surer,), surer, old)


def _restate(old: Fact, said: Fact, **changes: float) -> Fact:
    return replace(old, recorded_at=said.recorded_at, id="", row=0, **changes)  # type: ignore[arg-type]  # only float fields are passed


def _both(old: Fact, said: Fact) -> float:
    """Confidence of two independent statements of the same value; a less trusted one adds none."""
    if _trust(said) < _trust(old):
        return old.confidence
    return round(1 - (1 - old.confidence) * (1 - said.confidence), 6)


def _trust(fact: Fact) -> int:
    return TRUST_ORDER.index(fact.trust)


def _same(one: Fact, two: Fact) -> bool:
    """Whether two facts have the same value of the same type: 1 is not true."""
    return json.dumps(one.value, sort_keys=True) == json.dumps(two.value, sort_keys=True)


def _covers(fact: Fact, at: float) -> bool:
    return fact.valid_from <= at and (fact.valid_to is None or at < fact.valid_to)
