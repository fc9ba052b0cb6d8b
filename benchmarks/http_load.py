"""Many clients at once over HTTP: the SDK's own, on loopback, asking two servers in turn.

    python -m benchmarks.http_load [--clients 50] [--calls 10000] [--rounds 10] [--out FILE]

Half of the clients speak the era of the handshake, half the stateless one. One call in five stores
a memory (fsynced), the others recall. The SDK's bare server answers as many calls of one tool that
says its text back; the two sides take turns, and all clients live in one process, whose own work is
part of every figure. At the end every memory that was acknowledged has to be there.
"""

import argparse
import json
import platform
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from .server import BARE, OURS, cpu_name, environment, show
from .stdio_client import cpu_of
from .texts import memory, question

HERE = Path(__file__).parent
#: Memories that are there before the first call.
STOCK = 500
ERAS = ("legacy", "auto")

#: One call: gets a client and the number of the call, says which kind it was.
Call = Callable[[Client, int], Awaitable[str]]


@dataclass
class Tally:
    """What came of the calls of one side.

    Attributes:
        seconds: of each call that was answered, by kind.
        errors: calls that failed, or were answered with an error.
        busy: seconds in which calls were under way.
        cpu: seconds of CPU that the server used in them.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: int = 0
    busy: float = 0.0
    cpu: float = 0.0

    def figures(self) -> dict[str, Any]:
        """Counts, calls a second, the server's CPU for one, percentiles in milliseconds by kind."""
        every = [each for some in self.seconds.values() for each in some]
        return {
            "calls": len(every) + self.errors,
            "errors": self.errors,
            "calls_per_s": round(len(every) / self.busy, 1),
            "server_cpu_ms": round(1000 * self.cpu / len(every), 2),
            "all": percentiles(every),
            **{kind: percentiles(some) for kind, some in sorted(self.seconds.items())},
        }


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and largest, in milliseconds."""
    ordered = sorted(seconds)
    at = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
    picked = {name: ordered[int(share * (len(ordered) - 1))] for name, share in at.items()}
    return {"n": len(ordered)} | {name: round(1000 * took, 2) for name, took in picked.items()}


async def ask_ours(client: Client, number: int) -> str:
    """Store a memory with every fifth call, else recall one of the stock."""
    if number % 5 == 0:
        result = await client.call_tool("remember", {"content": memory(STOCK + number)})
    else:
        result = await client.call_tool("recall", {"query": question(number % STOCK)})
    assert not result.is_error, result
    return "remember" if number % 5 == 0 else "recall"


async def ask_bare(client: Client, number: int) -> str:
    """Have a text said back."""
    result = await client.call_tool("echo", {"text": memory(number)})
    assert not result.is_error, result
    return "echo"


@dataclass(frozen=True)
class Side:
    """A server, those who ask it, and what came of it."""

    pid: int
    clients: list[Client]
    ask: Call
    tally: Tally = field(default_factory=Tally)


async def load(side: Side, numbers: range) -> None:
    """Make the calls with these numbers, each client one after the other, all clients at once."""
    tally = side.tally

    async def one(client: Client, mine: range) -> None:
        for number in mine:
            start = time.perf_counter()
            try:
                kind = await side.ask(client, number)
            except Exception:  # whatever it is: it is counted, and the run goes on
                tally.errors += 1
                continue
            tally.seconds.setdefault(kind, []).append(time.perf_counter() - start)

    start, used = time.perf_counter(), cpu_of(side.pid)
    async with anyio.create_task_group() as tasks:
        for place, client in enumerate(side.clients):
            tasks.start_soon(one, client, numbers[place :: len(side.clients)])
    tally.busy += time.perf_counter() - start
    tally.cpu += cpu_of(side.pid) - used


@asynccontextmanager
async def connected(port: int, token: str, many: int) -> AsyncIterator[list[Client]]:
    """So many clients of the SDK, of both eras in turn, each with its own connections."""
    url = f"http://127.0.0.1:{port}/mcp"
    async with AsyncExitStack() as stack:
        clients = []
        for place in range(many):
            headers = {"authorization": f"Bearer {token}"}
            http = httpx2.AsyncClient(headers=headers, timeout=120, verify=False)
            await stack.enter_async_context(http)
            transport = streamable_http_client(url, http_client=http)
            client = Client(transport, mode=ERAS[place % len(ERAS)])
            clients.append(await stack.enter_async_context(client))
        yield clients


@contextmanager
def started(command: list[str], port: int, env: dict[str, str]) -> Iterator[int]:
    """A server as a process; its id once it listens."""
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    assert process.poll() is None, "the server ended"
                    time.sleep(0.05)
            yield process.pid
        finally:
            process.terminate()


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


async def take_turns(
    ours: tuple[int, int], bare: tuple[int, int], token: str, given: argparse.Namespace
) -> tuple[Tally, Tally, int]:
    """The figures of both sides, and how many acknowledged memories are missing at the end.

    Args:
        ours: port and process id; so for ``bare``.
    """
    calls = given.calls // given.rounds
    async with (
        connected(ours[0], token, given.clients) as our_clients,
        connected(bare[0], token, given.clients) as bare_clients,
    ):
        mine = Side(ours[1], our_clients, ask_ours)
        theirs = Side(bare[1], bare_clients, ask_bare)
        for number in range(STOCK):
            await our_clients[0].call_tool("remember", {"content": memory(number)})
        for turn in range(given.rounds):
            numbers = range(turn * calls, (turn + 1) * calls)
            await load(theirs, numbers)
            await load(mine, numbers)
        status = await our_clients[0].call_tool("memory_status", {})
    assert status.structured_content
    there = sum(status.structured_content["items"].values())
    acknowledged = STOCK + len(mine.tally.seconds.get("remember", []))
    return mine.tally, theirs.tally, acknowledged - there


def main() -> None:
    """Measure, print and write the results."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clients", type=int, default=50)
    options.add_argument("--calls", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--out", default=str(HERE / "results" / "http_load.json"))
    given = options.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        env = environment(folder) | {
            "ROUTEMEM_HTTP_RATE": "1000000",
            "ROUTEMEM_HTTP_BURST": "1000000",
            "ROUTEMEM_HTTP_SESSIONS": str(2 * given.clients),
            "ROUTEMEM_HTTP_SHARE": str(2 * given.clients),
        }
        create = [*OURS[:-1], "token", "create", "load", "--scope", "user:load", "--json"]
        token = json.loads(subprocess.check_output(create, env=env))["token"]
        our_port, bare_port = free_port(), free_port()
        serve = [*OURS, "--http", "--port", str(our_port)]
        with (
            started(serve, our_port, env) as ours,
            started([*BARE, str(bare_port)], bare_port, env) as bare,
        ):
            sides = (our_port, ours), (bare_port, bare)
            mine, theirs, lost = anyio.run(take_turns, *sides, token, given)
    results: dict[str, Any] = {
        "machine": {"cpu": cpu_name(), "python": platform.python_version()},
        "clients": given.clients,
        "ours": mine.figures(),
        "lost": lost,
        "bare": theirs.figures(),
    }
    ours_all, bare_all = results["ours"]["all"], results["bare"]["all"]
    results["ratio"] = {
        name: round(ours_all[name] / bare_all[name], 2) for name in ("p50_ms", "p99_ms")
    } | {
        name: round(results["ours"][name] / results["bare"][name], 2)
        for name in ("calls_per_s", "server_cpu_ms")
    }
    for name in ("ours", "bare", "ratio"):
        show(name, results[name])
    print(f"\nlost: {lost}")
    Path(given.out).write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
