"""What is measured: the library, the same without one signal, and the server over stdio."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from routemem.memory_core import Memory, Settings
from routemem.memory_core.records import Hit
from routemem.memory_core.retrieval.ranking import WEIGHTS, WEIGHTS_BEFORE_TOKENS
from routemem.server.replies.hits import hit_cost
from routemem.server.replies.recall import room_for_hits

from ..server import OURS, environment
from ..stdio_client import StdioClient
from .conversations import Talk, fields

#: Room for all 50 hits.
PLENTY = 25_000
SEARCHING = "routemem.memory_core.searching"
SETTINGS = Settings(embed_at_once=1000, token_counter="estimate")


class Library:
    """One conversation in one `Memory`."""

    def __init__(self, talk: Talk, embedder: Any) -> None:
        self.memory = Memory.open(None, embedder=embedder, settings=SETTINGS)
        self.turn: dict[str, Any] = {}
        for turn in talk["memories"]:
            receipt = self.memory.remember(turn["text"], **fields(turn))
            self.turn.setdefault(receipt.id, turn["id"])

    def ours(self, question: str) -> list[Any]:
        """As a user gets it."""
        hits = self.memory.recall(question, top_k=50, max_tokens=PLENTY).hits
        return [self.turn[hit.id] for hit in hits]

    def packed(self, question: str) -> list[Any]:
        """What is shown whole in a reply of the server of 1,000 tokens."""
        return [self.turn[hit.id] for hit in self._reply(question) if hit.whole]

    def packed_or_cut(self, question: str) -> list[Any]:
        """What is shown of it, be it a part."""
        return [self.turn[hit.id] for hit in self._reply(question)]

    def _reply(self, question: str) -> Sequence[Hit]:
        return self.memory.recall(
            question, top_k=50, max_tokens=room_for_hits(1000, explain=False),
            cost=hit_cost(self.memory.counter.count, detailed=False),
        ).hits  # fmt: skip

    def close(self) -> None:
        """Close the memory."""
        self.memory.close()


class Server:
    """One conversation in one scope of a server, over stdio."""

    def __init__(self, talk: Talk, embedder: Any) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._client = StdioClient(OURS, environment(self._folder.name))
        self.turn: dict[str, Any] = {}
        for turn in talk["memories"]:
            told = self._client.call("remember", content=turn["text"], **fields(turn))
            self.turn.setdefault(told["id"], turn["id"])

    def server(self, question: str) -> list[Any]:
        """As a client gets it."""
        return self._hits(question, PLENTY)

    def server_packed(self, question: str) -> list[Any]:
        """With a reply of at most 1,000 tokens."""
        return self._hits(question, 1000)

    def _hits(self, question: str, max_tokens: int) -> list[Any]:
        told = self._client.call("recall", query=question, top_k=50, max_tokens=max_tokens)
        return [self.turn[hit["id"]] for hit in told["hits"]]

    def close(self) -> None:
        """End the server."""
        self._client.close()
        self._folder.cleanup()


@contextmanager
def without(signal: str) -> Iterator[None]:
    """The library without one of its signals."""
    changed = [("WEIGHTS", WEIGHTS), ("WEIGHTS_BEFORE_TOKENS", WEIGHTS_BEFORE_TOKENS)]
    with ExitStack() as stack:
        for name, weights in changed:
            fewer = {key: weight for key, weight in weights.items() if key != signal}
            stack.enter_context(patch(f"{SEARCHING}.{name}", fewer))
        if signal == "tokens":
            stack.enter_context(patch(f"{SEARCHING}.DEPTH", 0))
        yield
