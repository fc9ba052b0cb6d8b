"""log_turn, get_context."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field

from ..arguments import AnyCase, OneOrMany
from ..calls import Calls
from ..replies.context import (
    CONTEXT_FRAME,
    context_cost,
    context_fields,
    context_told,
    logged,
    logged_fields,
)
from ..replies.memory import noted
from ..results import ContextOut, LoggedOut
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Context, Logged, Memory, Scopes, Utilisation

Included = Annotated[Literal["facts", "pinned", "recent", "relevant", "hints"], AnyCase]


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

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[Logged, Utilisation, str]]":
            memory = scopes.open(scope)
            done = scopes.log_turn(
                user,
                assistant,
                recall_top_k=recall_top_k,
                max_tokens=calls.settings.recall_tokens,
                scope=scope,
            )
            return memory, (done, memory.utilisation(), memory.scope)

        done, budget, where = await calls.run("log_turn", work)
        done = replace(done, note=noted(done.note, budget, calls.tools))
        out = LoggedOut(scope=where, **logged_fields(done))
        return answer(logged(done), out)

    return log_turn


def _get_context(calls: Calls) -> Tool:
    async def get_context(
        query: str,
        max_tokens: Annotated[int, Field(ge=100, le=1_000_000)] = 3000,
        model: Annotated[str, Field(description="Language model the text is for")] = "",
        include: Annotated[list[Included], OneOrMany] = [],  # noqa: B006  pydantic copies defaults
        scope: str = "",
    ) -> CallToolResult:
        """Gather what is known for a question in one text: facts, pinned and recent, what bears on
        it, and hints with ids for what did not fit. Call it to begin a task.
        """

        def work(scopes: "Scopes") -> "tuple[Memory, Context]":
            memory = scopes.look(scope)
            cost = context_cost(scopes.counter.count)
            return memory, scopes.get_context(
                query,
                max_tokens=max(16, max_tokens - CONTEXT_FRAME - cost(memory.reader(model)[1])),
                model=model,
                include=include,
                cost=cost,
                scope=scope,
            )

        context = await calls.run("get_context", work)
        return answer(context_told(context), ContextOut(**context_fields(context)))

    return get_context


TOOLS = (
    ToolSpec("log_turn", "Log turn", _log_turn, hints(repeats=False)),
    ToolSpec("get_context", "Get context", _get_context, hints(reads=True)),
)
