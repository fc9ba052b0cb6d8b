"""How answers about whole scopes read: a text, and fields for programs."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from routemem.memory_core.text.times import iso

from .words import counted

if TYPE_CHECKING:
    from routemem.memory_core import Memory
    from routemem.memory_core.lifecycle.models import Cost
    from routemem.memory_core.lifecycle.plan import Action
    from routemem.memory_core.records import Usage
    from routemem.memory_core.scopes.emptying import Emptied
    from routemem.memory_core.transfer import Exported, Imported

Told = tuple[str, dict[str, Any]]
#: Tokens of a list.
BUDGET = 1200
BOARDS = ("tasks", "agents", "questions")


def exported(file: str, done: "Exported") -> Told:
    """What `export_memory` says."""
    held = {name: n for name, n in done.lines.items() if n}
    told = ", ".join(f"{n} {name}{'s' if n != 1 else ''}" for name, n in held.items()) or "nothing"
    fields = {"file": file, "lines": held, "sha256": done.sha256}
    return f"Exported {told} to {file} (sha256 {done.sha256[:12]}…).", fields


def imported(done: "Imported", *, undone: bool = False) -> Told:
    """What `import_memory` says.

    Args:
        undone: the scope had been emptied, and that was undone.
    """
    added = {name: n for name, n in done.added.items() if n}
    parts = [f"{n} {name}{'s' if n != 1 else ''} added" for name, n in added.items()]
    counts = {
        "merged": done.merged,
        "known already": done.known,
        "forgotten here and not brought back": done.forgotten,
        "held: vault list": len(done.held),
        "under new ids": len(done.renamed),
        "trusted less than before": done.distrusted,
    }
    parts += [f"{n} {what}" for what, n in counts.items() if n]
    fields = {
        "from_scope": done.scope,
        "added": added,
        "merged": done.merged,
        "known": done.known,
        "forgotten": done.forgotten,
        "held": len(done.held),
        "renamed": len(done.renamed),
        "distrusted": done.distrusted,
    }
    did = "Brought back" if undone else "Imported from"
    return f"{did} {done.scope}: {', '.join(parts) or 'nothing new'}.", fields


def scopes_listed(
    counted: Sequence[tuple[str, int, int]], total: int, count: Callable[[str], int]
) -> Told:
    """What `list_scopes` says."""
    lines, fields, room = [], [], BUDGET
    for name, items, facts in counted:
        line = f"{name}: {contents_told({'items': items, 'facts': facts})}"
        room -= 2 * count(line) + 12
        if room < 0:
            break
        lines.append(line)
        fields.append({"scope": name, "items": items, "facts": facts})
    left = total - len(lines)
    note = f"{left} more." if left else ""
    return "\n".join([*lines, *filter(None, [note])]) or "No scopes yet.", {
        "scopes": fields,
        "note": note,
    }


def contents(memory: "Memory") -> dict[str, int]:
    """What a scope holds, by kind: memories and facts in any case, cards where there are some."""
    cards = {board: len(memory.boards.every(board)) for board in BOARDS}
    counts = {"items": memory.store.count_items(), "facts": memory.store.count_facts()}
    return counts | {board: n for board, n in cards.items() if n}


def contents_told(holds: Mapping[str, int]) -> str:
    """``3 memories, 1 fact, 2 tasks``."""
    words = {"items": ("memory", "memories")}
    return ", ".join(
        counted(n, *words.get(kind, (kind.removesuffix("s"),))) for kind, n in holds.items()
    )


def cleared(scope: str, holds: Mapping[str, int], word: str, done: "Emptied | None") -> Told:
    """What `clear_scope` says.

    Args:
        holds: its `contents`.
    """
    if done is None:
        fields: dict[str, Any] = {"scope": scope, **holds, "confirm": word}
        return (
            f"{scope} holds {contents_told(holds)}; nothing was changed. If the user agrees, call "
            f"again with confirm={word!r}."
        ), fields
    until = iso(float(int(done.undo_until))) if done.undo_until else ""
    again = f"routemem clear --scope {shlex.quote(scope)} --undo"
    undo = f" `{again}` brings it back until {until}." if until else ""
    fields = {"scope": scope, "cleared": done.items, "undo_until": until, "erasure": done.erasure}
    return f"{scope} is empty.{undo}", fields


def tended(actions: "Sequence[Action]", dry_run: bool, count: Callable[[str], int]) -> Told:
    """What `run_hygiene` says."""
    lines, fields, room = [], [], BUDGET
    for action in actions:
        line = f"{action.id}: {action.step} ({action.why})"
        room -= 2 * count(line) + 16
        if room < 0:
            break
        lines.append(line)
        fields.append({"id": action.id, "action": action.step, "why": action.why})
    head = f"{len(actions)} {'would change' if dry_run else 'changed'}."
    left = len(actions) - len(lines)
    note = f"{left} more not listed." if left else ""
    again = " dry_run=false does it; forget with mode=restore undoes it." if dry_run else ""
    told = "\n".join([head + (again if actions else ""), *lines, *filter(None, [note])])
    return told, {"count": len(actions), "dry_run": dry_run, "actions": fields, "note": note}


def used(cost: "Cost", sums: "Sequence[Usage]") -> Told:
    """What `track_usage` says."""
    total = sum(one.cost for one in sums)
    fields = {
        "cost": round(cost.usd, 8),
        "model": cost.model,
        "total_cost": round(total, 8),
        "note": cost.warning,
    }
    warning = f" {cost.warning}" if cost.warning else ""
    return f"${cost.usd:.6g} ({cost.model}); ${total:.6g} in all.{warning}", fields
