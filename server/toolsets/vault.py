"""quarantine; and, when asked for, list_quarantine, release_quarantine, purge_quarantine.

A model may hold things back, never let them out: release and purge happen on a person's answer,
and where the client cannot ask its user, nothing happens and the command for a terminal is told.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import (
    AcceptedElicitation,
    Context,
    DeclinedElicitation,
    Elicit,
    ElicitationResult,
    Resolve,
)
from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from ..arguments import Names
from ..asking import can_ask
from ..callers import caller
from ..calls import Calls
from ..replies.vault import held_fields, held_told, listed, question, settled
from ..results import QuarantineOut
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Scopes
    from routemem.memory_core.records import Quarantined


class Decision(BaseModel):
    """What a person answers."""

    confirm: bool = Field(description="Yes, do it", default=False)


def _quarantine(calls: Calls) -> Tool:
    async def quarantine(
        reason: Annotated[str, Field(description="Without the content itself")],
        ids: Names = [],  # noqa: B006  pydantic copies defaults
        content: Annotated[str, Field(description="A text that must not be kept")] = "",
        context_type: str = "sensitive",
        scope: str = "",
    ) -> CallToolResult:
        """Take memories or facts out of everything: a secret, private matter, a suspicious text.
        Only a person can release them.
        """

        def work(scopes: "Scopes") -> "tuple[Memory, list[Quarantined]]":
            return scopes.quarantine(
                ids, content=content, reason=reason, context_type=context_type, scope=scope
            )

        done = await calls.run("quarantine", work)
        out = QuarantineOut(held=[*map(held_fields, done)], note="")
        return answer(held_told(done), out)

    return quarantine


def _list(calls: Calls) -> Tool:
    async def list_quarantine(scope: str = "") -> CallToolResult:
        """List what is held: id, reason, origin, date; never the content. Empty scope: all."""

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[list[Quarantined], str]]":
            return scopes.look(scope), listed(scopes.held(scope), scopes.counter.count)

        held, note = await calls.run("list_quarantine", work)
        out = QuarantineOut(held=[*map(held_fields, held)], note=note)
        return answer(held_told(held, note), out)

    return list_quarantine


Verb = Literal["release", "purge"]


def _asking(calls: Calls, verb: Verb) -> Callable[..., Any]:
    async def asked(id: str, scope: str, ctx: Context[Any, Any]) -> Elicit[Decision] | None:
        """Put the question to the person, where the client can."""

        def work(scopes: "Scopes") -> "tuple[Memory, Quarantined]":
            memory = scopes.locate(id, scope)
            return memory, memory.vault.get(id)

        held = await calls.run(f"{verb}_quarantine", work)
        return Elicit(question(verb, held), Decision) if can_ask(ctx) else None

    return asked


async def _settle(
    calls: Calls, verb: Verb, id: str, scope: str, given: ElicitationResult[Decision]
) -> CallToolResult:
    """Do it if a person said so; say how a person can where none was asked."""
    asked = given.data is not None if isinstance(given, AcceptedElicitation) else True
    yes = isinstance(given, AcceptedElicitation) and given.data is not None and given.data.confirm
    declined = isinstance(given, DeclinedElicitation) or (asked and not yes)

    def work(scopes: "Scopes") -> "tuple[Memory, tuple[str, list[str]]]":
        memory = scopes.locate(id, scope)
        held = memory.vault.get(id)
        if not yes:
            return memory, ("declined" if declined else "needs_person", [held.id])
        if verb == "purge":
            return memory, ("purged", memory.vault.purge(id))
        return memory, ("released", [receipt.id for receipt in memory.release(id)])

    status, ids = await calls.run(f"{verb}_quarantine", work)
    folder = calls.settings.data_dir if caller.get() is None else ""  # not theirs to know
    note = settled(status, verb, ids, folder)
    return answer(
        note, QuarantineOut(held=[{"id": each, "status": status} for each in ids], note=note)
    )


def _release(calls: Calls) -> Tool:
    asked = _asking(calls, "release")

    async def release_quarantine(
        id: str,
        given: Annotated[ElicitationResult[Decision], Resolve(asked)],
        scope: str = "",
    ) -> CallToolResult:
        """Ask the user to release what is held; nothing happens without their answer."""
        return await _settle(calls, "release", id, scope, given)

    return release_quarantine


def _purge(calls: Calls) -> Tool:
    asked = _asking(calls, "purge")

    async def purge_quarantine(
        id: str,
        given: Annotated[ElicitationResult[Decision], Resolve(asked)],
        scope: str = "",
    ) -> CallToolResult:
        """Ask the user to destroy what is held; nothing happens without their answer."""
        return await _settle(calls, "purge", id, scope, given)

    return purge_quarantine


#: On by default, with the memory's own tools.
HOLD = (ToolSpec("quarantine", "Quarantine", _quarantine, hints(destroys=True)),)
TOOLS = (
    ToolSpec("list_quarantine", "List quarantine", _list, hints(reads=True)),
    ToolSpec("release_quarantine", "Release from quarantine", _release, hints()),
    ToolSpec("purge_quarantine", "Purge quarantine", _purge, hints(destroys=True)),
)
