"""set_fact, get_facts."""

from typing import TYPE_CHECKING, Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field

from ..arguments import AnyCase, JsonValue, Names
from ..calls import Calls
from ..replies.facts import fact_fields, fact_set, fact_set_fields, facts_told, fitting_facts
from ..replies.memory import noted
from ..results import FactsOut
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Fact, FactChange, Memory, Scopes, Utilisation

Origin = Annotated[Literal["user", "assistant", "tool", "web", "import"], AnyCase]


def _set_fact(calls: Calls) -> Tool:
    async def set_fact(
        key: Annotated[str, Field(description="Like user.city")],
        value: JsonValue,
        confidence: Annotated[float, Field(ge=0, le=1)] = 1.0,
        source: Origin = "assistant",
        valid_from: Annotated[str, Field(description="True since, ISO date; default now")] = "",
        scope: str = "",
    ) -> Annotated[CallToolResult, FactsOut]:
        """Record a single value that may change (user.city, project.deadline). The old value stays
        in the history; the same value again raises its confidence.
        """

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[FactChange, Utilisation]]":
            memory = scopes.open(scope)
            change = scopes.set_fact(
                key,
                value,
                confidence=confidence,
                source=source,
                valid_from=valid_from,
                scope=scope,
            )
            return memory, (change, memory.utilisation())

        change, budget = await calls.run("set_fact", work)
        note = noted(change.note or change.status, budget, calls.tools)
        out = FactsOut(facts=[fact_set_fields(change)], note=note)
        return answer(noted(fact_set(change), budget, calls.tools), out)

    return set_fact


def _get_facts(calls: Calls) -> Tool:
    async def get_facts(
        keys: Annotated[Names, Field(description="Keys or prefixes (user.*); empty: all")] = [],  # noqa: B006  pydantic copies defaults
        history: bool = False,
        as_of: Annotated[str, Field(description="What was true then, ISO date")] = "",
        known_at: Annotated[str, Field(description="What was known then")] = "",
        format: Annotated[Literal["json", "narrative", "prompt"], AnyCase] = "json",
        max_tokens: Annotated[int, Field(ge=100, le=25_000)] = 500,
        scope: str = "",
    ) -> Annotated[CallToolResult, FactsOut]:
        """Read facts: what is true now, was true at a date, or the whole history."""

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[list[Fact], str]]":
            memory = scopes.look(scope)
            facts = scopes.get_facts(
                keys, history=history, as_of=as_of, known_at=known_at, scope=scope
            )
            return memory, fitting_facts(
                facts, history=history, budget=max_tokens, count=memory.counter.count
            )

        facts, note = await calls.run("get_facts", work)
        told = facts_told(facts, note, history=history, form=format)
        fields = [fact_fields(fact, history=history) for fact in facts]
        return answer(told, FactsOut(facts=fields, note=note))

    return get_facts


TOOLS = (
    ToolSpec("set_fact", "Set fact", _set_fact, hints()),
    ToolSpec("get_facts", "Get facts", _get_facts, hints(reads=True)),
)
