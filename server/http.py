"""The HTTP transports: streamable HTTP and SSE on one app, behind one guard.

Only `routemem serve --http|--sse` imports this.
"""

import asyncio
import contextlib
import ipaddress
import math
import signal
import socket
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

import uvicorn
from mcp.server.runner import serve_dual_era_loop
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.settings import Settings

from .surface import Surface
from .web.connection import brisk
from .web.ending import close_streams
from .web.guard import Guard, House
from .web.limits import RateLimit
from .web.metrics import Metrics
from .web.routes import health_route, metrics_route
from .web.tokens import Tokens

#: Seconds that requests under way are given when the server is told to end.
GRACE = 5


@dataclass(frozen=True)
class Address:
    """Where to listen, and under which names.

    Attributes:
        host: a numeric address or ``localhost``.
        port: 0 for one that is free.
        hosts: further accepted values of Host.
        origins: further accepted values of Origin.
        exposed: whether it may be reached from other machines.
    """

    host: str
    port: int
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    exposed: bool = False

    def check(self) -> None:
        """Refuse to be reachable by accident.

        Raises:
            InvalidArgument: the address is not of this machine alone and that was not asked for.
        """
        if is_loopback(self.host):
            return
        if not self.exposed or not self.hosts:
            raise InvalidArgument(
                f"--host {self.host} can be reached from other machines, and this server speaks no "
                "TLS. Put a proxy with TLS in front of 127.0.0.1; or, where the network itself is "
                "safe, add --expose and the names clients use: --allow-host memory.example.org"
            )


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(address: Address) -> socket.socket:
    """A socket that listens; clients may connect from here on.

    Raises:
        InvalidArgument: the address cannot be had.
    """
    address.check()
    host = "127.0.0.1" if address.host == "localhost" else address.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, address.port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        raise InvalidArgument(
            f"Nobody can listen on {address.host}:{address.port} ({error}). Choose another --port, "
            "or 0 for a free one."
        ) from error


def run_http(
    server: Surface,
    settings: Settings,
    listening: socket.socket,
    address: Address,
    *,
    streamable: bool,
    sse: bool,
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are given a few seconds."""
    port: int = listening.getsockname()[1]
    metrics = Metrics(time.monotonic())
    app = build_app(
        server,
        settings,
        metrics,
        hosts={*_own_hosts(port), *(host.lower() for host in address.hosts)},
        origins={*(f"http://{host}" for host in _own_hosts(port)), *address.origins},
        streamable=streamable,
        sse=sse,
    )
    config = uvicorn.Config(
        app,
        http=brisk(settings.http_timeout),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,  # our own: uvicorn's prints paths
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=math.ceil(min(5.0, settings.http_timeout)),
        limit_concurrency=max(256, 4 * settings.http_sessions),
        timeout_graceful_shutdown=GRACE,
    )
    # uvicorn raises the signal that ended it once more; to end when asked to is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    asyncio.run(_serve(uvicorn.Server(config), listening, metrics))


async def _serve(server: uvicorn.Server, listening: socket.socket, metrics: Metrics) -> None:
    closing = asyncio.create_task(close_streams(server, metrics, GRACE - 1))
    await server.serve([listening])
    closing.cancel()


def build_app(
    server: Surface,
    settings: Settings,
    metrics: Metrics,
    *,
    hosts: Collection[str],
    origins: Collection[str],
    streamable: bool = True,
    sse: bool = True,
) -> ASGIApp:
    """The app of one server: its transports, health and metrics, all behind the guard.

    Args:
        server: built with ``by_token``.
        settings: limits, and the folder of the tokens.
        metrics: what is counted from now on.
        hosts: accepted values of Host.
        origins: accepted values of Origin.
        streamable: whether to serve streamable HTTP at ``/mcp``.
        sse: whether to serve SSE at ``/sse``.
    """
    core = server._lowlevel_server  # the SDK's own apps take no share in what goes before them
    server.middleware.append(metrics.count)
    sessions = StreamableHTTPSessionManager(
        core,
        max_request_body_size=settings.http_body,
        session_idle_timeout=settings.http_idle,
        max_sessions=settings.http_sessions,
    )
    streams = _Streams(server, settings, metrics)
    routes: list[BaseRoute] = [health_route(), metrics_route(metrics, sessions)]
    if streamable:
        routes.append(Route("/mcp", StreamableHTTPASGIApp(sessions)))
    if sse:
        routes.append(Route("/sse", streams, methods=["GET"]))
        routes.append(Mount("/messages/", streams.transport.handle_post_message))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with sessions.run():  # opens and closes what the tools work on
            yield

    tokens = Tokens(settings.data_path(), deadline=settings.write_deadline)
    return Guard(
        Starlette(routes=routes, lifespan=lifespan),
        tokens,
        House(hosts, origins, settings.http_body, settings.http_timeout),
        RateLimit(settings.http_rate, settings.http_burst, time.monotonic),
        metrics,
    )


class _Streams:
    """The streams of the SSE clients: a connection for each that stays open."""

    def __init__(self, server: Surface, settings: Settings, metrics: Metrics) -> None:
        self.transport = SseServerTransport("/messages/", max_request_body_size=settings.http_body)
        self._core = server._lowlevel_server
        self._most = settings.http_sessions
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._metrics.open_streams >= self._most:
            told = f"{self._most} sessions are open; try again later."
            full = JSONResponse({"error": "too_many_sessions", "message": told}, 503)
            await full(scope, receive, send)
            return
        self._metrics.open_streams += 1
        try:
            async with self.transport.connect_sse(scope, receive, send) as (requests, answers):
                # Not `Server.run`: that would close the memory when the first client leaves.
                await serve_dual_era_loop(self._core, requests, answers, lifespan_state=None)
        finally:
            self._metrics.open_streams -= 1


def _own_hosts(port: int) -> list[str]:
    names = ("127.0.0.1", "localhost", "[::1]")
    return [f"{name}:{port}" for name in names] + (list(names) if port == 80 else [])
