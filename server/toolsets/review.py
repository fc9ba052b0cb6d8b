"""compress, review_memory, apply_review."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field, WithJsonSchema

from routemem.memory_core.lifecycle.actions import NAMES, read_actions

from ..arguments import AnyCase, AnyJson, Names
from ..calls import Calls, Reins
from ..replies.review import (
    applied_told,
    candidate_fields,
    candidates_fitting,
    candidates_told,
    compressed_fields,
    compressed_told,
    outcome_fields,
    proposal_fields,
    reviewed_fitting,
    reviewed_told,
)
from ..results import ApplyOut, CompressOut, ReviewOut
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Scopes

Focus = Annotated[Literal["budget", "stale", "duplicates", "superseded", "facts"], AnyCase]
Limit = Annotated[int, Field(ge=1, le=50)]
#: Texts are taken too: models wrap their JSON in fences and prose, or do not finish it.
Actions = Annotated[
    str,
    AnyJson,
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "action": {"type": "string", "enum": list(NAMES)},
                    "summary": {"type": "string"},
                    "fact_key": {"type": "string"},
                    "fact_value": {"anyOf": [{"type": t} for t in ("string", "number", "boolean")]},
                    "scope": {"type": "string"},
                    "reason": {"type": "string"},
                },
                "required": ["id", "action"],
            },
        }
    ),
]
Strategy = Annotated[Literal["aggressive", "balanced", "conservative"], AnyCase]


def _compress(calls: Calls) -> Tool:
    async def compress(
        ctx: Context[Any, Any],
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

        def work(scopes: "Scopes", reins: Reins) -> "tuple[Memory, tuple[str, CompressOut]]":
            memory = scopes.look(scope)
            if not ids:
                return memory, _candidates(memory, calls.settings.recall_tokens)
            done = scopes.compress(
                ids, summary=summary, strategy=strategy, scope=scope, course=reins.course()
            )
            fields = [*map(compressed_fields, done)]
            return memory, (compressed_told(done), CompressOut(compressed=fields))

        return answer(*await calls.run_long("compress", work, ctx))

    return compress


def _candidates(memory: "Memory", budget: int) -> "tuple[str, CompressOut]":
    hits = memory.compressible(max_tokens=budget)
    fitting = candidates_fitting(hits, budget, memory.counter.count)
    fields: list[dict[str, Any]] = candidate_fields(fitting)
    return candidates_told(fitting, len(hits)), CompressOut(candidates=fields)


def _review(calls: Calls) -> Tool:
    async def review_memory(
        focus: Focus = "budget",
        limit: Limit = 20,
        scope: str = "",
    ) -> CallToolResult:
        """List memories to tidy up, each with a proposal and its reason. Decide, then call
        apply_review.
        """

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[str, ReviewOut]]":
            memory = scopes.look(scope)
            review = memory.review(focus, limit=limit)
            budget, count = calls.settings.recall_tokens, memory.counter.count
            shown, left = reviewed_fitting(review, budget, count)
            out = ReviewOut(
                review_token=review.token,
                used=round(review.used, 4),
                proposals=[*map(proposal_fields, shown)],
                left_out=left,
            )
            return memory, (reviewed_told(review, shown, left), out)

        return answer(*await calls.run("review_memory", work))

    return review_memory


def _apply(calls: Calls) -> Tool:
    async def apply_review(
        review_token: str, actions: Actions, dry_run: bool = False, scope: str = ""
    ) -> CallToolResult:
        """Carry out decisions on a review. DELETE can be undone for 7 days; COMPRESS takes your
        summary; PROMOTE makes a fact (fact_key, fact_value) or moves to another scope.
        """
        wanted = read_actions(actions)

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[str, ApplyOut]]":
            memory = scopes.look(scope)
            done = scopes.apply_review(review_token, wanted, dry_run=dry_run, scope=scope)
            out = ApplyOut(outcomes=[*map(outcome_fields, done)], dry_run=dry_run)
            return memory, (applied_told(done, dry_run=dry_run), out)

        return answer(*await calls.run("apply_review", work))

    return apply_review


TOOLS = (
    ToolSpec("compress", "Compress memories", _compress, hints()),
    ToolSpec("review_memory", "Review memory", _review, hints(reads=True)),
    ToolSpec("apply_review", "Apply review", _apply, hints(destroys=True)),
)
