"""The product's HTTP server on a free loopback port, and clients for it."""

import asyncio
import os
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
from command import PROGRAM, environment
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from starlette.types import ASGIApp, Receive, Scope, Send

from routemem.memory_core.storage.data_folder import make_private
from routemem.server import cli
from routemem.server.commands.serve import address_of
from routemem.server.http import Served, http_server
from routemem.server.web.address import listen
from routemem.server.web.metrics import Metrics
from routemem.server.web.tokens import Tokens


class Asking:
    """Asks a server by its address.

    Attributes:
        folder: keeps its data and key.
        port: that it listens on.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}"

    def token(self, name: str, scope: str, **more: Any) -> str:
        """Make a token while the server runs."""
        return new_token(self.folder, name, scope, **more)

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


class Process(Asking):
    """A server that is a process of its own.

    Attributes:
        process: of the server.
    """

    def __init__(self, folder: Path, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout
        first = process.stdout.readline()
        assert first.startswith("routemem: http://"), process.communicate()
        super().__init__(folder, int(first.split()[1].removesuffix("/mcp").rpartition(":")[2]))

    def end(self) -> tuple[int, str]:
        """Ask it to end; its exit status and what it said on stderr."""
        self.process.terminate()
        _, said = self.process.communicate()
        return self.process.returncode, said


@contextmanager
def process_server(
    folder: Path, *flags: str, patience: float = 120.0, **env: str
) -> Iterator[Process]:
    """The server as a user starts it. One that hangs is killed, so that no test hangs.

    Args:
        flags: further ones for ``serve``.
        env: further environment variables.
    """
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--http", "--sse", "--port", "0", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(folder, **env),
    )
    watchdog = threading.Timer(patience, process.kill)
    watchdog.daemon = True
    watchdog.start()
    server = Process(folder, process)
    try:
        yield server
    finally:
        server.end()
        watchdog.cancel()


@contextmanager
def local_server(folder: Path, *flags: str, bearer: str = "", **env: str) -> Iterator[Asking]:
    """The same server on a thread of the test's own process: there in no time.

    Args:
        flags: further ones for ``serve``.
        bearer: a token for requests that bring none, as of clients that know of no tokens.
        env: further environment variables.
    """
    given = cli.parser("serve").parse_args(["serve", "--http", "--sse", "--port", "0", *flags])
    with mock.patch.dict(os.environ, environment(folder, **env), clear=True):
        settings = cli.read_settings(given)
    address = address_of(given)
    listening = listen(address)
    server = http_server(Served.of(settings), Metrics(0.0), listening, address)
    if bearer:
        server.config.app = bringing(bearer, server.config.app)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
    thread.start()
    try:
        yield Asking(folder, listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()
        assert not thread.is_alive()


def bringing(token: str, app: Any) -> ASGIApp:
    """The app, asked with a token where the request brings none."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not any(
            key == b"authorization" for key, _ in scope["headers"]
        ):
            bearer = (b"authorization", f"Bearer {token}".encode())
            scope = {**scope, "headers": [*scope["headers"], bearer]}
        await app(scope, receive, send)

    return asked


def new_token(
    folder: Path, name: str, scope: str, *, read_only: bool = False, days: float = 90.0
) -> str:
    """A new token's secret.

    Args:
        scope: one or several, separated by commas.
    """
    data = Path(environment(folder)["ROUTEMEM_DATA_DIR"])
    make_private(data)
    secret, _ = Tokens(data).create(
        name, scope.split(","), read_only=read_only, days=days, now=time.time()
    )
    return secret


def text_of(result: CallToolResult) -> str:
    """What the model reads."""
    return "\n".join(getattr(part, "text", "") for part in result.content)
