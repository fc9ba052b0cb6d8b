"""How answers about the quarantine read. Never a word of what is held."""

import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from routemem.memory_core.text.times import iso

from .memory import pending
from .words import FRAME

if TYPE_CHECKING:
    from routemem.memory_core.records import Quarantined

#: Tokens of a list.
BUDGET = 1500


def held_fields(held: "Quarantined") -> dict[str, Any]:
    """What is held, for programs."""
    fields = {
        "id": held.id,
        "scope": held.scope,
        "what": held.what,
        "type": held.context_type,
        "reason": held.reason,
        "origin": held.origin,
        "held_at": iso(float(int(held.at))),
    }
    more = {"held_with": held.part_of, "erasure": held.erasure, "left_in": list(held.left_in)}
    return fields | {name: value for name, value in more.items() if value}


def held_line(held: "Quarantined") -> str:
    """What is held, in a line."""
    beside = f", with {held.part_of}" if held.part_of else ""
    return (
        f"[{held.id}] {iso(held.at)[:16]} {held.what} ({held.context_type}, {held.origin}"
        f"{beside}) in {held.scope}: {held.reason or 'no reason given'}"
    )


def listed(
    held: "Sequence[Quarantined]", count: Callable[[str], int]
) -> "tuple[list[Quarantined], str]":
    """As many entries as fit, and a note on the rest."""
    room, kept = BUDGET - FRAME, []
    for one in held:
        room -= max(count(held_line(one)), count(str(held_fields(one)))) + 2
        if room < 0:
            break
        kept.append(one)
    left = len(held) - len(kept)
    return kept, f"{left} more: routemem vault list shows all." if left else ""


def held_told(held: "Sequence[Quarantined]", note: str = "") -> str:
    """What is held, for a model or a person."""
    if not held:
        return "Nothing is held in quarantine."
    lines = [held_line(one) for one in held]
    if waits := [one for one in held if one.erasure == "pending"]:
        lines.append(pending(waits[0].left_in))
    name = held[0].id if len(held) == 1 else "ID"
    lines.append(note or f"Only a person can let it out: routemem vault release {name}.")
    return "\n".join(lines)


def question(verb: str, held: "Quarantined") -> str:
    """What the person is asked."""
    about = f"{held.what} {held.id}, held since {iso(held.at)[:10]}, from {held.origin}"
    reason = held.reason or "none given"
    if verb == "purge":
        return f"Destroy for good what is in quarantine? {about}. Reason: {reason}."
    return (
        f"Release from quarantine, so that the model can read it again? {about}. Reason: {reason}. "
        f"To see it first: routemem vault show {held.id}"
    )


def settled(status: str, verb: str, ids: Sequence[str], data_dir: str) -> str:
    """How it ended."""
    named = ", ".join(ids)
    folder = f" --data-dir {shlex.quote(data_dir)}" if data_dir else ""
    return {
        "released": f"{named}: released by the user, recallable again.",
        "purged": f"{named}: destroyed by the user's decision.",
        "declined": f"{named}: the user did not agree; it stays held.",
        "needs_person": f"{named}: nothing was changed. This client cannot ask its user; only they "
        f"can do it, in a terminal: routemem vault {verb} {named}{folder}",
    }[status]
