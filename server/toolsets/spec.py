"""What a toolset says of each of its tools."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

from mcp.types import CallToolResult, ToolAnnotations

from ..calls import Calls

Tool: TypeAlias = Callable[..., Coroutine[Any, Any, CallToolResult]]


@dataclass(frozen=True)
class ToolSpec:
    """A tool before it is added to a server.

    Attributes:
        make: builds the tool's function; its docstring is what the model reads.
        always: hosts that load tools late should load this one at once.
    """

    name: str
    title: str
    make: Callable[[Calls], Tool]
    annotations: ToolAnnotations
    always: bool = False

    @property
    def reads_only(self) -> bool:
        """Whether the tool changes nothing."""
        return bool(self.annotations.read_only_hint)


def hints(*, reads: bool = False, destroys: bool = False, repeats: bool = True) -> ToolAnnotations:
    """All four hints, from which a host decides what to do without asking."""
    return ToolAnnotations(
        read_only_hint=reads,
        destructive_hint=destroys,
        idempotent_hint=repeats,
        open_world_hint=False,
    )
