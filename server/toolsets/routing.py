"""explain_routing, rebalance_index, index_report."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..arguments import AnyCase
from ..calls import Calls, Reins
from ..results import IndexOut, RebalanceOut, RoutingOut
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Scopes

Action = Annotated[Literal["auto", "build", "adapt", "split"], AnyCase]


def _explain(calls: Calls) -> Tool:
    async def explain_routing(
        query: str,
        top_k: Annotated[int, Field(ge=1, le=50)] = 10,
        scope: str = "",
    ) -> CallToolResult:
        """Show how a question is routed through the vector index: confidence, margin, probes, what
        was scanned, drift, calibration. Leaves no trace.
        """

        def work(scopes: "Scopes") -> "tuple[Memory, dict[str, Any]]":
            memory = scopes.look(scope)
            routing = memory.index.explain(query, top_k=top_k)
            if "why" in routing:
                routing["why"] = calls.why_lexical(routing["why"])
            return memory, routing

        routing = _rounded(await calls.run("explain_routing", work))
        return answer(_lines(routing), RoutingOut(routing=routing))

    return explain_routing


def _rebalance(calls: Calls) -> Tool:
    async def rebalance_index(
        ctx: Context[Any, Any],
        action: Annotated[
            Action,
            Field(
                description="auto: what is due; build: fit anew; adapt: follow what was stored "
                "since, split wide buckets; split: one bucket"
            ),
        ] = "auto",
        bucket: Annotated[int, Field(ge=-1, description="For split, see index_report")] = -1,
        force: Annotated[bool, Field(description="adapt even if all is well")] = False,
        dry_run: Annotated[bool, Field(description="Only say what would be done")] = True,
        scope: str = "",
    ) -> CallToolResult:
        """Give the vector index a better shape, as a new generation; searches go on meanwhile. It
        also happens by itself when due: call this only when asked to.
        """
        which = None if bucket < 0 else bucket

        def work(scopes: "Scopes", reins: Reins) -> "tuple[Memory, RebalanceOut]":
            memory = scopes.look(scope)
            plan = memory.index.proposal(action, bucket=which, force=force)
            out = RebalanceOut(action=action, status="dry_run", plan=plan, done={}, index={})
            if not dry_run:
                renewed = memory.index.run(
                    action, bucket=which, force=force, stopped=reins.stopped, told=reins.told
                )
                out.status, out.done = renewed.status, renewed.changes()
            out.index = _rounded(memory.index.report())
            return memory, out

        out = await calls.run_long("rebalance_index", work, ctx, steps=5)
        return answer(_rebalanced(out), out)

    return rebalance_index


def _report(calls: Calls) -> Tool:
    async def index_report(
        buckets: Annotated[int, Field(ge=0, le=50, description="Also the widest ones")] = 0,
        scope: str = "",
    ) -> CallToolResult:
        """How the vectors of a scope lie: buckets, balance, generation, bytes, recall, drift."""

        def work(scopes: "Scopes") -> "tuple[Memory, dict[str, Any]]":
            memory = scopes.look(scope)
            return memory, memory.index.report(buckets=buckets)

        index = _rounded(await calls.run("index_report", work))
        return answer(_lines(index) or "No vectors yet.", IndexOut(index=index))

    return index_report


def _rebalanced(out: RebalanceOut) -> str:
    said = {
        "dry_run": f"Nothing was changed. {out.action} would do: {_inline(out.plan)}. "
        "dry_run=false does it.",
        "nothing": "Nothing to do: the index is as it should be, or there is nothing to pack.",
        "taken": "Another process had just built a new generation; it is in use.",
        "built": f"A new generation is in use: {_inline(out.done)}.",
        "stopped": "Stopped; the index is as it was.",
    }[out.status]
    shown = ("mode", "passages", "buckets")
    index = {name: said for name, said in out.index.items() if name in shown}
    return f"{said} Index: {_inline(index) or 'no vectors yet'}."


def _inline(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {said}" for name, said in fields.items())


def _lines(fields: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {said}" for name, said in fields.items())


def _rounded(value: Any) -> Any:
    """Every float in plain values to four digits."""
    if isinstance(value, dict):
        return {name: _rounded(said) for name, said in value.items()}
    if isinstance(value, list):
        return [_rounded(said) for said in value]
    return round(value, 4) if isinstance(value, float) else value


TOOLS = (
    ToolSpec("explain_routing", "Explain routing", _explain, hints(reads=True)),
    ToolSpec("rebalance_index", "Rebalance index", _rebalance, hints()),
    ToolSpec("index_report", "Index report", _report, hints(reads=True)),
)
