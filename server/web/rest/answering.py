"""From a plain HTTP request to a tool, and its answer back."""

import logging
from collections.abc import Mapping
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from routemem.memory_core.errors import (
    Conflict,
    DiskFull,
    EmbedderError,
    InvalidArgument,
    NotAllowed,
    NotFound,
    RoutememError,
    Stopped,
    SummariserError,
    TooManyCalls,
    TooManyScopes,
    Withheld,
    WriteTimeout,
)

from ... import log
from ...calls import Calls
from ...faults import crashed, unknown_tool
from ...surface import Surface
from .table import Endpoint

logger = logging.getLogger(__name__)

#: Kind of an error -> status of HTTP; whatever else fails is the server's fault: 500.
_STATUS: dict[type[RoutememError], int] = {
    InvalidArgument: 400,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    Stopped: 409,
    Withheld: 422,
    EmbedderError: 503,
    SummariserError: 503,
    TooManyCalls: 429,
    WriteTimeout: 503,
    TooManyScopes: 503,
    DiskFull: 507,
}
#: By code, since tools tell no more than that.
STATUS = {
    kind.code: status for base, status in _STATUS.items() for kind in (base, *base.__subclasses__())
}
#: What the other system says by a flag.
_FORMAT = {True: "detailed", False: "concise"}


class Answering:
    """Answers one endpoint by calling its tool, or by reading its view."""

    def __init__(self, endpoint: Endpoint, tools: Surface, calls: Calls) -> None:
        self._endpoint, self._tools, self._calls = endpoint, tools, calls

    async def answer(self, request: Request) -> Response:
        """The tool's structured answer as JSON; an error has a code and a message."""
        try:
            given = await _arguments(request)
            if self._endpoint.view is not None:
                return _json(await self._viewed(given))
            return _json(await self._called(given))
        except RoutememError as error:
            return refusal(error.code, str(error))
        except ToolError as error:
            code, _, told = str(error).partition(": ")
            return refusal(code, told)
        except Exception as error:  # of a view; tools have told theirs already
            logger.error("%s failed: %s", self._endpoint.tool, log.where(error))
            code, _, told = crashed(self._endpoint.tool, error).partition(": ")
            return refusal(code, told)

    async def _called(self, given: dict[str, Any]) -> Any:
        endpoint = self._endpoint
        arguments = {**endpoint.given, **in_our_words(given, endpoint.earlier)}
        result = await self._tools.call_tool(endpoint.tool, arguments)
        assert isinstance(result, CallToolResult)  # nobody can be asked in between: see `can_ask`
        return result.structured_content

    async def _viewed(self, given: dict[str, Any]) -> Any:
        view = self._endpoint.view
        assert view is not None
        offered = [tool.name for tool in await self._tools.list_tools()]
        if missing := [name for name in self._endpoint.needs if name not in offered]:
            raise ToolError(unknown_tool(missing[0], offered))
        unknown = given.keys() - {"scope", "id"}
        if unknown:
            raise InvalidArgument(
                f"There is no argument {sorted(unknown)[0][:80]!r}. Valid: scope."
            )
        scope, id = str(given.get("scope") or ""), str(given.get("id", ""))
        return await self._calls.run(self._endpoint.tool, lambda scopes: view(scopes, scope, id))


def in_our_words(given: Mapping[str, Any], earlier: Mapping[str, str]) -> dict[str, Any]:
    """Arguments under our names.

    Args:
        given: as they came.
        earlier: another name -> ours.

    Raises:
        InvalidArgument: one is given under both names.
    """
    said = dict(given)
    for other in earlier.keys() & given.keys():
        name = earlier[other]
        if name in given:
            raise InvalidArgument(f"{other} is another name of {name}: give one of the two.")
        value = said.pop(other)
        said[name] = _FORMAT.get(value, value) if isinstance(value, bool) else value
    return said


def refusal(code: str, told: str) -> Response:
    """An answer that says what was expected and what to do next."""
    return _json({"error": code, "message": told}, STATUS.get(code, 500))


async def refuse(_: Request, error: Exception) -> Response:
    """A path or a method that there is not, in the same form."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "wrong_method"}.get(error.status_code, "error")
    answer = _json(
        {"error": code, "message": f"{error.detail}. See /openapi.json."}, error.status_code
    )
    answer.headers.update(error.headers or {})
    return answer


async def _arguments(request: Request) -> dict[str, Any]:
    """Of the query, of the body, and of the path.

    Raises:
        InvalidArgument: the body is no JSON object.
    """
    if request.method != "POST":
        query = request.query_params
        many = {name: query.getlist(name) for name in query}
        said: Any = {name: each[0] if len(each) == 1 else each for name, each in many.items()}
    else:
        try:
            said = from_json(await request.body() or b"{}")  # as the protocol's requests are read
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise InvalidArgument("The body should be one JSON object with the arguments.")
    return {**said, **request.path_params}


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, {"cache-control": "no-store"})
