"""How the answers of `log_turn` and `get_context` read, in their two forms."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routemem.memory_core.records import Candidate, Logged

#: Candidates that are told at the most.
MOST = 8


def logged_fields(done: "Logged") -> dict[str, Any]:
    """What `log_turn` did, for programs: candidates are arguments of `set_fact`."""
    fields: dict[str, Any] = {
        "ids": list(done.ids),
        "candidates": [candidate_fields(candidate) for candidate in done.candidates[:MOST]],
        "recent": {"turns": done.recent, "tokens": done.recent_tokens, "left": dict(done.left)},
        "note": done.note,
    }
    if done.augmented_prompt:
        fields["recalled"] = [hit.id for hit in done.recalled]
        fields["augmented_prompt"] = done.augmented_prompt
    return fields


def candidate_fields(candidate: "Candidate") -> dict[str, Any]:
    """A candidate as `set_fact` takes it."""
    return {
        "key": candidate.key,
        "value": candidate.value,
        "confidence": candidate.confidence,
        "source": "user",
    }


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
