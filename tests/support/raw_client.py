"""Speaks raw JSON lines to a server that runs as a real process."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

TOY = [sys.executable, str(Path(__file__).parent / "toy_server.py")]
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
}


class RawClient:
    """A server process and its pipes. A server that hangs is killed, so that no test hangs."""

    def __init__(
        self, command: list[str] | None = None, *, modern: bool = False, **environment: str
    ) -> None:
        self.modern = modern
        self.process = subprocess.Popen(
            command or TOY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | environment,
            start_new_session=True,
        )
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.stderr = self.process.stderr
        self._last_id = 0
        self._watchdog = threading.Timer(30, self._kill)
        self._watchdog.start()

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kill()
        self.leave()

    def _kill(self) -> None:
        if sys.platform == "win32":
            self.process.kill()
        else:  # with its children, which hold its pipes open
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def send_line(self, line: bytes) -> None:
        self.stdin.write(line + b"\n")
        self.stdin.flush()

    def send(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a request and return its id, which is its progress token too."""
        self._last_id += 1
        meta = {"progressToken": self._last_id} | (MODERN if self.modern else {})
        params = (params or {}) | {"_meta": meta}
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        self.send_line(json.dumps(request).encode())
        return self._last_id

    def start(self, tool: str, **arguments: Any) -> int:
        """Send a call and return its id."""
        return self.send("tools/call", {"name": tool, "arguments": arguments})

    def receive(self) -> dict[str, Any]:
        line = self.stdout.readline()
        assert line.endswith(b"\n"), f"the server closed: {self.stderr.read().decode()}"
        message: dict[str, Any] = json.loads(line)
        return message

    def ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return the message that answers it, which has to be the next one."""
        known = self.send(method, params)
        message = self.receive()
        assert message.get("id") == known, message
        return message

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        message = self.ask("tools/call", {"name": tool, "arguments": arguments})
        result: dict[str, Any] = message["result"]
        return result

    def open(self) -> dict[str, Any]:
        """Open the connection in the client's era and return the answer."""
        if self.modern:
            return self.ask("server/discover")
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "raw", "version": "1"},
        }
        message = self.ask("initialize", hello)
        self.send_line(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        return message

    def leave(self) -> tuple[int, bytes, str]:
        """Close stdin, wait for the end; return code, the rest of stdout, stderr."""
        out, err = self.process.communicate()
        self._watchdog.cancel()
        return self.process.returncode, out, err.decode()
