"""How compressing and reviewing answer: words for a model or a person, fields for programs."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .replies import FRAME, hit_cost, hit_fields, hit_line

if TYPE_CHECKING:
    from routemem.memory_core.records import Compressed, Hit


# ---------------------------------------------------------------------- compress


def compressed_fields(one: "Compressed") -> dict[str, Any]:
    """What `compress` did to one memory, for programs."""
    fields = {name: value for name, value in asdict(one).items() if value}
    return fields | {"sources": list(one.sources)} if one.sources else fields


def compressed_told(done: "Sequence[Compressed]") -> str:
    """What `compress` says of memories it was given."""
    return "\n".join(map(_compressed_line, done))


def _compressed_line(one: "Compressed") -> str:
    if not one.method:
        return f"{one.id}: unchanged, {one.before} tokens. {one.note}"
    said = f"{one.before} -> {one.after} tokens ({one.method})"
    note = f" {one.note}" if one.note else ""
    if one.sources:
        return (
            f"{one.id} stands for {', '.join(one.sources)}: {said}.{note} Their texts are kept; "
            'forget(mode="restore") shows one again.'
        )
    return f'{one.id}: {said}.{note} The text is kept; forget(mode="restore") shows it again.'


def candidates_fitting(
    hits: "Sequence[Hit]", budget: int, count: Callable[[str], int]
) -> "list[Hit]":
    """The candidates that fit in a budget in either form."""
    cost = hit_cost(count, detailed=False)
    room, kept = budget - FRAME, []
    for hit in hits:
        if cost(hit) <= room:
            kept.append(hit)
            room -= cost(hit)
    return kept


def candidates_told(hits: "Sequence[Hit]") -> str:
    """What `compress` says when it is given nothing."""
    if not hits:
        return "Nothing is worth compressing: what is not pinned is short already."
    n = f"{len(hits)} {'memory' if len(hits) == 1 else 'memories'}"
    lines = (hit_line(hit, detailed=False) for hit in hits)
    return "\n".join([f"{n} worth compressing, least needed first; data:", *lines])


def candidate_fields(hits: "Sequence[Hit]") -> list[dict[str, Any]]:
    """The candidates for programs."""
    return [hit_fields(hit, detailed=False) | {"tokens": hit.tokens} for hit in hits]
