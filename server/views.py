"""What programs read whole: a memory with all its fields, tokens and costs."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from routemem.memory_core.errors import NotFound
from routemem.memory_core.retrieval.fence import DATA
from routemem.memory_core.text.times import iso

if TYPE_CHECKING:
    from routemem.memory_core import Scopes

#: The tools that tell in parts what the state of a scope is, and its usage.
STATE = ("memory_status", "get_facts", "list_tasks", "list_agents", "list_questions")
USAGE = ("memory_status",)


def whole_item(scopes: "Scopes", scope: str, ref: str) -> dict[str, Any]:
    """One memory with all its fields and its whole text.

    Raises:
        NotFound: it is not in this scope.
    """
    found = scopes.look(scope).find(ref)
    if found is None:
        raise NotFound(f"No memory {ref!r} in {scope!r}.")
    fields: dict[str, Any] = asdict(found)
    del fields["row"], fields["digest"]
    if found.trust == "untrusted":  # said before the text is read
        fields = {"trust": found.trust, "origin": found.origin, "read_as": DATA} | fields
    for name in ("when", "created_at", "updated_at", "accessed_at"):
        fields[name] = None if fields[name] is None else iso(fields[name])
    return fields


def usage(scopes: "Scopes", scope: str) -> dict[str, Any]:
    """Tokens and costs by day and model, and how often each tool was called."""
    memory = scopes.look(scope)
    used = memory.boards.usage.all()
    return {
        "cost": round(sum(one.cost for one in used), 8),
        "models": [asdict(one) for one in used],
        "calls": [
            {"op": op, "count": n, "failed": failed, "ms": round(ms, 1)}
            for op, n, failed, ms in memory.store.calls()
        ],
    }
