"""How many sessions may be open, in all and for one token.

Clients of the stateless era open none: each of their requests stands alone.
"""

from collections import Counter

from mcp.server.runner import serve_dual_era_loop
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
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
        self.manager = StreamableHTTPSessionManager(
            server._lowlevel_server,  # the SDK's own app takes no share in what goes before it
            max_request_body_size=settings.http_body,
            session_idle_timeout=settings.http_idle,
            max_sessions=settings.http_sessions,
        )
        self._app = StreamableHTTPASGIApp(self.manager)
        self._share = settings.http_share

    def __len__(self) -> int:
        # The SDK tells nobody how many sessions it holds, nor whose they are.
        return len(self.manager._server_instances)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of ASGI."""
        if _opens(Headers(scope=scope)) and self._held(_asking()) >= self._share:
            await _too_many(self._share)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _held(self, token: str) -> int:
        owners = self.manager._session_owners.values()
        return sum(owner["client_id"] == token for owner in owners)


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


def _opens(headers: Headers) -> bool:
    """Whether the SDK opens a session for a request with these headers."""
    version = headers.get("mcp-protocol-version")
    handshake = version is None or version in HANDSHAKE_PROTOCOL_VERSIONS
    return handshake and "mcp-session-id" not in headers


def _asking() -> str:
    asking = caller.get()
    return asking.id if asking else ""


def _too_many(most: int) -> Response:
    told = f"{most} sessions are open already: close one, or try again later."
    return JSONResponse({"error": "too_many_sessions", "message": told}, 503)
