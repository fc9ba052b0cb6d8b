"""How long recall takes while a new generation of the index is built, and while none is.

    python -m benchmarks.recall_while_building [--items 30000] [--turns 3] [--out FILE]

A memory of made-up turns with drawn vectors (those of `query_cost`: nothing of a model's time is
counted) is asked one question after the other, a stretch without a build and one during it, in
turns. Wall time of a question, and CPU time of the asking thread; how often the system took the
processor from it, which on a shared machine happens without a build too.
"""

import argparse
import itertools
import json
import os
import platform
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from routemem.memory_core import Memory, Settings
from routemem.memory_core.question import ask

from .index_upkeep import switches
from .query_cost import Told, asked, fill

RESULTS = Path(__file__).parent / "results" / "recall_while_building.json"
#: Questions of a stretch without a build.
QUIET = 400
#: Wall, CPU (both ms) and switches of a question.
Sample = tuple[float, float, int]


def sample(memory: Memory, number: int) -> Sample:
    """Ask one question."""
    text, read = asked(number)
    switched, began, worked = switches(), time.perf_counter(), time.thread_time()
    with memory.store.reading():
        memory._rooms.recalling.search(ask(text), read, None)
    worked, began = time.thread_time() - worked, time.perf_counter() - began
    return began * 1000, worked * 1000, switches() - switched


def told(samples: list[Sample]) -> dict[str, Any]:
    """Percentiles of some questions."""
    wall, cpu, switched = map(np.array, zip(*samples, strict=True))
    return {
        "questions": len(samples),
        **{f"wall_p{p}_ms": round(float(np.percentile(wall, p)), 2) for p in (50, 99)},
        **{f"cpu_p{p}_ms": round(float(np.percentile(cpu, p)), 2) for p in (50, 99)},
        "switches_per_question": round(float(switched.mean()), 2),
    }


def measure(items: int, turns: int) -> dict[str, Any]:
    """Stretches in turns on one memory."""
    quiet: list[Sample] = []
    building: list[Sample] = []
    took: list[float] = []
    numbers = (number * 37 % items for number in itertools.count())
    settings = Settings(token_counter="estimate", flush_seconds=3600)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scope.db"
        with Memory.open(path, embedder=Told(), settings=settings) as memory:
            fill(memory, items)
            memory.index.run("build")
            for _ in range(50):
                sample(memory, next(numbers))
            for _ in range(turns):
                quiet += [sample(memory, next(numbers)) for _ in range(QUIET)]
                build = threading.Thread(target=memory.index.run, args=("build",))
                began = time.perf_counter()
                build.start()
                while build.is_alive():
                    building.append(sample(memory, next(numbers)))
                took.append(time.perf_counter() - began)
            report = memory.index.report()
    return {
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "items": items,
        "buckets": report["buckets"],
        "build_s": [round(seconds, 1) for seconds in took],
        "without": told(quiet),
        "during": told(building),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", type=int, default=30_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    found = measure(given.items, given.turns)
    print(json.dumps(found, indent=1))
    given.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
