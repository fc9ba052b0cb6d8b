"""How long recall takes while a new generation of the index is built, and while none is.

    python -m benchmarks.recall_while_building [--items 5000] [--turns 2] [--out FILE]

A memory of made-up turns with drawn vectors (those of `query_cost`: nothing of a model's time is
counted) is asked one question after the other while a child process builds. The child is stopped
and let go on after every few questions (POSIX), so that both sides see the same machine. Wall time
of a question, and CPU time of the asking thread; how often the system took the processor from it,
which on a shared machine happens without a build too.
"""

import argparse
import itertools
import json
import os
import platform
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from routemem.memory_core import Memory, Settings
from routemem.memory_core.question import ask
from routemem.memory_core.routing import build as building

from .index_upkeep import switches
from .query_cost import Told, asked, fill

RESULTS = Path(__file__).parent / "results" / "recall_while_building.json"
#: Questions until the child is stopped, or goes on.
STRETCH = 10
#: Wall, CPU (both ms) and switches of a question.
Sample = tuple[float, float, int]
#: Questions while the child worked, and while it stood still.
Sides = dict[str, list[Sample]]


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


def asked_beside(memory: Memory, build: Callable[[], Any], numbers: Iterator[int]) -> Sides:
    """Questions while a build runs: those with its child at work, and those with it stopped."""
    sides: Sides = {"during": [], "without": []}
    children: list[subprocess.Popen[bytes]] = []
    start = building.start

    def noted(job: building.Job, place: Path) -> "subprocess.Popen[bytes]":
        children.append(start(job, place))
        return children[-1]

    building.start = noted
    thread = threading.Thread(target=build)
    thread.start()
    try:
        while not children and thread.is_alive():
            time.sleep(0.01)
        for side in itertools.cycle(sides):
            children[0].send_signal(signal.SIGCONT if side == "during" else signal.SIGSTOP)
            stretch = [sample(memory, next(numbers)) for _ in range(STRETCH)]
            if children[0].poll() is not None:
                return sides
            sides[side] += stretch
    finally:
        children[0].send_signal(signal.SIGCONT)
        thread.join()
        building.start = start
    return sides


def measure(items: int, turns: int) -> dict[str, Any]:
    """Several builds of one memory."""
    sides: Sides = {"during": [], "without": []}
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
                found = asked_beside(memory, partial(memory.index.run, "build"), numbers)
                for side, samples in found.items():
                    sides[side] += samples
            report = memory.index.report()
    return {
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "items": items,
        "buckets": report["buckets"],
        **{side: told(samples) for side, samples in sides.items()},
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    found = measure(given.items, given.turns)
    print(json.dumps(found, indent=1))
    given.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
