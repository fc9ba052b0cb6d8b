"""The REST routes as Starlette serves them, with their OpenAPI document."""

from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...calls import Calls
from ...surface import Surface
from .answering import Answering
from .openapi import document
from .table import BASE, ENDPOINTS


def rest_routes(tools: Surface, calls: Calls) -> list[BaseRoute]:
    """A route for every endpoint, and ``/openapi.json``, which tells of those that are on.

    Args:
        tools: every tool that may be called.
        calls: where views find the core.
    """

    async def openapi(_: Request) -> Response:
        offered = {tool.name: tool.input_schema for tool in await tools.list_tools()}
        return JSONResponse(document(offered, version("routemem")))

    answers: list[BaseRoute] = [
        Route(BASE + each.path, Answering(each, tools, calls).answer, methods=[each.method])
        for each in ENDPOINTS
    ]
    return [Route("/openapi.json", openapi, methods=["GET"]), *answers]
