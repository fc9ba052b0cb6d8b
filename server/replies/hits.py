"""How a hit reads: a line for a model, fields for a program, and what it costs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from routemem.memory_core.retrieval.fence import DATA, SAMPLE, fenced
from routemem.memory_core.retrieval.lines import day, indented
from routemem.memory_core.text.times import iso

from .words import as_json

if TYPE_CHECKING:
    from routemem.memory_core.records import Hit


def hit_fields(hit: "Hit", *, detailed: bool, scoped: bool = False) -> dict[str, Any]:
    """A hit for programs: always id, text and score; the rest where it says something.

    Args:
        scoped: several scopes were read, so each hit says its own.
    """
    at = day(hit.created_at if hit.when is None else hit.when)
    fields: dict[str, Any] = {
        "id": hit.id,
        "text": hit.text,
        "score": round(hit.score, 3 if detailed else 2),
        "date": at if detailed else at[:10],
        "origin": hit.origin,
    }
    if hit.trust == "untrusted":  # said before the text is read
        said = {"id": hit.id, "trust": hit.trust, "origin": hit.origin, "read_as": DATA}
        fields = said | fields
    spoken = {
        "trust": hit.trust if detailed or hit.trust != "normal" else "",
        "speaker": hit.speaker,
        "kind": hit.kind if hit.kind != "note" else "",
        "state": hit.state if hit.state != "active" else "",
        "neighbour_of": hit.neighbour_of,
        "part_from": hit.offset,
        "summary": hit.abridged,
        "sources": list(hit.sources),
        "superseded_by": hit.superseded_by,
        "cut": not hit.whole and not hit.abridged,
    }
    fields |= {name: value for name, value in spoken.items() if value}
    if scoped or detailed:
        fields["scope"] = hit.scope
    if detailed:
        more = {
            "when": iso(hit.when) if hit.when is not None else "",
            "stored_at": iso(hit.created_at),
            "tags": list(hit.tags),
            "metadata": dict(hit.metadata),
            "key": hit.key,
            "priority": hit.priority,
            "pinned": hit.pinned,
            "tokens": hit.tokens,
            "cosine": None if hit.cosine is None else round(hit.cosine, 3),
        }
        fields |= {name: value for name, value in more.items() if value}
    if hit.signals:
        fields["signals"] = {name: round(value, 4) for name, value in hit.signals.items()}
    return fields


def hit_line(
    hit: "Hit",
    *,
    detailed: bool,
    scoped: bool = False,
    mark: str = SAMPLE,
    terminal: bool = False,
) -> str:
    """A hit for a model: where it comes from, then its text, indented so that it cannot pass for
    a line of ours. What comes from outside stands between two marks, speaker and all.

    Args:
        mark: drawn at random for this answer; see `fenced`.
        terminal: what reads the rest is said in words for the command line.
    """
    fields = hit_fields(hit, detailed=detailed)
    outside = hit.trust == "untrusted"
    said_by = " ".join(hit.speaker.split())
    who = f" {said_by}" if said_by and not outside else ""
    kind = f" {hit.kind}" if hit.kind != "note" else ""
    source = hit.origin if hit.trust == "normal" else f"{hit.origin}, {hit.trust}"
    near = f", beside {hit.neighbour_of}" if hit.neighbour_of else ""
    state = f", {hit.state}" if hit.state != "active" else ""
    state += f", superseded by {hit.superseded_by}" if hit.superseded_by else ""
    cut = _rest(hit, terminal)
    score = "" if hit.cosine is None else f", cos {hit.cosine:.2f}"
    scope = f", {hit.scope}" if scoped else ""
    heading = f"[{hit.id}] {fields['date']}{who}{kind} ({source}{score}{near}{state}{scope}):"
    extra = ""
    if detailed or hit.signals:
        shown = {"id", "text", "score", "date", "origin", "trust", "cosine", "speaker", "kind"}
        shown |= {"state", "neighbour_of", "cut", "summary", "sources", "superseded_by", "read_as"}
        shown |= {"scope"} if scoped else set()
        rest = {name: value for name, value in fields.items() if name not in shown}
        extra = f"\n  {indented(as_json(rest))}" if rest else ""
    if outside:
        spoken = f"{said_by}: {hit.text}" if said_by else hit.text
        return f"{heading} {fenced(f'{spoken}{extra}', mark)}{cut}"
    return f"{heading} {indented(hit.text)}{cut}{extra}"


def _rest(hit: "Hit", terminal: bool) -> str:
    """How a text that is not shown whole is read."""

    def ids(*refs: str) -> str:
        if terminal:
            return " ".join(["routemem recall", *(f"--id {ref}" for ref in refs)])
        return f"ids=[{', '.join(refs)}]"

    form = "--detailed" if terminal else 'format="detailed"'
    if hit.abridged:
        return f" (summary; whole text: {ids(hit.id)}{'' if terminal else ','} {form})"
    part = "" if hit.whole else f" (part; all of it: {ids(hit.id)})"
    return part + (f" (sums up {ids(*hit.sources)}; their texts: {form})" if hit.sources else "")


def hit_cost(
    count: Callable[[str], int], *, detailed: bool, scoped: bool = False
) -> "Callable[[Hit], int]":
    """Tokens of a hit in the dearer of its two forms."""

    def cost(hit: "Hit") -> int:
        structured = as_json(hit_fields(hit, detailed=detailed, scoped=scoped))
        told = hit_line(hit, detailed=detailed, scoped=scoped)
        # The marks that are drawn may take a few tokens more than those that were counted.
        return max(count(told), count(structured)) + (8 if hit.trust == "untrusted" else 2)

    return cost
