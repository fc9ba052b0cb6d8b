"""An agent that remembers: a client drives the real server over stdio through two sessions.

The "model" here is a few rules, so that the example runs anywhere; the tool calls are those that a
language model makes.

    python examples/agent_loop.py
"""

import asyncio
import os
import sys
import tempfile
from typing import Any

from mcp import Client, StdioServerParameters


def server(folder: str) -> StdioServerParameters:
    """The command a host would have in its configuration."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "routemem.server", "serve", "--data-dir", folder, "--scope", "user:mara"],
        env={**os.environ, "ROUTEMEM_KEY_DIR": f"{folder}-key", "ROUTEMEM_KEYRING": "off"},
    )


async def turn(client: Client, said: str) -> str:
    """One turn: recall what bears on it, answer, keep what lasts."""
    recalled: Any = (
        await client.call_tool("recall", {"query": said, "top_k": 3})
    ).structured_content
    memories = [hit["text"] for hit in recalled["hits"]]
    if said.endswith("?"):
        return memories[0] if memories else "I do not know that yet."
    await client.call_tool("remember", {"content": said, "source": "user"})
    return "Noted."


async def main() -> None:
    """Two sessions, one memory."""
    with tempfile.TemporaryDirectory() as folder:
        async with Client(server(folder)) as client:
            for said in (
                "Charts in my reports must be readable in black and white.",
                "The stray cat from the courtyard moved in and is called Fado.",
            ):
                print("user:", said, "\nagent:", await turn(client, said))

        async with Client(server(folder)) as client:  # a new session, a new server process
            question = "What do I want the figures to look like?"
            answer = await turn(client, question)
            print("user:", question, "\nagent:", answer)
            assert "black and white" in answer


if __name__ == "__main__":
    asyncio.run(main())
