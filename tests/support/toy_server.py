"""A small server on the real surface and transport, to be run as a program or in memory."""

import os
import subprocess
import sys
from typing import Annotated, Any, Literal

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict, Field

from routemem.memory_core.errors import NotFound
from routemem.server import log
from routemem.server.arguments import (
    AnyCase,
    JsonObject,
    JsonValue,
    Names,
    Objects,
    OneOrMany,
)
from routemem.server.stdio import run_stdio
from routemem.server.surface import Surface, answer

Kind = Annotated[Literal["note", "turn"], AnyCase]


class Action(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    action: Annotated[Literal["keep", "delete"], AnyCase]
    summary: str = ""


class Seen(BaseModel):
    """What a tool was given."""

    given: dict[str, Any]


class Value(BaseModel):
    value: Any = None
    type: str = ""


class Hit(BaseModel):
    id: str
    text: str = ""


class Hits(BaseModel):
    hits: list[Hit] = []
    cursor: str = ""


async def echo(
    content: Annotated[str, Field(description="Any text")] = "",
    top_k: Annotated[int, Field(ge=1, le=50)] = 8,
    threshold: float = 0,
    pinned: bool = False,
    kind: Kind = "note",
    kinds: Annotated[list[Kind], OneOrMany] = [],  # noqa: B006 -- pydantic copies defaults
    tags: Names = [],  # noqa: B006 -- as above
    metadata: JsonObject = {},  # noqa: B006 -- as above
    actions: Annotated[list[Action], Objects] = [],  # noqa: B006 -- as above
    title: str = "",
) -> Annotated[CallToolResult, Seen]:
    """Give back the arguments."""
    given = dict(locals(), actions=[action.model_dump() for action in actions])
    return answer(content or "nothing", Seen(given=given))


async def set_value(
    value: Annotated[JsonValue, Field(description="Any JSON value")],
) -> Annotated[CallToolResult, Value]:
    """Give back one value."""
    return answer("value", Value(value=value, type=type(value).__name__))


def find(query: str) -> Annotated[CallToolResult, Hits]:
    """Find something, or fail in every way there is."""
    if query == "missing":
        raise NotFound("No memory m1. Call find with another query.")
    if query == "refuse":
        raise ToolError("not_allowed: Ask a person.")
    if query == "crash":
        raise KeyError(f"secret text of {query}") from ValueError("secret cause")
    if query == "bad answer":
        return CallToolResult(content=[], structured_content={"hits": "secret answer"})
    return answer("m1 x", Hits(hits=[Hit(id="m1", text="x")]))


def measure(content: str) -> str:
    """Count characters."""
    return str(len(content))


async def wait(context: Context[Any, Any], seconds: float = -1) -> str:
    """Sleep; below zero for ever."""
    await context.report_progress(1, 2, "waiting")
    await (anyio.sleep_forever() if seconds < 0 else anyio.sleep(seconds))
    return "waited"


def shout() -> str:
    """Write to stdout in every way there is."""
    sys.stdout.write("stray print\n")
    sys.stdout.flush()
    os.write(1, b"stray write\n")
    child = "import sys; sys.stdout.write(f'stray child {sys.stdin.read()!r}\\n')"
    subprocess.run([sys.executable, "-c", child], check=True)
    sys.stdout.write("stray buffered\n")
    return "done"


async def half_pairs() -> CallToolResult:
    """Answer with what is not valid Unicode, line breaks of all sorts and NaN."""
    text = "cut \ud83d here\nnext\u2028line \U0001f600"
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content={"text": [text], "score": float("nan")},
    )


async def not_json() -> CallToolResult:
    """Answer with what cannot be written as JSON."""
    return CallToolResult(content=[], structured_content={"big": 10**5000, "cut": "\ud83d"})


def build() -> Surface:
    """Make the server with all its tools."""
    toy = Surface("toy", version="1", instructions="A toy.")
    for tool in (echo, set_value, find, measure, wait, shout, half_pairs, not_json):
        toy.add_tool(tool)
    return toy


def main() -> None:
    log.configure()
    if "--sdk-transport" in sys.argv:
        build().run()
    else:
        run_stdio(build(), grace=float(os.environ.get("TOY_GRACE", "5")))


if __name__ == "__main__":
    main()
