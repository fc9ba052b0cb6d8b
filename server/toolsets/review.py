"""compress."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.types import CallToolResult
from pydantic import Field

from ..arguments import AnyCase, Names
from ..calls import Calls
from ..results import CompressOut
from ..review_replies import (
    candidate_fields,
    candidates_fitting,
    candidates_told,
    compressed_fields,
    compressed_told,
)
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Scopes

Strategy = Annotated[Literal["aggressive", "balanced", "conservative"], AnyCase]


def _compress(calls: Calls) -> Tool:
    async def compress(
        ids: Annotated[Names, Field(description="Empty: list what is worth it")] = [],  # noqa: B006  pydantic copies defaults
        summary: Annotated[
            str, Field(description="Your words; one for several ids sums them up")
        ] = "",
        strategy: Annotated[
            Strategy, Field(description="Without summary: keep .1, .25 or .5 of the tokens")
        ] = "balanced",
        scope: str = "",
    ) -> CallToolResult:
        """Show memories by a short form. The text is kept and forget(mode="restore") undoes it."""

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[str, CompressOut]]":
            memory = scopes.look(scope)
            if not ids:
                return memory, _candidates(memory, calls.settings.recall_tokens)
            done = scopes.compress(ids, summary=summary, strategy=strategy, scope=scope)
            fields = [*map(compressed_fields, done)]
            return memory, (compressed_told(done), CompressOut(compressed=fields))

        return answer(*await calls.run("compress", work))

    return compress


def _candidates(memory: "Memory", budget: int) -> "tuple[str, CompressOut]":
    hits = memory.compressible(max_tokens=budget)
    fitting = candidates_fitting(hits, budget, memory.counter.count)
    fields: list[dict[str, Any]] = candidate_fields(fitting)
    return candidates_told(fitting), CompressOut(candidates=fields)


TOOLS = (ToolSpec("compress", "Compress memories", _compress, hints()),)
