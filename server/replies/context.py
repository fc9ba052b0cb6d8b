"""How the answers of `log_turn` and `get_context` read, in their two forms."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routemem.memory_core.records import Context, Logged

#: Tokens kept free for everything around the text of a context: names and numbers of the JSON form.
CONTEXT_FRAME = 60
#: Candidates that are told at the most.
MOST = 8


def logged_fields(done: "Logged") -> dict[str, Any]:
    """What `log_turn` did, for programs: candidates are arguments of `set_fact`."""
    fields: dict[str, Any] = {
        "ids": list(done.ids),
        "candidates": [candidate.as_fact() for candidate in done.candidates[:MOST]],
        "recent": {"turns": done.recent, "tokens": done.recent_tokens, "left": dict(done.left)},
        "note": done.note,
    }
    if done.augmented_prompt:
        fields["recalled"] = [hit.id for hit in done.recalled]
        fields["augmented_prompt"] = done.augmented_prompt
    return fields


def logged(done: "Logged") -> str:
    """What `log_turn` says."""
    lines = [f"Logged as {', '.join(done.ids)}."]
    if done.candidates:
        said = "; ".join(
            f"{candidate.key} = {json.dumps(candidate.value, ensure_ascii=False)}"
            for candidate in done.candidates[:MOST]
        )
        lines.append(f"Perhaps facts, none recorded; call set_fact if right: {said}.")
    if done.left:
        lines.append(f"No longer among the recent turns, still recalled: {', '.join(done.left)}.")
    lines += [text for text in (done.note, done.augmented_prompt) if text]
    return "\n".join(lines)


def context_cost(count: Callable[[str], int]) -> Callable[[str], int]:
    """Tokens of a text in the dearer of its two forms: as it is, and inside JSON."""

    def cost(text: str) -> int:
        return max(count(text), count(json.dumps(text, ensure_ascii=False)[1:-1]))

    return cost


def context_told(context: "Context") -> str:
    """What `get_context` says."""
    nothing = "" if context.text or context.omitted else "Nothing is known yet."
    return "\n".join(filter(None, [context.text, nothing, _note(context)]))


def _note(context: "Context") -> str:
    """The warning of a context, and that there is something where nothing is shown."""
    if context.text or not context.omitted:
        return context.note
    left = f"{context.omitted} left out: raise max_tokens, or call recall or get_facts."
    return " ".join(filter(None, [context.note, left]))


def context_fields(context: "Context") -> dict[str, Any]:
    """What `get_context` says, for programs."""
    return {
        "context": context.text,
        "tokens": context.tokens,
        "budget": context.budget,
        "parts": dict(context.parts),
        "omitted": context.omitted,
        "note": _note(context),
    }
