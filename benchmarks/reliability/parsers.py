"""Texts and bytes from a hostile mind, to everything that reads them: an answer or our own refusal.

Hypothesis draws them: arbitrary ones, and ones put together of what the parsers know.
"""

import io
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from routemem.memory_core.errors import RoutememError
from routemem.memory_core.lifecycle.actions import read_actions
from routemem.memory_core.lifecycle.screening import redact, screen
from routemem.memory_core.memory import Memory
from routemem.memory_core.retrieval.cues import read_cues
from routemem.memory_core.retrieval.fact_keys import matching_keys
from routemem.memory_core.retrieval.time_expressions import periods
from routemem.memory_core.storage.registry import check_scope
from routemem.memory_core.text.times import parse_moment, parse_span
from routemem.server.frames import decode

from .part import Found, Watch

NOW = 1_767_614_400.0
#: Longest that reading a text of at most 600 characters may take, CPU seconds.
SLOW = 1.0
PIECES = (
    "last", "next", "may", "march", "the", "of", "2024", "31", "12", "week", "ago", "two", "year",
    "monday", "in", "-", ":", "T", "Z", "+99:99", "/", "0000", "9" * 11,
    '"', "'", "*", "(", ")",
    "AND", "OR", "NOT", "NEAR", "^", "text:", "{", "}", "[", "]", ",", '"id"', '"action"', "KEEP",
    "DELETE", "```json", "user:", "\0", "\ud800", "\u202e", "é", "日本",
    "🦀", "\n", " ", "sk-", "AKIA",
    "<|im_start|>", "key=", "-----BEGIN", "4111 1111 1111 1111", "\\", "%00",
)  # fmt: skip
TEXTS = st.text(st.characters(codec=None), max_size=300) | st.lists(
    st.sampled_from(PIECES), max_size=60
).map(" ".join)


def run(examples: int, folder: Path, watch: Watch) -> Found:
    """Give ``examples`` texts to each parser."""
    logging.getLogger("routemem.server").setLevel(logging.ERROR)  # each refused line is logged
    losses = {"other errors": 0, "slow": 0}
    said: list[str] = []
    with Memory.open(None, embedder="none") as memory:
        memory.remember("text of the harbour", tags=["t"])
        parsers = _parsers(memory, _bundle())
        counts: dict[str, Any] = dict.fromkeys(parsers, 0)
        for name, (texts, read) in parsers.items():
            _attack(name, texts, read, examples, counts, losses, said)
            if watch.over():
                break
    return Found({**counts, "said": said[:5]}, losses)


def _attack(
    name: str,
    texts: st.SearchStrategy[Any],
    read: Callable[[Any], object],
    examples: int,
    counts: dict[str, Any],
    losses: dict[str, int],
    said: list[str],
) -> None:
    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(texts)
    def attack(text: Any) -> None:
        counts[name] += 1
        try:
            # Twice: the first time the garbage of thousands of texts may have been collected.
            slow = _seconds(read, text) > SLOW and _seconds(read, text) > SLOW
        except Exception as error:
            losses["other errors"] += 1
            said.append(f"{name}: {type(error).__name__} {error} on {text!r}"[:300])
            return
        if slow:
            losses["slow"] += 1
            said.append(f"{name}: slow on {text!r}")

    attack()


def _seconds(read: Callable[[Any], object], text: Any) -> float:
    """CPU seconds that a parser takes for a text, which it may refuse."""
    start = time.thread_time()
    with suppress(RoutememError):
        read(text)
    return time.thread_time() - start


def _parsers(
    memory: Memory, bundle: bytes
) -> dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], object]]]:
    def restore(given: bytes) -> None:
        """What was taken in must be usable, too."""
        with Memory.open(None, embedder="hash") as other:
            other.transfer.restore(io.BytesIO(given))
            while other.upkeep.backfill():
                pass
            other.recall("harbour", top_k=50)
            other.get_context("harbour")
            other.get_facts(history=True)
            other.upkeep.round()

    return {
        "times": (TEXTS, _both(parse_moment, parse_span)),
        "time expressions": (TEXTS, lambda text: periods(text, NOW)),
        "cues": (TEXTS, lambda text: read_cues(text, ["Ann", "Bob Smith", text[:20]], NOW)),
        "word queries": (
            TEXTS,
            _recall(memory),
        ),
        "actions": (TEXTS, read_actions),
        "screening": (TEXTS, lambda text: redact(text, screen(text, untrusted=True))),
        "scope names": (TEXTS, _both(check_scope, lambda text: check_scope(f"user:{text}"))),
        "fact keys": (TEXTS, lambda text: matching_keys([text[:50], "user.city"], text)),
        "lines": (st.binary(max_size=600) | TEXTS.map(_encoded), decode),
        "bundles": (_mutated(bundle), restore),
    }


def _recall(memory: Memory) -> Callable[[str], object]:
    return lambda text: memory.recall(text, speaker=text[:9], tags=[text[:9]])


def _both(first: Callable[[str], object], second: Callable[[str], object]) -> Callable[[str], None]:
    """Two readers of one text; what the first refuses is given to the second all the same."""

    def read(text: str) -> None:
        with suppress(RoutememError):
            first(text)
        second(text)

    return read


def _encoded(text: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": text, "params": {text: text}}).encode()


def _bundle() -> bytes:
    """A small bundle with every kind of line."""
    with Memory.open(None, embedder="none") as memory:
        for number in range(3):
            memory.remember(f"text {number} of the harbour " * 9)
        memory.set_fact("user.city", "Ghent")
        memory.boards.tasks.create("dig")
        file = io.BytesIO()
        memory.transfer.export(file)
    return file.getvalue()


def _mutated(bundle: bytes) -> st.SearchStrategy[bytes]:
    """The bundle with bytes changed, lines swapped, values replaced, its checksum made to fit."""
    lines = bundle.splitlines(keepends=True)

    def changed(at: int, length: int, by: bytes) -> bytes:
        at %= len(bundle)
        return bundle[:at] + by + bundle[at + length :]

    def replaced(number: int, name: int, value: Any) -> bytes:
        said = [json.loads(line) for line in lines]
        line = said[number % len(said)]
        line[sorted(line)[name % len(line)]] = value
        body = b"".join(json.dumps(each).encode() + b"\n" for each in said[:-1])
        end = {"record": "end", "lines": len(said) - 1, "sha256": sha256(body).hexdigest()}
        return body + json.dumps(end).encode() + b"\n"

    values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    return (
        st.builds(changed, st.integers(0, 10**6), st.integers(0, 40), st.binary(max_size=20))
        | st.builds(replaced, st.integers(0, 99), st.integers(0, 99), values | st.lists(values))
        | st.permutations(lines).map(b"".join)
        | st.binary(max_size=300)
    )
