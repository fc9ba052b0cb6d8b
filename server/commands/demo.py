"""`routemem demo`: the real server, over stdio, on a temporary data folder."""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routemem.memory_core.settings import Settings

from .demo_life import CHANGE, FACTS, MEMORIES, QUESTIONS

if TYPE_CHECKING:
    from mcp import Client


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """The demo takes settings only, and of these only the embedder."""


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Play the demo; exit status 1 when an answer was not found.

    Raises:
        BrokenPipeError: nobody reads our output any more.
    """
    import anyio

    left = False
    with tempfile.TemporaryDirectory(prefix="routemem-demo-") as folder:
        show = _Show(Path(folder), settings)
        try:
            anyio.run(show.play)
        except* BrokenPipeError:  # in a group, with what its going cancelled
            left = True
    if left:
        raise BrokenPipeError
    return 1 if show.missed else 0


class _Show:
    """One run of the demo; remembers what took how long and what was not found."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.embedder = settings.embedder
        self.missed = 0
        self.search = ""
        self.took: dict[str, list[float]] = {}

    async def play(self) -> None:
        started = time.perf_counter()
        async with self.server() as client:
            ready = time.perf_counter() - started
            tools = (await client.list_tools()).tools
            print(f"Server ready in {ready:.2f} s with {len(tools)} tools, no network needed.\n")
            await self.remember(client)
            await self.ask(client)
            await self.change_a_fact(client)
        print("\nThe server was stopped. A new one opens the same file:\n")
        async with self.server() as client:
            await self.ask(client, QUESTIONS[:3])
            now = await self.call(client, "get_facts", {"keys": CHANGE[0]})
            print(f"  {now['facts'][0]['key']} is {now['facts'][0]['value']!r}")
            status = (await client.call_tool("memory_status", {})).structured_content or {}
            self.search = status.get("note") or f"embedder {self.embedder!r}"
        self.report()

    def server(self) -> "Client":
        from mcp import Client, StdioServerParameters

        private = {
            "ROUTEMEM_DATA_DIR": str(self.folder / "data"),
            "ROUTEMEM_KEY_DIR": str(self.folder / "key"),
            "ROUTEMEM_KEYRING": "off",
            "ROUTEMEM_EMBEDDER": self.embedder,
        }
        clean = {k: v for k, v in os.environ.items() if not k.startswith("ROUTEMEM_")}
        return Client(
            StdioServerParameters(
                command=sys.executable,
                args=["-m", "routemem.server", "serve"],
                env=clean | private,
            )
        )

    async def call(self, client: "Client", tool: str, arguments: dict[str, Any]) -> Any:
        start = time.perf_counter()
        result = await client.call_tool(tool, arguments)
        self.took.setdefault(tool, []).append((time.perf_counter() - start) * 1000)
        if result.is_error:
            raise RuntimeError(f"{tool} failed: {result.content}")
        return result.structured_content

    async def remember(self, client: "Client") -> None:
        for text, date, tags in MEMORIES:
            await self.call(client, "remember", {"content": text, "when": date, "tags": tags})
        for key, value, since in FACTS:
            arguments = {"key": key, "value": value, "valid_from": since, "source": "user"}
            await self.call(client, "set_fact", arguments)
        print(f"Stored {len(MEMORIES)} memories and {len(FACTS)} facts of a made-up life.\n")

    async def ask(
        self, client: "Client", questions: tuple[tuple[str, str], ...] = QUESTIONS
    ) -> None:
        for question, answer in questions:
            found = await self.call(client, "recall", {"query": question, "top_k": 3})
            texts = [hit["text"] for hit in found["hits"]]
            place = next((k for k, text in enumerate(texts, 1) if answer in text), 0)
            self.missed += place == 0
            print(f"  {question}")
            print(f"    {texts[place - 1] if place else 'not among the first three'}")

    async def change_a_fact(self, client: "Client") -> None:
        key, value, since, before = CHANGE
        arguments = {"key": key, "value": value, "valid_from": since, "source": "user"}
        await self.call(client, "set_fact", arguments)
        then = await self.call(client, "get_facts", {"keys": [key], "as_of": before})
        trace = await self.call(client, "get_facts", {"keys": [key], "history": True})
        print(f"\nA fact changes: {key} = {value!r} since {since}.")
        print(f"  On {before} it was {then['facts'][0]['value']!r}. Its history:")
        for fact in trace["facts"]:
            print(f"    {fact['since'][:10]} to {fact.get('until', 'now')[:10]}: {fact['value']}")

    def report(self) -> None:
        from ..install import snippet

        print("\nTime per call, through a Python client, milliseconds (median; the first one loads")
        print("the model):")
        for tool, times in self.took.items():
            print(f"  {tool:9} {statistics.median(times):6.1f}   first {times[0]:6.1f}")
        print("\nFor Claude Desktop (`routemem install --client claude-desktop` writes it for you,")
        print("also for claude-code, cursor, vscode, windsurf, zed, codex and gemini):\n")
        print(snippet("claude-desktop", environ=os.environ, platform=sys.platform))
        if self.missed:
            print(
                f"{self.missed} answers were not found. No question shares a word with its answer: "
                f"only a model of meaning finds them. Here: {self.search}",
                file=sys.stderr,
            )
