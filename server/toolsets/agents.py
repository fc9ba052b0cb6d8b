"""register_agent, list_agents."""

from typing import TYPE_CHECKING, Annotated

from mcp.types import CallToolResult
from pydantic import Field

from ..arguments import JsonObject, Names
from ..calls import Calls
from ..replies.boards import agent_fields, agent_line, fitting
from ..results import AgentsOut
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Scopes
    from routemem.memory_core.boards.cards import Agent


def _register(calls: Calls) -> Tool:
    async def register_agent(
        name: str,
        type: Annotated[str, Field(description="Like planner, tester")] = "",
        capabilities: Names = [],  # noqa: B006  pydantic copies defaults
        tools: Names = [],  # noqa: B006  pydantic copies defaults
        metadata: JsonObject = {},  # noqa: B006  pydantic copies defaults
        scope: str = "",
    ) -> CallToolResult:
        """Tell the board who can do tasks; the same name again replaces what was said."""

        def work(scopes: "Scopes") -> "tuple[Memory, Agent]":
            memory = scopes.open(scope)
            return memory, memory.boards.agents.register(
                name, type=type, capabilities=capabilities, tools=tools, metadata=metadata
            )

        return _told([await calls.run("register_agent", work)], "")

    return register_agent


def _list(calls: Calls) -> Tool:
    async def list_agents(
        type: str = "", capability: str = "", tool: str = "", scope: str = ""
    ) -> CallToolResult:
        """List agents: all, of a type, with a capability, with a tool."""

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[list[Agent], str]]":
            memory = scopes.look(scope)
            found = memory.boards.agents.list(type=type, capability=capability, tool=tool)
            return memory, fitting(found, agent_line, agent_fields, memory.counter.count, 100)

        return _told(*await calls.run("list_agents", work))

    return list_agents


def _told(agents: "list[Agent]", note: str) -> CallToolResult:
    lines = [*map(agent_line, agents), *filter(None, [note])]
    out = AgentsOut(agents=[*map(agent_fields, agents)], note=note)
    return answer("\n".join(lines) or "No such agents.", out)


TOOLS = (
    ToolSpec("register_agent", "Register agent", _register, hints()),
    ToolSpec("list_agents", "List agents", _list, hints(reads=True)),
)
