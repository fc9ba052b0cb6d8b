"""Two servers at work for a long time on one scope: nothing grows that should not, nobody stays.

Once a minute a client is killed with a server of its own: that server must end by itself.
"""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from routemem.memory_core.storage.registry import file_name

from .client import Gone, Hung, Server, group_left, settings
from .part import Found, Watch

#: Calls a second of each server.
PACE = 5.0
#: Seconds between two samples.
SAMPLE = 5.0
#: Seconds between two clients that die, and how long their server may outlive them.
DEATHS, OUTLIVES = 60.0, 10.0
#: Share of the time after which memory is expected to stay as it is.
WARM = 0.25
#: Two files with a writer and four readers, two descriptors each, and a dozen for the process.
HANDLES = 36
GOAL_SLOPE = 1.0  # MB an hour
GOAL_LOG = 16 << 20  # bytes
WORDS = ("harbour", "gauge", "lamp", "tide", "crane", "ferry", "mole", "buoy")
#: A client that starts a server, is answered once, and waits to be killed.
CLIENT = """
import subprocess, sys, json
server = subprocess.Popen([sys.executable, "-m", "routemem.server", "serve"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def ask(id, method, params):
    line = json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    server.stdin.write(line.encode() + b"\\n"); server.stdin.flush(); server.stdout.readline()
ask(1, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                      "clientInfo": {"name": "dies", "version": "1"}})
server.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\\n')
ask(2, "tools/call", {"name": "recall", "arguments": {"query": "harbour"}})
print(server.pid, flush=True)
sys.stdin.read()
"""


@dataclass
class Samples:
    """What was measured on the way, a list entry a sample."""

    at: list[float] = field(default_factory=list)
    rss: list[list[float]] = field(default_factory=list)
    anonymous: list[list[float]] = field(default_factory=list)
    handles: list[list[int]] = field(default_factory=list)
    log: list[int] = field(default_factory=list)


def run(seconds: int, folder: Path, watch: Watch) -> Found:
    """Work for that many seconds."""
    servers = [Server(folder), Server(folder)]
    log = folder / "data" / (file_name("global") + "-wal")
    chance, samples = random.Random(seconds), Samples()
    losses: dict[str, int] = {"errors": 0, "left processes": 0, "failed ends": 0}
    calls, slow = 0, []
    start = time.monotonic()
    next_sample, next_death = start + SAMPLE, start + min(DEATHS, seconds / 3)
    deaths = 0
    while (now := time.monotonic()) < start + seconds and not watch.over():
        for server in servers:
            begun = time.perf_counter()
            try:
                _step(server, chance, calls)
            except (AssertionError, Gone, Hung):
                losses["errors"] += 1
            slow.append((time.perf_counter() - begun) * 1000)
            calls += 1
        if now > next_sample:
            next_sample = now + SAMPLE
            samples.at.append(now - start)
            rss, anonymous = zip(*(server.memory() for server in servers), strict=True)
            samples.rss.append([*rss])
            samples.anonymous.append([*anonymous])
            samples.handles.append([server.handles() for server in servers])
            samples.log.append(log.stat().st_size if log.exists() else 0)
        if now > next_death:
            next_death = now + DEATHS
            deaths += 1
            losses["left processes"] += _outlives_its_client(folder)
        time.sleep(max(0.0, 1 / PACE - (time.monotonic() - now)))
    took = time.monotonic() - start
    losses["failed ends"] = sum(server.leave() != 0 for server in servers)
    losses["left processes"] += sum(len(group_left(server.process.pid)) for server in servers)
    return _judged(samples, losses, {
        "seconds": round(took), "calls": calls, "clients killed": deaths,
        "call p50 ms": round(float(np.median(slow)), 1),
        "call p99 ms": round(float(np.percentile(slow, 99)), 1),
    })  # fmt: skip


def _judged(samples: Samples, losses: dict[str, int], counts: dict[str, Any]) -> Found:
    warm = [n for n, at in enumerate(samples.at) if at >= samples.at[-1] * WARM]
    hours = np.array([samples.at[n] for n in warm]) / 3600

    def slopes_of(memory: list[list[float]]) -> list[float]:
        lines = (np.polyfit(hours, [memory[n][s] for n in warm], 1) for s in range(2))
        return [round(float(line[0]), 2) for line in lines]

    slopes = slopes_of(samples.rss)
    handles = [[samples.handles[n][s] for n in warm] for s in range(2)]
    losses["handles leaked"] = max(0, max(map(max, handles)) - HANDLES)
    losses["log over 16 MB"] = int(max(samples.log) > GOAL_LOG)
    counts |= {
        "RSS MB by tenths of the time": [
            round(samples.rss[len(samples.rss) * tenth // 10][0]) for tenth in range(10)
        ],
        "RSS MB": [round(samples.rss[-1][s]) for s in range(2)],
        "RSS slope MB/h": slopes,
        "slope of what is in no file MB/h": slopes_of(samples.anonymous),
        "handles": [[min(each), max(each)] for each in handles],
        "log MB at most": round(max(samples.log) / 1e6, 2),
    }
    steady = max(slopes) < GOAL_SLOPE
    return Found(counts, losses, () if steady else (f"RSS slope under {GOAL_SLOPE:.0f} MB/h",))


def _step(server: Server, chance: random.Random, number: int) -> None:
    """One call: as much is deleted as is stored after a while, so that the scope stays as it is."""
    text = " ".join(chance.choices(WORDS, k=chance.choice((5, 20, 60))))
    kind = chance.choice(("remember", "fact", "recall", "recall", "look"))
    if kind == "remember":
        server.call("remember", content=f"{number} {text}", key=f"slot{chance.randrange(400)}")
    elif kind == "fact":
        server.call("set_fact", key=f"fact{chance.randrange(20)}", value=chance.randrange(5))
    elif kind == "recall":
        server.call("recall", query=text[:60])
    else:
        server.call("get_facts", keys=["fact1", "fact2"])


def _outlives_its_client(folder: Path) -> int:
    """Kill a client as `kill -9` does; 1 if its server is still there after a while."""
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=settings(folder),
    )
    assert client.stdout
    server = int(client.stdout.readline())
    client.kill()
    client.communicate()
    until = time.monotonic() + OUTLIVES
    while _runs(server):
        if time.monotonic() > until:
            os.kill(server, signal.SIGKILL)
            return 1
        time.sleep(0.05)
    return 0


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(") ", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
