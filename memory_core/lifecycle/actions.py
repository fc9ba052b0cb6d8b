"""What a model wants done with what it reviewed: read out of whatever it wrote. Pure.

Models wrap JSON in fences and prose, and run out of tokens in the middle. Every complete action in
the text is read; what is cut off is left out. Nothing is guessed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, cast

Name = Literal["KEEP", "DELETE", "COMPRESS", "PROMOTE"]
NAMES: tuple[str, ...] = ("KEEP", "DELETE", "COMPRESS", "PROMOTE")
#: Other names of a field (the first: Memory Framework's own).
_ALSO = {"compressed": "summary", "key": "fact_key", "value": "fact_value", "to": "scope"}
#: Characters and places of a text that are looked at: a model's answer, not a book.
_LONGEST, _PLACES = 200_000, 5_000


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do with one memory.

    Attributes:
        summary: for COMPRESS: the words to show; "" lets sentences be chosen.
        fact_key: for PROMOTE to a fact, with its value.
        scope: for PROMOTE to another scope.
        reason: why; kept in the audit where it cannot quote what is deleted.
    """

    id: str
    action: Name
    summary: str = ""
    fact_key: str = ""
    fact_value: Any = None
    scope: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that was meant as an action and is none, and why."""

    id: str
    why: str


def read_actions(said: Any) -> list[Action | Unread]:
    """Actions from a list, an object with ``actions``, or a text that holds either."""
    found = list(_in_text(said[:_LONGEST])) if isinstance(said, str) else list(_in_value(said))
    return [_action(raw) for raw in found]


def _in_value(said: Any) -> Iterator[Any]:
    if isinstance(said, Mapping) and not {"action", "id"} & said.keys():
        inner = said.get("actions", [])
        yield from _in_value(inner) if isinstance(inner, list | Mapping | str) else ()
    elif isinstance(said, Mapping):
        yield said
    elif isinstance(said, str):
        yield from _in_text(said[:_LONGEST])
    elif isinstance(said, list | tuple):
        for each in said:
            yield from _in_value(each) if isinstance(each, Mapping | str) else [each]


def _in_text(text: str) -> Iterator[Any]:
    """Objects with an action, in order; a bracket that does not close is looked into."""
    decoder = json.JSONDecoder()
    at = 0
    for _ in range(_PLACES):
        starts = [place for place in (text.find("{", at), text.find("[", at)) if place >= 0]
        if not starts:
            return
        at = min(starts)
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        at = end
        yield from (each for each in _in_value(value) if isinstance(each, Mapping))


def _action(raw: Any) -> Action | Unread:
    if not isinstance(raw, Mapping):
        return Unread("", f"{str(raw)[:40]!r} is no object with id and action")
    said = {_ALSO.get(str(key), str(key)): value for key, value in raw.items() if value is not None}
    id = str(said.get("id", "")).strip()
    names = [spec.name for spec in fields(Action)]
    if unknown := [name for name in said if name not in names]:
        near = get_close_matches(unknown[0], names, 1)
        hint = f" (did you mean {near[0]!r}?)" if near else f"; fields: {', '.join(names)}"
        return Unread(id, f"there is no field {unknown[0][:40]!r}{hint}")
    name = str(said.get("action", "")).strip().upper()
    if not id or name not in NAMES:
        what = f"action {name[:20]!r}, expected one of {', '.join(NAMES)}" if id else "no id"
        return Unread(id, what)
    for field in ("summary", "fact_key", "scope", "reason"):
        if not isinstance(said.get(field, ""), str):
            return Unread(id, f"{field} must be text")
    more = {field: value for field, value in said.items() if field not in ("id", "action")}
    return Action(id, cast(Name, name), **more)
