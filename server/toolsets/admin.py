"""export_memory, import_memory, list_scopes, clear_scope, run_hygiene, track_usage."""

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..calls import Calls, Reins
from ..replies.admin import (
    cleared,
    contents,
    exported,
    imported,
    scopes_listed,
    tended,
    used,
)
from ..results import AdminOut
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Scopes

#: Scopes listed at the most.
MOST = 200


def _export(calls: Calls) -> Tool:
    async def export_memory(ctx: Context[Any, Any], scope: str = "") -> CallToolResult:
        """Write all of a scope to a file in the data folder. Returns its name, not its content."""

        def work(scopes: "Scopes", reins: Reins) -> "tuple[Memory, tuple[str, dict[str, Any]]]":
            path, done = scopes.carrying.export(scope, course=reins.course())
            return scopes.look(scope), exported(path.name, done)

        return _told(await calls.run_long("export_memory", work, ctx))

    return export_memory


def _import(calls: Calls) -> Tool:
    async def import_memory(
        ctx: Context[Any, Any],
        file: Annotated[str, Field(description="Name of a file in the folder exports")],
        scope: str = "",
    ) -> CallToolResult:
        """Merge an exported file into a scope: newer versions win, nothing is lost. What comes in
        this way is untrusted.
        """

        def work(scopes: "Scopes", reins: Reins) -> "tuple[Memory, tuple[str, dict[str, Any]]]":
            from routemem.memory_core.transfer.files import within

            path = within(scopes.carrying.exports, file)
            course = reins.course()
            done = scopes.carrying.import_(path, scope, trust="untrusted", course=course)
            return scopes.open(scope), imported(done)

        return _told(await calls.run_long("import_memory", work, ctx))

    return import_memory


def _scopes(calls: Calls) -> Tool:
    async def list_scopes() -> CallToolResult:
        """List the scopes there are, with how much each holds."""

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[str, dict[str, Any]]]":
            names = scopes.names()
            counted = []
            for name in names[:MOST]:
                store = scopes.look(name).store
                counted.append((name, store.count_items(), store.count_facts()))
            return scopes.look(), scopes_listed(counted, len(names), scopes.counter.count)

        return _told(await calls.run("list_scopes", work))

    return list_scopes


def _clear(calls: Calls) -> Tool:
    async def clear_scope(
        scope: str,
        confirm: Annotated[str, Field(description="The word of the first call; empty: ask")] = "",
    ) -> CallToolResult:
        """Empty a scope, only when the user asks for it. The first call changes nothing: it says
        what would go and gives the word that confirms it.
        """

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[str, dict[str, Any]]]":
            memory = scopes.look(scope)
            holds = contents(memory)
            word, done = scopes.carrying.clear(scope, confirm)
            return memory, cleared(memory.scope, holds, word, done)

        return _told(await calls.run("clear_scope", work))

    return clear_scope


def _hygiene(calls: Calls) -> Tool:
    async def run_hygiene(
        ctx: Context[Any, Any], dry_run: bool = True, scope: str = ""
    ) -> CallToolResult:
        """Compress and archive what the policy says is due; by default only tells what that is."""

        def work(scopes: "Scopes", reins: Reins) -> "tuple[Memory, tuple[str, dict[str, Any]]]":
            memory = scopes.look(scope) if dry_run else scopes.open(scope)
            decide = memory.tending.plan if dry_run else memory.tending.run
            found = decide(by_person=False, course=reins.course())
            return memory, tended(found, dry_run, scopes.counter.count)

        return _told(await calls.run_long("run_hygiene", work, ctx))

    return run_hygiene


def _usage(calls: Calls) -> Tool:
    async def track_usage(
        model: str,
        input_tokens: Annotated[int, Field(ge=0, le=10**9)],
        output_tokens: Annotated[int, Field(ge=0, le=10**9)] = 0,
        scope: str = "",
    ) -> CallToolResult:
        """Count tokens that a language model read and wrote, and what they cost."""

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[str, dict[str, Any]]]":
            memory = scopes.open(scope)
            cost = memory.boards.usage.track(model, input_tokens, output_tokens)
            return memory, used(cost, memory.boards.usage.by_model())

        return _told(await calls.run("track_usage", work))

    return track_usage


def _told(said: tuple[str, dict[str, Any]]) -> CallToolResult:
    text, fields = said
    return answer(text, AdminOut(**{"note": "", **fields}))


TOOLS = (
    ToolSpec("export_memory", "Export memory", _export, hints(repeats=False)),
    ToolSpec("import_memory", "Import memory", _import, hints()),
    ToolSpec("list_scopes", "List scopes", _scopes, hints(reads=True)),
    ToolSpec("clear_scope", "Clear scope", _clear, hints(destroys=True)),
    ToolSpec("run_hygiene", "Run hygiene", _hygiene, hints()),
    ToolSpec("track_usage", "Track usage", _usage, hints(repeats=False)),
)
