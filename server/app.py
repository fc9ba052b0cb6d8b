"""The server, built from settings and not yet running."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import anyio.to_thread

from routemem import prompts
from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.settings import Settings

from . import completion, prompting, resources
from .calls import Calls
from .surface import Surface
from .toolsets import admin, agents, context, facts, human, memory, review, routing, tasks, vault
from .toolsets.spec import ToolSpec

#: Toolset -> its tools. The order is the order a client sees.
TOOLSETS: dict[str, tuple[ToolSpec, ...]] = {
    "memory": memory.TOOLS,
    "facts": facts.TOOLS,
    "context": context.TOOLS,
    "review": review.TOOLS,
    "quarantine": vault.HOLD,
    "tasks": tasks.TOOLS,
    "agents": agents.TOOLS,
    "human": human.TOOLS,
    "admin": admin.TOOLS,
    "routing": routing.TOOLS,
    "vault": vault.TOOLS,
}
#: What is on when nothing is asked for.
DEFAULT = ("memory", "facts", "context", "review", "quarantine")
#: Paragraphs of the instructions, each with the tools of which one must be on for it to be said.
INSTRUCTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("instructions", ()),
    ("instructions_recall", ("recall",)),
    ("instructions_remember", ("remember",)),
    ("instructions_set_fact", ("set_fact",)),
    ("instructions_get_facts", ("get_facts",)),
    ("instructions_get_context", ("get_context",)),
    ("instructions_log_turn", ("log_turn",)),
    ("instructions_forget", ("forget",)),
    ("instructions_quarantine", ("quarantine",)),
    ("instructions_tasks", ("create_task", "update_task")),
    ("instructions_human", ("ask_human",)),
    ("instructions_routing", ("explain_routing", "rebalance_index", "index_report")),
    ("instructions_data", ()),
)


def build_calls(settings: Settings, *, by_token: bool = False) -> Calls:
    """From the tools to the core: for one server, or for several that serve the same memory.

    Nothing is opened or loaded before the first call.

    Args:
        by_token: refuse every request whose caller is not known, as over HTTP.

    Raises:
        InvalidArgument: a toolset or tool does not exist, or none is left.
    """
    specs = chosen_tools(settings)
    return Calls(
        settings,
        [spec.name for spec in specs],
        reading=[spec.name for spec in specs if spec.reads_only],
        left=[spec.name for spec in tools_left(settings)],
        by_token=by_token,
    )


def build_server(settings: Settings, calls: Calls | None = None) -> Surface:
    """A server with the tools, prompts and resources the settings ask for.

    Args:
        calls: where the tools find the core; closed with the server.

    Raises:
        InvalidArgument: a toolset or tool does not exist, or none is left.
    """
    calls = calls or build_calls(settings)
    specs = chosen_tools(settings)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[Calls]:
        try:
            yield calls
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(calls.close)

    server = Surface(
        "routemem",
        title="Routemem memory",
        version=version("routemem"),
        instructions=instructions({spec.name for spec in specs}),
        lifespan=lifespan,
    )
    _add_tools(server, specs, calls)
    resources.register(server, calls)
    prompting.register(server, calls)
    completion.register(server, calls)
    return server


def build_rest_tools(settings: Settings, calls: Calls) -> Surface:
    """The tools that the REST routes call: no client of the protocol sees them.

    Raises:
        InvalidArgument: none is left.
    """
    tools = Surface("routemem", version=version("routemem"))
    _add_tools(tools, tools_left(settings), calls)
    return tools


def _add_tools(server: Surface, specs: Iterable[ToolSpec], calls: Calls) -> None:
    for spec in specs:
        tool = spec.make(calls)
        server.add_tool(
            tool,
            name=spec.name,
            title=spec.title,
            description=" ".join((tool.__doc__ or "").split()),
            annotations=spec.annotations,
            meta={"anthropic/alwaysLoad": True} if spec.always else None,
        )


def chosen_tools(settings: Settings) -> list[ToolSpec]:
    """The tools that are on: single ones if named, else toolsets; exclusions and read-only win.

    Raises:
        InvalidArgument: a name does not exist, or nothing is left.
    """
    every = {spec.name: spec for specs in TOOLSETS.values() for spec in specs}
    for name in (*settings.tools, *settings.exclude_tools):
        if name not in every:
            raise InvalidArgument(f"There is no tool {name!r}. Tools: {', '.join(every)}.")
    wanted = settings.tools or [
        spec.name for group in _groups(settings.toolsets) for spec in TOOLSETS[group]
    ]
    specs = [
        spec
        for name, spec in every.items()
        if name in wanted
        and name not in settings.exclude_tools
        and (spec.reads_only or not settings.read_only)
    ]
    if not specs:
        raise InvalidArgument("No tool is left: loosen --tools, --exclude-tools or --read-only.")
    return specs


def tools_left(settings: Settings) -> list[ToolSpec]:
    """The tools that nobody took away: what resources, prompts and REST routes may tell and do.

    The default toolsets only spare a model's context, so all are on here; what a person takes away
    with `--toolsets`, `--tools`, `--exclude-tools` and `--read-only` is taken away here too.

    Raises:
        InvalidArgument: a name does not exist, or nothing is left.
    """
    if settings.toolsets == Settings.toolsets:
        settings = replace(settings, toolsets=("all",))
    return chosen_tools(settings)


def _groups(asked: tuple[str, ...]) -> list[str]:
    groups: list[str] = []
    for name in asked:
        if name not in ("default", "all", *TOOLSETS):
            known = ", ".join(("default", "all", *TOOLSETS))
            raise InvalidArgument(f"There is no toolset {name!r}. Toolsets: {known}.")
        groups += {"default": DEFAULT, "all": tuple(TOOLSETS)}.get(name, (name,))
    return groups


def instructions(tools: set[str]) -> str:
    """What the client's model is told, put together from the tools that are on."""
    return "\n".join(
        prompts.load(name)
        for name, needs in INSTRUCTIONS
        if not needs or any(tool in tools for tool in needs)
    )
