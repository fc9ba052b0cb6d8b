"""A client that keeps several calls under way, and can stop and kill its server in the middle."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from .nursery import Child, Nursery

#: Seconds after which a call without an answer counts as hung.
PATIENCE = 120.0
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "reliability", "version": "1"},
}


class Hung(Exception):
    """A call was not answered within `PATIENCE`."""


class Gone(Exception):
    """The server ended."""


def settings(folder: Path, **more: str) -> dict[str, str]:
    """Environment of a server that keeps to one folder, with the embedder that needs no model."""
    clean = {name: said for name, said in os.environ.items() if not name.startswith("ROUTEMEM_")}
    return {
        **clean,
        "ROUTEMEM_DATA_DIR": str(folder / "data"),
        "ROUTEMEM_KEY_DIR": str(folder / "key"),
        "ROUTEMEM_KEYRING": "off",
        "ROUTEMEM_EMBEDDER": "hash",
        **more,
    }


class Server:
    """One server process over stdio. A thread reads its answers, so that none is waited for.

    Attributes:
        process: the server; with its children it is a process group of its own.
    """

    def __init__(
        self,
        folder: Path,
        *flags: str,
        log: Path | None = None,
        nursery: Nursery | None = None,
        **more: str,
    ) -> None:
        self.process: subprocess.Popen[bytes] | Child
        if nursery is not None:
            self.process = nursery.start(flags, settings(folder, **more))
        else:
            with (log or Path(os.devnull)).open("ab") as errors:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "routemem.server", "serve", *flags],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=settings(folder, **more),
                    start_new_session=True,
                )
        self._last = 0
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ask("initialize", HELLO)
        self.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def write(self, line: bytes) -> None:
        """Send bytes as they are."""
        assert self.process.stdin
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise Gone(str(self.process.poll())) from error

    def send(self, method: str, params: dict[str, Any]) -> int:
        """Send a request; returns its id."""
        self._last += 1
        request = {"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}
        self.write(json.dumps(request).encode() + b"\n")
        return self._last

    def start(self, tool: str, arguments: dict[str, Any]) -> int:
        """Send a call; returns its id."""
        return self.send("tools/call", {"name": tool, "arguments": arguments})

    def receive(self) -> dict[str, Any]:
        """The next answer, to whichever request.

        Raises:
            Hung: none came in time.
            Gone: the server ended.
        """
        while True:
            try:
                message = self._said.get(timeout=PATIENCE)
            except queue.Empty:
                raise Hung from None
            if message is None:
                raise Gone(str(self.process.wait()))
            if "id" in message:
                return message

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer, which must be the next one."""
        asked = self.send(method, params)
        message = self.receive()
        assert message["id"] == asked, message
        return message

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and wait; the structured answer.

        Raises:
            AssertionError: it was refused.
        """
        message = self.ask("tools/call", {"name": tool, "arguments": arguments})
        result: dict[str, Any] = message["result"]
        assert not result.get("isError"), result["content"][0]["text"]
        found: dict[str, Any] = result["structuredContent"]
        return found

    def stop(self) -> None:
        """Stop every thread of the server and of its children where it is; returns when they are.

        A signal takes its time, and a child may just be forked: looked at until nothing runs.
        """
        until = time.monotonic() + 5
        while time.monotonic() < until:
            os.killpg(self.process.pid, signal.SIGSTOP)
            states = [state for _, state in group(self.process.pid)]
            if all(state in "TtZ" for state in states):
                return

    def kill(self) -> list[dict[str, Any]]:
        """End it as `kill -9` does, without its children; returns what it had still answered."""
        self.process.kill()
        self.process.wait()
        _wake(self.process.pid)
        self._reader.join(5)
        rest = []
        while not self._said.empty():
            message = self._said.get()
            if message is not None and "id" in message:
                rest.append(message)
        self._shut()
        return rest

    def leave(self) -> int:
        """Hang up and wait for the end; the exit status."""
        assert self.process.stdin
        self.process.stdin.close()
        status = self.process.wait(timeout=PATIENCE)
        self._shut()
        return status

    def memory(self) -> tuple[float, float]:
        """Resident memory, and what of it belongs to no file, MB (Linux)."""
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text("ascii")
        said = dict(line.split(":", 1) for line in rollup.splitlines()[1:])
        return int(said["Rss"].split()[0]) / 1024, int(said["Anonymous"].split()[0]) / 1024

    def handles(self) -> int:
        """Open file descriptors (Linux)."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208  no Path is needed

    def _shut(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    pass

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                self._said.put(json.loads(line))
        self._said.put(None)


def _wake(leader: int) -> None:
    """Let the children of a killed server go on.

    One that was being forked when it was stopped holds its lock and its end of the pipes, too.
    """
    until = time.monotonic() + 5
    while any(state in "Tt" for _, state in group(leader)) and time.monotonic() < until:
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGCONT)


def group_left(leader: int) -> list[int]:
    """Processes of a server's group that are still there (Linux)."""
    return [pid for pid, state in group(leader) if state != "Z"]


def group(leader: int) -> list[tuple[int, str]]:
    """Process ids and states of a server's group (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (
                (entry / "stat").read_text("ascii", errors="replace").rsplit(") ", 1)[1].split()
            )
        except (OSError, IndexError):
            continue
        if int(fields[2]) == leader:
            found.append((int(entry.name), fields[0]))
    return found
