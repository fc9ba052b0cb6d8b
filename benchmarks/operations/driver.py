"""Times the Memory Framework's own stores (``memory``); started by `benchmarks.theirs`.

Its search and its turns need a Qdrant and a model server, so only short-term memory and facts run.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def rate(work: Callable[[int], Any], count: int) -> float:
    """Calls a second."""
    start = time.perf_counter()
    for number in range(count):
        work(number)
    return count / (time.perf_counter() - start)


def measured(count: int) -> dict[str, float]:
    """Each operation's rate."""
    memory = import_module("memory")
    large = memory.ShortTermPolicy(max_tokens=1_000_000, max_entries=100_000)
    written = memory.ShortTermMemory(scope="user:one", policy=large)
    read = memory.ShortTermMemory(scope="user:two", policy=large)
    for number in range(100):
        read.add(f"Message {number} with content", "user")
    with tempfile.TemporaryDirectory() as name:
        facts = memory.FeatureMemory(scope="user:one", storage_dir=name)
        return {
            "write": rate(lambda n: written.add(f"Message number {n} with content", "user"), count),
            "read": rate(lambda n: read.get_context(max_tokens=500), count),
            "set": rate(lambda n: facts.set(f"key_{n}", f"value_{n}"), count // 2),
            "get": rate(lambda n: facts.get(f"key_{n % 100}"), count),
        }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    (folder / "answer.json").write_text(json.dumps(measured(job["count"])))
