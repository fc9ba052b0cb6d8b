"""Adapter: the library under an evidence-recall harness.

An adapter is ``make(conversation, meta) -> retriever`` with ``add(items)`` and
``search(query, k)``; items are ``{"id", "text", "speaker", "date", …}``. Each conversation gets a
scope file of its own.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from routemem.memory_core import Memory, Settings, load_embedder

SETTINGS = Settings.load()  # so that a setting can be tried by its environment variable
EMBEDDER = load_embedder(SETTINGS.embedder)


class Library:
    """One conversation in one `Memory`, stored and asked as a user would."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp())
        self._memory = Memory.open(self._folder / "scope.db", embedder=EMBEDDER, settings=SETTINGS)
        self._ids: dict[str, str] = {}

    def add(self, items: list[dict[str, Any]]) -> None:
        """Remember each turn."""
        for item in items:
            receipt = self._memory.remember(
                item["text"],
                kind="turn",
                speaker=item.get("speaker") or "",
                when=item.get("date") or "",
                source="user",
            )
            self._ids.setdefault(receipt.id, item["id"])

    def search(self, query: str, k: int) -> list[str]:
        """Ids of the hits, best first."""
        found = self._memory.recall(query, top_k=k, max_tokens=25_000)
        return [self._ids[hit.id] for hit in found.hits]

    def close(self) -> None:
        """Close the memory and remove its file."""
        self._memory.close()
        shutil.rmtree(self._folder)


def make(conversation: str, meta: dict[str, Any]) -> Library:
    """A retriever for one conversation."""
    return Library()
