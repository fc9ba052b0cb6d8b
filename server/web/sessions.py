"""How many sessions may be open, in all and for one token.

Clients of the stateless era open none: each of their requests stands alone.
"""

from collections import Counter
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthorizationContext
from mcp.server.runner import serve_dual_era_loop
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http import StreamableHTTPServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from routemem.memory_core.settings import Settings

from ..callers import caller
from ..surface import Surface


class Sessions:
    """Streamable HTTP: the SDK's sessions, of which one token may not take all.

    Attributes:
        manager: of the SDK; to be entered while the app runs.
    """

    def __init__(self, server: Surface, settings: Settings) -> None:
        self.manager = _Shared(
            settings.http_share,
            server._lowlevel_server,  # the SDK's own app takes no share in what goes before it
            max_request_body_size=settings.http_body,
            session_idle_timeout=settings.http_idle,
            max_sessions=settings.http_sessions,
        )
        self._app = StreamableHTTPASGIApp(self.manager)

    def __len__(self) -> int:
        # The SDK tells nobody how many sessions it holds, nor whose they are.
        return len(self.manager._server_instances)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of ASGI."""
        try:
            await self._app(scope, receive, send)
        except _ShareTaken as taken:
            await _too_many(taken.share)(scope, receive, send)


class _ShareTaken(Exception):
    """A token has all the sessions it may have."""

    def __init__(self, share: int) -> None:
        super().__init__(share)
        self.share = share


class _Shared(StreamableHTTPSessionManager):
    """Admits so many sessions of one token.

    Counted where the SDK admits a session, in one step: of requests that come at once, each would
    find that there is room as long as none has its session.
    """

    def __init__(self, share: int, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._share = share

    def _admit_session(
        self, requestor: AuthorizationContext | None
    ) -> StreamableHTTPServerTransport | None:
        asking = requestor and requestor["client_id"]
        held = sum(owner["client_id"] == asking for owner in self._session_owners.values())
        if asking and held >= self._share:
            raise _ShareTaken(self._share)
        return super()._admit_session(requestor)


class Streams:
    """SSE: a connection for each client, which stays open."""

    def __init__(self, server: Surface, settings: Settings) -> None:
        self.transport = SseServerTransport("/messages/", max_request_body_size=settings.http_body)
        self._core = server._lowlevel_server
        self._most, self._share = settings.http_sessions, settings.http_share
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of ASGI."""
        token = _asking()
        if len(self) >= self._most or self._open[token] >= self._share:
            most = self._most if len(self) >= self._most else self._share
            await _too_many(most)(scope, receive, send)
            return
        self._open[token] += 1
        try:
            async with self.transport.connect_sse(scope, receive, send) as (requests, answers):
                # Not `Server.run`: that would close the memory when the first client leaves.
                await serve_dual_era_loop(self._core, requests, answers, lifespan_state=None)
        finally:
            self._open[token] -= 1


def _asking() -> str:
    asking = caller.get()
    return asking.id if asking else ""


def _too_many(most: int) -> Response:
    told = f"{most} sessions are open already: close one, or try again later."
    return JSONResponse({"error": "too_many_sessions", "message": told}, 503)
