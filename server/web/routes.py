"""Routes that tell how the server is."""

import time
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .metrics import Metrics
from .sessions import Sessions, Streams


def health_route() -> Route:
    """``/health``: that the server answers, and which version it is."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "version": version("routemem")})

    return Route("/health", health, methods=["GET"])


def metrics_route(metrics: Metrics, sessions: Sessions, streams: Streams) -> Route:
    """``/metrics``: what was counted, as text for Prometheus."""

    async def tell(_: Request) -> Response:
        text = metrics.text(time.monotonic(), len(sessions), len(streams))
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    return Route("/metrics", tell, methods=["GET"])
