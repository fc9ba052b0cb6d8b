"""The product's HTTP server as a real process on a free loopback port, and clients for it."""

import json
import subprocess
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2
from command import PROGRAM, environment, run
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult


class HttpServer:
    """A server on a folder of its own. One that hangs is killed, so that no test hangs.

    Args:
        folder: keeps its data and key.
        flags: further ones for ``serve``.
        env: further environment variables.
    """

    def __init__(self, folder: Path, *flags: str, patience: float = 120.0, **env: str) -> None:
        self.folder = folder
        self._flags, self._env, self._patience = flags, env, patience

    def __enter__(self) -> "HttpServer":
        self.process = subprocess.Popen(
            [*PROGRAM, "serve", "--http", "--sse", "--port", "0", *self._flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(self.folder, **self._env),
        )
        self._watchdog = threading.Timer(self._patience, self.process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()
        assert self.process.stdout
        first = self.process.stdout.readline()
        assert first.startswith("routemem: http://"), self.process.communicate()
        self.url = first.split()[1].removesuffix("/mcp")
        self.port = int(self.url.rpartition(":")[2])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> tuple[int, str]:
        """Ask it to end; its exit status and what it said on stderr."""
        self.process.terminate()
        _, said = self.process.communicate()
        self._watchdog.cancel()
        return self.process.returncode, said

    def token(self, name: str, scope: str, *flags: str) -> str:
        """Make a token, as its owner does: in a shell, while the server runs or before."""
        return new_token(self.folder, name, scope, *flags)

    def ask(self, path: str, token: str = "", method: str = "GET", **more: Any) -> httpx2.Response:
        """One plain request, without certificates: loading them would take longest."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        with httpx2.Client(timeout=30, verify=False) as client:
            return client.request(method, self.url + path, headers=headers, **more)

    @asynccontextmanager
    async def client(
        self, token: str, way: str = "mcp", mode: str = "auto"
    ) -> AsyncIterator[Client]:
        """The SDK's client over streamable HTTP (``mcp``) or ``sse``."""
        headers = {"authorization": f"Bearer {token}"}
        if way == "sse":
            async with Client(sse_client(f"{self.url}/sse", headers=headers), mode=mode) as client:
                yield client
            return
        async with httpx2.AsyncClient(headers=headers, timeout=30, verify=False) as http:
            transport = streamable_http_client(f"{self.url}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client


def new_token(folder: Path, name: str, scope: str, *flags: str) -> str:
    """A new token's secret."""
    made = run(folder, "token", "create", name, "--scope", scope, "--json", *flags)
    assert made.returncode == 0, made.stderr
    secret: str = json.loads(made.stdout)["token"]
    return secret


def text_of(result: CallToolResult) -> str:
    """What the model reads."""
    return "\n".join(getattr(part, "text", "") for part in result.content)
