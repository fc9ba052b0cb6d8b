"""The REST routes as Starlette serves them, with their OpenAPI document."""

from importlib.metadata import version

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...calls import Calls
from ...surface import Surface
from .answering import Answering
from .openapi import document
from .table import BASE, ENDPOINTS

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def rest_routes(tools: Surface, calls: Calls) -> list[BaseRoute]:
    """A route for every endpoint, and ``/openapi.json``, which tells of those that are on.

    Args:
        tools: every tool that may be called.
        calls: where views find the core.
    """

    async def openapi(_: Request) -> Response:
        offered = {tool.name: tool.input_schema for tool in await tools.list_tools()}
        return JSONResponse(document(offered, version("routemem")))

    paths: dict[str, dict[str, Answering]] = {}
    for each in ENDPOINTS:
        paths.setdefault(each.path, {})[each.method] = Answering(each, tools, calls)
    answers: list[BaseRoute] = [_route(path, methods) for path, methods in paths.items()]
    return [Route("/openapi.json", openapi, methods=["GET"]), *answers]


def _route(path: str, methods: dict[str, Answering]) -> Route:
    """All methods of a path in one route, so that a wrong one is told every right one.

    The route takes wrong ones too: else GET /items/search would be the memory "search".
    """
    allowed = [*methods, "HEAD"] if "GET" in methods else [*methods]

    async def answer(request: Request) -> Response:
        if request.method not in allowed:
            told = f"{BASE}{path} takes {' or '.join(methods)}, not {request.method}"
            raise HTTPException(405, told, {"allow": ", ".join(allowed)})
        method = "GET" if request.method == "HEAD" else request.method
        return await methods[method].answer(request)

    return Route(BASE + path, answer, methods=_METHODS)
