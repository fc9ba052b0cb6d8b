"""The MCP surface: how tools are shown to a model, called, and how they fail."""

import logging
import time
from collections.abc import Callable
from typing import Any

from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    GetPromptResult,
    InputRequiredResult,
    TextContent,
    Tool,
)
from pydantic import BaseModel

from routemem.memory_core.errors import RoutememError

from . import log
from .callers import caller
from .faults import (
    crashed,
    may_only_read,
    refused,
    root_cause,
    unknown_tool,
    wrong_at_sight,
    wrong_prompt,
    wrong_value,
)
from .schemas import published_input, published_output

logger = logging.getLogger(__name__)


def answer(text: str, structured: BaseModel) -> CallToolResult:
    """Give one answer in its two forms.

    For tools annotated ``-> Annotated[CallToolResult, Model]``: the schema of ``Model`` is
    published and ``structured`` is checked against it.

    Args:
        text: what a model reads.
        structured: what a program reads; it stands alone, as the text does.
    """
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=structured.model_dump(mode="json", by_alias=True),
    )


class Surface(MCPServer[Any]):
    """An MCP server whose tools forgive sloppy arguments and fail in words a model can act on.

    The list of tools is fixed when the first client asks for it, so no change notifications are
    offered in either protocol era. Every failed call reaches the model as ``code: what was
    expected, what came, what to do next``.

    Args:
        name: name of the server, as clients show it.
        **options: as for ``MCPServer``.

    Attributes:
        on_call: told of every call of a tool there is: its name, whether it did what it was asked,
            seconds.
    """

    def __init__(self, name: str, **options: Any) -> None:
        if not logging.getLogger().handlers:
            log.configure()  # or the SDK installs its own, with whole tracebacks
        super().__init__(name, subscriptions=False, log_level="WARNING", **options)
        self._published: dict[str, Tool] = {}
        self.on_call: Callable[[str, bool, float], None] = _unheard

    async def list_tools(self) -> list[Tool]:
        """List the tools in the order they were added, with their published schemas.

        A caller that may only read is shown those that change nothing.

        Raises:
            ValueError: a tool's schema is one that hosts refuse.
        """
        if not self._published:
            self._published = {tool.name: _published(tool) for tool in await super().list_tools()}
        return [tool for tool in self._published.values() if _allowed(tool)]

    def add_tool(self, *args: Any, **kwargs: Any) -> None:
        """Add a tool, as ``MCPServer.add_tool`` does."""
        super().add_tool(*args, **kwargs)
        self._published = {}

    def remove_tool(self, name: str) -> None:
        """Remove a tool, as ``MCPServer.remove_tool`` does."""
        super().remove_tool(name)
        self._published = {}

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; an argument whose value is null counts as absent.

        Raises:
            ToolError: with a stable code in front: ``invalid_argument``, ``not_found``,
                ``not_allowed``, the code of a ``RoutememError``, or ``internal``. A tool's own
                ``ToolError`` keeps its text.
        """
        offered = [tool.name for tool in await self.list_tools()]
        if name not in self._published:
            raise ToolError(unknown_tool(name, offered))
        began, done = time.perf_counter(), False
        try:
            if name not in offered:
                raise ToolError(may_only_read(name, offered))
            result = await self._checked(name, arguments, context)
            done = True
            return result
        finally:
            self.on_call(name, done, time.perf_counter() - began)

    async def _checked(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None
    ) -> CallToolResult | InputRequiredResult:
        schema = self._published[name].input_schema
        if wrong := wrong_at_sight(name, arguments, schema):
            raise ToolError(wrong)
        given = {key: value for key, value in arguments.items() if value is not None}
        try:
            return await super().call_tool(name, given, context)
        except UnexpectedToolError as error:
            cause = root_cause(error)
            if not isinstance(cause, RoutememError):
                logger.error("%s failed: %s", name, log.where(cause))
            raise ToolError(crashed(name, cause)) from error
        except ToolError as error:
            raise ToolError(refused(error, schema)) from error

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Any, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        """Fill in a prompt; an argument that is left empty counts as absent, as forms send it.

        Raises:
            MCPError: invalid params (-32602): there is no such prompt, or an argument is missing,
                unknown or not accepted; told as the arguments of tools are.
        """
        prompts = {prompt.name: prompt for prompt in await self.list_prompts()}
        given = {key: value for key, value in (arguments or {}).items() if value}
        if wrong := wrong_prompt(name, given, prompts):
            raise MCPError(INVALID_PARAMS, wrong)
        try:
            return await super().get_prompt(name, given, context)
        except ValueError as error:
            if wrong := wrong_value(error):
                raise MCPError(INVALID_PARAMS, wrong) from error
            raise

    async def serve(
        self,
        requests: MemoryObjectReceiveStream[SessionMessage | Exception],
        answers: MemoryObjectSendStream[SessionMessage],
    ) -> None:
        """Serve one connection over a pair of streams until the requests end."""
        # The SDK has no public way to run over one's own streams.
        core = self._lowlevel_server
        await core.run(requests, answers, core.create_initialization_options())


def _unheard(name: str, done: bool, seconds: float) -> None:
    """Nobody counts."""


def _allowed(tool: Tool) -> bool:
    """Whether who is asking may call it; a tool that does not say that it only reads, writes."""
    asking = caller.get()
    reads = tool.annotations is not None and tool.annotations.read_only_hint is True
    return asking is None or reads or not asking.read_only


def _published(tool: Tool) -> Tool:
    try:
        tool.input_schema = published_input(tool.input_schema)
        if tool.output_schema is not None:
            tool.output_schema = published_output(tool.output_schema)
    except ValueError as error:
        raise ValueError(f"{tool.name}: {error}") from error
    return tool
