"""What a test asks of a tool through a client, and what comes back."""

from typing import Any

from mcp import Client
from mcp.types import TextContent


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured answer of a call that must succeed."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def told(client: Client, tool: str, **arguments: Any) -> str:
    """The text of a call that must succeed."""
    return await _text(client, tool, arguments, refused=False)


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """The text of a call that must be refused."""
    return await _text(client, tool, arguments, refused=True)


async def _text(client: Client, tool: str, arguments: dict[str, Any], *, refused: bool) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error == refused, result.content
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text
