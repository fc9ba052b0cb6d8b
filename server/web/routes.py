"""Routes that tell how the server is."""

import time
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ..callers import caller
from .metrics import Metrics
from .sessions import Sessions, Streams
from .tokens import EVERY


def health_route() -> Route:
    """``/health``: that the server answers, and which version it is."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "version": version("routemem")})

    return Route("/health", health, methods=["GET"])


def metrics_route(metrics: Metrics, sessions: Sessions, streams: Streams) -> Route:
    """``/metrics``: what was counted, as text for Prometheus.

    It counts what all clients do, so a token of some scopes is not told.
    """

    async def tell(_: Request) -> Response:
        asking = caller.get()
        if asking is None or EVERY not in asking.scopes:
            told = f"Metrics are for a token of all scopes (--scope '{EVERY}')."
            return JSONResponse({"error": "not_allowed", "message": told}, 403)
        text = metrics.text(time.monotonic(), len(sessions), len(streams))
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    return Route("/metrics", tell, methods=["GET"])
