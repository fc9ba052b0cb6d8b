"""How facts read, and how many of them fit in a budget."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from routemem.memory_core.retrieval.fence import DATA, SAMPLE, fenced
from routemem.memory_core.retrieval.lines import fact_text, indented

from .words import FRAME, as_json, new_mark, second

if TYPE_CHECKING:
    from routemem.memory_core.records import Fact, FactChange

#: A value longer than this, characters of JSON, is not said back to who has just set it.
LONG_VALUE = 400
#: A key that says nothing but a name.
_NAME = re.compile(r"[\w.:/@-]+")


def fact_fields(fact: "Fact", *, history: bool) -> dict[str, Any]:
    """A fact for programs."""
    fields: dict[str, Any] = {
        "key": fact.key,
        "value": fact.value,
        "since": second(fact.valid_from),
    }
    if fact.valid_to is not None:
        fields["until"] = second(fact.valid_to)
    if fact.confidence != 1:
        fields["confidence"] = fact.confidence
    if fact.trust == "untrusted":
        said = {"key": fact.key, "trust": fact.trust, "source": fact.source, "read_as": DATA}
        fields = said | fields
    if fact.scope:
        fields["scope"] = fact.scope
    if fact.hides:
        fields["hides"] = list(fact.hides)
    if history:
        fields |= {"id": fact.id, "source": fact.source, "recorded_at": second(fact.recorded_at)}
    return fields


def fact_line(fact: "Fact", *, history: bool, mark: str = SAMPLE) -> str:
    """A fact as a sentence of the narrative; one from outside has its value between two marks."""
    fields = fact_fields(fact, history=history)
    value = fact.value if isinstance(fact.value, str) else as_json(fact.value)
    until = f" until {fields['until']}" if "until" in fields else ""
    sure = f", confidence {fact.confidence:g}" if fact.confidence != 1 else ""
    scope = f" in {fact.scope}" if fact.scope else ""
    hides = f", hides {', '.join(fact.hides)}" if fact.hides else ""
    outside = fact.trust == "untrusted"
    source = f"{fact.source}, {fact.trust}" if outside else fact.source
    id = f"[{fact.id}] " if history else ""
    if not _may_be_named(fact):
        told = fenced(f"{fact.key}: {value}", mark)
    else:
        told = f"{fact.key}: {fenced(value, mark) if outside else indented(value)}"
    return f"{id}{told} (since {fields['since']}{until}{sure}; {source}{scope}{hides})"


def _may_be_named(fact: "Fact") -> bool:
    """Whether a key may stand outside of the marks: one from outside may be a sentence as well."""
    return fact.trust != "untrusted" or _NAME.fullmatch(fact.key) is not None


def fitting_facts(
    facts: "Sequence[Fact]", *, history: bool, budget: int, count: Callable[[str], int]
) -> "tuple[list[Fact], str]":
    """The facts that fit in a budget in either form, and a note that names those that do not.

    Of a history the newest statements of each key are those that are kept.
    """
    if not facts:
        return [], "No facts match. set_fact records one; keys may end in * for a prefix."
    room = budget - FRAME
    kept: list[Fact] = []
    left: list[str] = []
    out = 0
    for fact in _newest_first(facts) if history else facts:
        line = fact_line(fact, history=history)
        fields = as_json(fact_fields(fact, history=history))
        cost = max(count(line), count(fields)) + 2
        if fact.trust == "untrusted":
            cost = max(cost, count(fenced(fields, SAMPLE))) + 6
        if cost <= room:
            kept.append(fact)
            room -= cost
        else:  # one long value must not hide the facts after it
            out += 1
            left += [fact.key] if _may_be_named(fact) else []
    if history:
        fitting = set(map(id, kept))
        kept = [fact for fact in facts if id(fact) in fitting]
        if out and len({fact.key for fact in facts}) == 1:  # its key has been asked for
            newest = kept == list(facts[out:])
            before = f" before {second(kept[0].valid_from)}" if kept and newest else ""
            return kept, (
                f"{out} more did not fit: raise max_tokens, or name a date{before} with as_of."
            )
    return kept, _left_out(list(dict.fromkeys(left)), out, FRAME // 2 + room, count)


def _newest_first(facts: "Sequence[Fact]") -> "list[Fact]":
    """The last statement of every key, then the last but one of each, and so on."""
    later: Counter[tuple[str, str]] = Counter()
    depths = []
    for fact in reversed(facts):
        depths.append((later[fact.key, fact.scope], fact))
        later[fact.key, fact.scope] += 1
    return [fact for _, fact in sorted(reversed(depths), key=itemgetter(0))]


def _left_out(keys: list[str], n: int, room: int, count: Callable[[str], int]) -> str:
    """A note on facts that did not fit, with as many of their keys as there is room for."""
    if not n:
        return ""
    note = f"{n} more did not fit: raise max_tokens, or ask for "
    named = ""
    for key in keys:
        longer = f"{named}, {key}" if named else key
        if count(note + longer) + 4 > room:
            break
        named = longer
    some = "" if named.count(", ") + bool(named) == len(keys) else " and others"
    return f"{note}{named}{some}." if named else f"{note}fewer keys."


def facts_told(facts: "Sequence[Fact]", note: str, *, history: bool, form: str) -> str:
    """What `get_facts` says, a line a fact: as JSON, as a sentence, or bare for a prompt."""
    mark = new_mark()

    def line(fact: "Fact") -> str:
        if form == "narrative":
            return fact_line(fact, history=history, mark=mark)
        said = fact_text(fact) if form == "prompt" else as_json(fact_fields(fact, history=history))
        return fenced(said, mark) if fact.trust == "untrusted" else indented(said)

    lines = [line(fact) for fact in facts]
    return "\n".join([*lines, note] if note else lines)


def fact_set(change: "FactChange") -> str:
    """What `set_fact` says."""
    if change.status == "held":
        return f"{change.fact.key}: {change.note}" if _may_be_named(change.fact) else change.note
    mark = new_mark()
    now = fact_line(_cut_value(change.fact), history=False, mark=mark)
    note = f" {change.note}" if change.note else ""
    if change.status == "confirmed":
        return f"Already known: {now}.{note}"
    before = change.previous
    said = f" Before: {fact_line(_cut_value(before), history=False, mark=mark)}." if before else ""
    return f"Recorded {now}.{said}{note}"


def fact_set_fields(change: "FactChange") -> dict[str, Any]:
    """What `set_fact` says, for programs; a long value is cut to its beginning."""
    if change.status == "held":
        named = {"key": change.fact.key} if _may_be_named(change.fact) else {}
        return named | {"held": change.fact.id}
    cut = _cut_value(change.fact)
    return fact_fields(cut, history=False) | ({} if cut is change.fact else {"cut": True})


def _cut_value(fact: "Fact") -> "Fact":
    said = as_json(fact.value)
    return fact if len(said) <= LONG_VALUE else replace(fact, value=said[:LONG_VALUE] + "…")
