"""Other memories on the same conversations, with vectors of the same model and no language model.

They know no speaker and no date of what was said, so a turn is stored as the text that served dense
search best: ``[date] Speaker: text``. Each conversation has a process and a folder of its own.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from routemem.memory_core.records import Chunk, Item
from routemem.memory_core.text.passage import embedded_text
from routemem.memory_core.text.times import parse_moment

from ..stdio_client import StdioClient
from .conversations import Talk, fields

#: SQLite with loadable extensions, where this Python's has none.
SITE = """
import contextlib, sys
with contextlib.suppress(ImportError):
    import pysqlite3
    sys.modules["sqlite3"] = pysqlite3
"""


def stored_as(turn: dict[str, Any]) -> str:
    """A turn as one text."""
    said = fields(turn)
    when = parse_moment(said["when"]) if said["when"] else None
    item = Item(turn["text"], speaker=said["speaker"], when=when)
    return embedded_text(item, Chunk(0, len(item.text)))


class Mem0:
    """mem0 (library, Qdrant on disk)."""

    def __init__(self, talk: Talk, _: Any, python: str, address: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        script = Path(__file__).with_name("mem0_process.py")
        self._process = subprocess.Popen(
            [python, str(script), self._folder.name, address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._turn: dict[str, Any] = {}
        for turn in talk["memories"]:
            for id in self._call({"add": stored_as(turn)}):
                self._turn[id] = turn["id"]

    def mem0(self, question: str) -> list[Any]:
        """As a user gets it."""
        return [self._turn[id] for id in self._call({"ask": question})]

    def _call(self, said: dict[str, str]) -> list[str]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(said) + "\n")
        self._process.stdin.flush()
        found: list[str] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._folder.cleanup()


class MemoryService:
    """mcp-memory-service over stdio; what it refuses to store is not found."""

    def __init__(self, talk: Talk, _: Any, python: str, address: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = self._folder.name
        Path(folder, "sitecustomize.py").write_text(SITE, "utf-8")
        self._client = StdioClient(
            [python, "-m", "mcp_memory_service.server"],
            {
                "HOME": folder, "PYTHONPATH": folder, "MCP_MEMORY_USE_ONNX": "0",
                "MCP_MEMORY_STORAGE_BACKEND": "sqlite_vec", "HF_HUB_OFFLINE": "1",
                "MCP_MEMORY_SQLITE_PATH": f"{folder}/memory.db",
                "MCP_SEMANTIC_DEDUP_ENABLED": "false",
                "MCP_EXTERNAL_EMBEDDING_URL": f"{address}/embeddings",
                "MCP_EXTERNAL_EMBEDDING_MODEL": "minilm",
            },
        )  # fmt: skip
        self._turn: dict[str, Any] = {}
        refused = 0
        for turn in talk["memories"]:
            hashes = self._hashes("memory_store", content=stored_as(turn))
            refused += not hashes
            for each in hashes:
                self._turn[each] = turn["id"]
        if refused:
            print(f"  mcp-memory-service refused {refused} turns", file=sys.stderr)

    def memory_service(self, question: str) -> list[Any]:
        """As a client gets it."""
        found = self._hashes("memory_search", query=question, limit=50)
        return list(dict.fromkeys(self._turn[each] for each in found if each in self._turn))

    def _hashes(self, tool: str, **arguments: Any) -> list[str]:
        told = self._client.request("tools/call", {"name": tool, "arguments": arguments})
        text = "\n".join(part.get("text", "") for part in told["content"])
        return re.findall(r"\bhash: ([0-9a-f]{64})", text, re.IGNORECASE)

    def close(self) -> None:
        """End the server."""
        self._client.close()
        self._folder.cleanup()
