"""How the answers of `remember`, `forget` and `memory_status` read."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from routemem.memory_core.text.times import iso

from .words import as_json, counted, second

if TYPE_CHECKING:
    from routemem.memory_core.records import Forgotten, Receipt, Status, Utilisation


def remembered(receipt: "Receipt") -> str:
    """What `remember` says."""
    known = f"{receipt.id} in {receipt.scope}"
    said = {
        "stored": f"Stored as {known}.",
        "known": f"Already known as {known}; nothing new was stored.",
        "updated": f"Updated {known}.",
        "restored": f"Known as {known}, which was archived: it is active again.",
        "held": f"{known}:",
    }[receipt.status]
    return said + (f" {receipt.note}" if receipt.note else "")


def advice(budget: "Utilisation", tools: Collection[str]) -> str:
    """What to do about a full context, by the tools that are on; "" below the trigger."""
    if not budget.high:
        return ""
    first = next((name for name in ("review_memory", "compress") if name in tools), "")
    do = f"call {first}" if first else "routemem hygiene makes room"
    return f"{budget.percent} % of budget: {do}."


def noted(note: str, budget: "Utilisation", tools: Collection[str]) -> str:
    """A note with the advice behind it."""
    return " ".join(filter(None, [note, advice(budget, tools)]))


def forgotten_fields(one: "Forgotten") -> dict[str, Any]:
    """What `forget` did to one memory, for programs."""
    fields: dict[str, Any] = {"id": one.id, "state": one.state}
    if one.undo_until is not None:
        fields["undo_until"] = iso(one.undo_until)
    if one.erasure:
        fields["erasure"] = one.erasure
    if one.left_in:
        fields["left_in"] = list(one.left_in)
    if one.also:
        fields["also"] = list(one.also)
    fields |= {
        name: said
        for name, said in (("note", one.note), ("scope", one.scope), ("shows", one.shows))
        if said
    }
    return fields


def forgot(done: "Sequence[Forgotten]", *, terminal: bool = False) -> str:
    """What `forget` says.

    Args:
        terminal: in words for the command line.
    """
    restore = "--mode restore" if terminal else 'mode="restore"'
    said = []
    for state, hint in _NOW.items():
        now = [one for one in done if one.state == state and not one.fact]
        until = max((one.undo_until or 0.0 for one in now), default=0.0)
        undo = f" {restore} brings it back until {second(until)}." if until else ""
        back = f"; {restore} brings a memory back." if state == "archived" else "."
        if now:
            said.append(f"{', '.join(one.id for one in now)}: {hint}{back}{undo}")
    said += [f"{_named(one)}: {one.note}" for one in done if one.note]
    if ended := [_named(one) for one in done if one.fact and not one.note]:
        again = "`routemem facts KEY=VALUE`" if terminal else "set_fact"
        said.append(
            f"{', '.join(ended)}: no longer true; the history is kept. {again} states it again."
        )
    scope = "--scope {}" if terminal else 'scope="{}"'
    said += [
        f"{one.id} is still read, from {one.shows}: {scope.format(one.shows)} forgets that one."
        for one in done
        if one.shows
    ]
    if also := [id for one in done for id in one.also]:
        said.append(f"Made of them and erased with them: {', '.join(also)}.")
    if waits := [one for one in done if one.erasure == "pending"]:
        said.append(pending(waits[0].left_in))
    return "\n".join(said)


def _named(one: "Forgotten") -> str:
    return f"{one.id} in {one.scope}" if one.scope else one.id


def pending(left_in: "Sequence[str]") -> str:
    """Why not every byte of what was erased is gone yet.

    Args:
        left_in: files that cannot be changed.
    """
    if not left_in:
        return "A reader still holds the log; the last bytes go as soon as it ends."
    some = ", ".join(left_in[:5]) + (f" and {len(left_in) - 5} more" if len(left_in) > 5 else "")
    return (
        f"Not yet erased from {some}, which cannot be changed; tried again every minute. "
        "Tell the user to make it writable, or to delete it."
    )


#: What a memory's state means after `forget`.
_NOW = {
    "active": "back in recall",
    "compressed": "back in recall",
    "archived": "out of recall",
    "deleted": "the text is erased",
    "purged": "the text is erased and cannot be brought back",
}


def status_note(status: "Status") -> str:
    """What is not as it should be; "" when all is well."""
    if status.degraded or not status.pending:
        return status.degraded
    return f"{status.pending} passages wait for their vector; found by their words meanwhile."


def budget_fields(budget: "Utilisation") -> dict[str, Any]:
    """How full the model's context would be, for programs."""
    return {
        "used": budget.used,
        "context": budget.context,
        "percent": budget.percent,
        "model": budget.model,
    }


def status_told(
    status: "Status", detail: dict[str, Any], budget: "Utilisation", tools: Collection[str]
) -> str:
    """What `memory_status` says."""
    full = (
        f"Budget: {budget.used:,} of {budget.context:,} tokens ({budget.percent} %), "
        f"model {budget.model}. {advice(budget, tools)}"
    )
    counts = ", ".join(f"{n} {state}" for state, n in status.items.items() if n) or "nothing yet"
    heading = (
        f"Scope {status.scope}: {counts}; {counted(status.facts, 'fact')}. Search: {status.mode}."
    )
    lines = [
        heading,
        full.rstrip(),
        status_note(status),
        *(
            f"{name}: {as_json(said) if isinstance(said, dict | list) else said}"
            for name, said in detail.items()
        ),
    ]
    return "\n".join(line for line in lines if line)
