"""How a memory reads in a block of text for a model: where it comes from, then its words."""

import json
import re
from typing import TYPE_CHECKING

from ..text.times import iso

if TYPE_CHECKING:  # a server that starts needs no records yet
    from ..records import Fact, Hit, Item

#: Every character that some reader takes for the end of a line.
_LINE_END = re.compile("(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])")


def indented(text: str) -> str:
    """The text with every line but the first set in, so that none can pass for a line of ours."""
    return _LINE_END.sub(r"\1  ", text)


def heading(found: "Hit | Item", scope: str = "") -> str:
    """``[a-1] 2026-01-05T12:00 Ann turn (user): ``; trust is said when it is not normal.

    What another memory took the place of says so: ``(user, superseded by a-7)``.

    Args:
        scope: said too, when several were read.
    """
    at = found.created_at if found.when is None else found.when
    who = f" {' '.join(found.speaker.split())}" if found.speaker else ""
    kind = f" {found.kind}" if found.kind != "note" else ""
    source = found.origin if found.trust == "normal" else f"{found.origin}, {found.trust}"
    where = f", {scope}" if scope else ""
    newer = getattr(found, "superseded_by", "")  # an item as it is stored does not know
    where += f", superseded by {newer}" if newer else ""
    return f"[{found.id}] {day(at)}{who}{kind} ({source}{where}): "


def fact_text(fact: "Fact") -> str:
    """``user.city: Ghent (since 2025-01-11)``."""
    value = (
        fact.value if isinstance(fact.value, str) else json.dumps(fact.value, ensure_ascii=False)
    )
    sure = f", confidence {fact.confidence:g}" if fact.confidence != 1 else ""
    where = f", {fact.scope}" if fact.scope else ""
    until = f" until {iso(fact.valid_to)[:10]}" if fact.valid_to is not None else ""
    since = iso(fact.valid_from)[:10]
    return f"{fact.key}: {indented(value)} (since {since}{until}{sure}{where})"


def day(at: float) -> str:
    """Day and minute; the day alone at midnight, which is how a date without a time is kept."""
    return iso(at)[:16]
