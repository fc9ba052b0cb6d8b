"""Routes beside the transports. What REST will offer has its place here, behind the same guard."""

import time
from importlib.metadata import version

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .metrics import Metrics


def health_route() -> Route:
    """``/health``: that the server answers, and which version it is."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "version": version("routemem")})

    return Route("/health", health, methods=["GET"])


def metrics_route(metrics: Metrics, sessions: StreamableHTTPSessionManager) -> Route:
    """``/metrics``: what was counted, as text for Prometheus."""

    async def tell(_: Request) -> Response:
        # The SDK tells nobody how many sessions it holds.
        text = metrics.text(time.monotonic(), len(sessions._server_instances))
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    return Route("/metrics", tell, methods=["GET"])
