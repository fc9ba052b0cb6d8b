"""log_turn, get_context."""

from typing import TYPE_CHECKING, Annotated

from mcp.types import CallToolResult
from pydantic import Field

from ..calls import Calls
from ..context_replies import logged, logged_fields
from ..results import LoggedOut
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Logged, Memory, Scopes


def _log_turn(calls: Calls) -> Tool:
    async def log_turn(
        user: str,
        assistant: str = "",
        recall_top_k: Annotated[
            int,
            Field(ge=0, le=50, description="Also recall so many and return an augmented_prompt"),
        ] = 0,
        scope: str = "",
    ) -> CallToolResult:
        """Keep an exchange of this conversation word for word, when the wording may matter later.
        Proposes facts found in it; record the right ones with set_fact.
        """

        def work(scopes: "Scopes") -> "tuple[Memory, Logged]":
            return scopes.open(scope), scopes.log_turn(
                user,
                assistant,
                recall_top_k=recall_top_k,
                max_tokens=calls.settings.recall_tokens,
                scope=scope,
            )

        done = await calls.run("log_turn", work)
        out = LoggedOut(scope=scope or calls.settings.scope, **logged_fields(done))
        return answer(logged(done), out)

    return log_turn


TOOLS = (ToolSpec("log_turn", "Log turn", _log_turn, hints(repeats=False)),)
