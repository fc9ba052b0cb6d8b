"""The Memory Framework's claims beside its code and ours.

    python -m benchmarks.operations [--n 1000] [--theirs FOLDER]

``--theirs``: a checkout of the repository that holds its ``memory`` package.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from routemem.memory_core import Memory

from ..claims import Options, Row, Table, main
from ..theirs import ask
from .driver import rate

DRIVER = Path(__file__).parent / "driver.py"
TOPICS = (
    "Python programming", "machine learning", "web development", "database design", "testing",
    "cloud computing", "security", "API design", "performance", "operations",
)  # fmt: skip
ASKED = ("how to write code", "tables and keys", "finding bugs", "keeping attackers out", "speed")


def operations(options: Options) -> Table:
    """All five, and the writing of facts, which the claim leaves out."""
    count = options.n or 1000
    theirs = ask(DRIVER, options.theirs, {}, count=count) or {}
    with tempfile.TemporaryDirectory() as name:
        ours = measured(Memory.open(Path(name) / "scope.db"), count)
    bare = measured(Memory.open(None, embedder="hash"), count)
    lines = (
        ("write", "a turn written to recent memory", "95,724", ""),
        ("read", "recent turns read, 500 tokens", "15,256", ""),
        ("set", "a fact set", "154 (in its raw results)", ""),
        ("get", "a fact read", "2,600,000", ""),
        ("search", "search by meaning among 10 turns", "57", "above the claim by CPU time"),
        ("turn", "a turn stored and the next context built", "2.5", "above the claim by CPU time"),
    )
    least = {"search": 57.0, "turn": 2.5}
    rows = [
        Row(
            f"{what}, a second",
            claim,
            f"{theirs[key]:,.0f}" if key in theirs else "",
            f"{ours[key]:,.0f} ({ours[f'{key} cpu']:,.0f} a CPU second); "
            f"{bare[key]:,.0f} ({bare[f'{key} cpu']:,.0f}) without disk and model",
            check,
            key not in least or ours[f"{key} cpu"] > least[key],
        )
        for key, what, claim, check in lines
    ]
    return Table(
        "operations",
        "Calls a second of one thread, wall time, and in brackets a CPU second, which a busy "
        "machine changes little. Ours as it comes: on disk before the call returns, embedded by "
        "the model in the package, in full-text and vector index; then without file and with "
        "hashed words. Their recent memory is a list in the process, lost when it ends, and a fact "
        "is read from a dictionary: those rates are of other work. Theirs rewrites a file a fact. "
        "Their search and turn need a vector server and a model server (the turn asks a language "
        "model) and were not run.",
        "made-up messages",
        count,
        rows,
        {"ours": ours, "bare": bare, "theirs": theirs},
    )


def measured(memory: Memory, count: int) -> dict[str, float]:
    """Each operation's rate; closes the memory."""
    memory.remember("first", source="user")  # loads what is loaded once
    for topic in TOPICS:
        memory.log_turn(f"Tell me about {topic}.", f"Here is something about {topic}.")
    few = max(20, count // 10)
    rates: dict[str, float] = {}
    work: dict[str, tuple[Callable[[int], Any], int]] = {
        "search": (lambda n: memory.recall(ASKED[n % len(ASKED)], top_k=5), few),
        "turn": (lambda n: turn(memory, n), 20),
        "write": (lambda n: memory.log_turn(f"Message number {n} with content"), few),
        "read": (lambda n: memory.recent(), few),
        "set": (lambda n: memory.set_fact(f"key_{n}", f"value_{n}", source="user"), count // 2),
        "get": (lambda n: memory.get_fact(f"key_{n % 100}"), count),
    }
    for name, (call, times) in work.items():
        start = time.process_time()
        rates[name] = rate(call, times)
        rates[f"{name} cpu"] = times / (time.process_time() - start)
    memory.close()
    return rates


def turn(memory: Memory, number: int) -> None:
    """A turn and the context of the next."""
    memory.log_turn(f"Question {number} about programming", f"Answer {number} about programming")
    memory.get_context(f"follow up {number}")


if __name__ == "__main__":
    main(__doc__ or "", {"operations": operations}, "operations")
