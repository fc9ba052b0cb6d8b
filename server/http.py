"""The HTTP server: streamable HTTP, SSE and REST on one app, behind one guard.

Only `routemem serve --http|--sse` imports this.
"""

import asyncio
import contextlib
import math
import signal
import socket
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from routemem.memory_core.settings import Settings

from .app import build_calls, build_rest_tools, build_server
from .calls import Calls
from .surface import Surface
from .web.address import Address, own_names
from .web.connection import brisk
from .web.ending import close_streams
from .web.guard import Guard, House
from .web.limits import RateLimit
from .web.metrics import Metrics
from .web.rest.answering import refuse
from .web.rest.routes import rest_routes
from .web.routes import health_route, metrics_route
from .web.sessions import Sessions, Streams
from .web.tokens import Tokens

#: Seconds that requests under way are given when the server is told to end.
GRACE = 5


@dataclass(frozen=True)
class Served:
    """One memory, as clients of the protocol and as other programs find it.

    Attributes:
        server: for the protocol; closes the memory when it ends.
        tools: what the REST routes call.
    """

    settings: Settings
    calls: Calls
    server: Surface
    tools: Surface

    @classmethod
    def of(cls, settings: Settings) -> "Served":
        """Nothing is opened or loaded before the first call.

        Raises:
            InvalidArgument: a toolset or tool does not exist, or none is left.
        """
        calls = build_calls(settings, by_token=True)
        server = build_server(settings, calls)
        return cls(settings, calls, server, build_rest_tools(settings, calls))


def run_http(
    served: Served, listening: socket.socket, address: Address, *, streamable: bool, sse: bool
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are given a few seconds."""
    metrics = Metrics(time.monotonic())
    server = http_server(served, metrics, listening, address, streamable=streamable, sse=sse)
    # uvicorn raises the signal that ended it once more; to end when asked to is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    asyncio.run(_serve(server, listening, metrics))


async def _serve(server: uvicorn.Server, listening: socket.socket, metrics: Metrics) -> None:
    closing = asyncio.create_task(close_streams(server, metrics, GRACE - 1))
    await server.serve([listening])
    closing.cancel()


def http_server(
    served: Served,
    metrics: Metrics,
    listening: socket.socket,
    address: Address,
    *,
    streamable: bool = True,
    sse: bool = True,
) -> uvicorn.Server:
    """A server for a socket that listens; not yet running.

    Args:
        metrics: what is counted from now on.
        streamable: whether to serve streamable HTTP at ``/mcp``.
        sse: whether to serve SSE at ``/sse``.
    """
    port: int = listening.getsockname()[1]
    settings = served.settings
    app = build_app(
        served,
        metrics,
        hosts={*own_names(port), *(host.lower() for host in address.hosts)},
        origins={*(f"http://{name}" for name in own_names(port)), *address.origins},
        streamable=streamable,
        sse=sse,
    )
    config = uvicorn.Config(
        app,
        http=brisk(settings.http_timeout, max(256, 4 * settings.http_sessions)),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,  # our own: uvicorn's prints paths
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=math.ceil(min(5.0, settings.http_timeout)),
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)


def build_app(
    served: Served,
    metrics: Metrics,
    *,
    hosts: Collection[str],
    origins: Collection[str],
    streamable: bool,
    sse: bool,
) -> ASGIApp:
    """The app of one server: its transports, REST, health and metrics, all behind the guard.

    Args:
        metrics: what is counted from now on.
        hosts: accepted values of Host.
        origins: accepted values of Origin.
        streamable: whether to serve streamable HTTP at ``/mcp``.
        sse: whether to serve SSE at ``/sse``.
    """
    settings, server = served.settings, served.server
    server.middleware.append(metrics.count)
    server.on_call = served.tools.on_call = metrics.called
    sessions, streams = Sessions(server, settings), Streams(server, settings)
    routes: list[BaseRoute] = [
        health_route(),
        metrics_route(metrics, sessions, streams),
        *rest_routes(served.tools, served.calls),
    ]
    if streamable:
        routes.append(Route("/mcp", sessions))
    if sse:
        routes.append(Route("/sse", streams, methods=["GET"]))
        routes.append(Mount("/messages/", streams.transport.handle_post_message))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with sessions.manager.run():  # opens and closes what the tools work on
            yield

    return Guard(
        Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: refuse}),
        Tokens(settings.data_path(), deadline=settings.write_deadline),
        House(hosts, origins, settings.http_body, settings.http_timeout),
        RateLimit(settings.http_rate, settings.http_burst, time.monotonic),
        metrics,
    )
