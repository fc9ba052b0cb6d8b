"""What stands in front of every route: who asks, from where, how often, how much.

A request is looked at from the outside in, and refused before anything of it is read: Host (a
name that was rebound to this machine), Origin (a page in somebody's browser), token, rate, size.
"""

import re
import time
from collections.abc import Collection
from dataclasses import dataclass

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routemem.memory_core.errors import StorageError

from ..callers import Caller, caller
from ..frames import mend
from .connection import connection_of
from .limits import RateLimit
from .metrics import Metrics
from .tokens import Token, Tokens

#: Of a body that is too long, so many times the limit are taken off the wire and thrown away: a
#: client that is still sending would see a broken connection instead of the answer.
_SWALLOWED = 8
#: Seconds that a client which is refused at once has for the rest of its body.
_LINGERING = 2.0
_PERHAPS_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass
class Refused(Exception):
    """A request that goes no further.

    Attributes:
        status: of HTTP.
        code: stable.
        told: expected, got, next step.
        headers: more of them.
    """

    status: int
    code: str
    told: str
    headers: tuple[tuple[str, str], ...] = ()

    def response(self) -> JSONResponse:
        """The answer; the connection is closed, for its body may not have been read."""
        content = {"error": self.code, "message": self.told}
        headers = {"connection": "close", "cache-control": "no-store"} | dict(self.headers)
        return JSONResponse(content, self.status, headers)


@dataclass(frozen=True)
class House:
    """Under which names this server is known, and from whose pages it may be asked.

    Attributes:
        hosts: accepted values of Host, in lower case, with the port where clients send it.
        origins: accepted values of Origin; none is sent by what is no browser.
        body: longest body, in bytes.
        patience: longest time a body may take, in seconds.
    """

    hosts: Collection[str]
    origins: Collection[str]
    body: int
    patience: float


class Guard:
    """Lets in who has a token, and tells the server whose request it is."""

    def __init__(
        self, app: ASGIApp, tokens: Tokens, house: House, limit: RateLimit, metrics: Metrics
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._house = house
        self._limit = limit
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of ASGI; websockets are not served."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = ended = False

        async def counted(message: Message) -> None:
            nonlocal begun, ended
            if message["type"] == "http.response.start":
                begun = True
                self._metrics.answered(scope["path"], message["status"])
            elif message["type"] == "http.response.body":
                ended = not message.get("more_body", False)
            await send(message)

        headers = Headers(scope=scope)
        try:
            token = await self._checked(scope, headers, receive)
            body = await self._body(headers, receive)
        except Refused as refused:
            self._metrics.refused(refused.code)
            await refused.response()(scope, receive, counted)
            return
        if body is None:
            return
        # The SDK keeps a session to the user that opened it: another token cannot take it over.
        access = AccessToken(token="", client_id=token.id, scopes=[])
        asking = caller.set(Caller(token.id, token.scopes, token.read_only))
        self._metrics.began()
        try:
            known = {**scope, "user": AuthenticatedUser(access)}
            await self._app(known, _replayed(body, receive), counted)
            if begun and not ended:  # a stream that the server closes ends like any other answer
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._metrics.ended()
            caller.reset(asking)

    async def _checked(self, scope: Scope, headers: Headers, receive: Receive) -> Token:
        try:
            self._check_origin(headers)
            token = self._holder(headers)
            self._check_place(scope, token)
        except Refused:
            if "expect" not in headers:  # who asks first has sent no body yet
                with anyio.move_on_after(min(_LINGERING, self._house.patience)):
                    await self._swallow(receive)
            raise
        return token

    async def _swallow(self, receive: Receive) -> None:
        """Take a body off the wire unread: who still sends would see a broken connection."""
        size, more = 0, True
        while more and size <= self._house.body * _SWALLOWED:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)

    def _check_origin(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._house.hosts:
            raise Refused(
                421,
                "wrong_host",
                "This server does not answer under that name. Expected one of: "
                f"{', '.join(sorted(self._house.hosts))}. Start it with --allow-host to add one.",
            )
        origins = headers.getlist("origin")
        if len(origins) > 1 or not set(origins) <= set(self._house.origins):
            raise Refused(
                403,
                "wrong_origin",
                "Pages of that origin may not ask here. Start the server with --allow-origin to "
                "let one.",
            )

    def _holder(self, headers: Headers) -> Token:
        given = headers.getlist("authorization")
        scheme, _, secret = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        try:
            token = self._tokens.holder(secret.strip(), time.time())
        except StorageError:
            raise Refused(
                503, "tokens_unreadable", "The list of tokens cannot be read: see the server's log."
            ) from None
        if scheme.lower() != "bearer" or token is None:
            raise Refused(
                401,
                "unauthorized",
                "Expected 'Authorization: Bearer <token>' with a token that is neither revoked nor "
                "over. Make one with: routemem token create",
                (("www-authenticate", 'Bearer realm="routemem"'),),
            )
        if wait := self._limit.wait(token.id):
            after = str(int(wait) + 1)
            raise Refused(
                429,
                "too_many_requests",
                f"This token asks too often. Try again in {after} s.",
                (("retry-after", after),),
            )
        return token

    def _check_place(self, scope: Scope, token: Token) -> None:
        connection = connection_of(scope)
        if connection and not connection.let_in(token.id):
            raise Refused(
                503,
                "too_many_connections",
                "This token has as many connections as it may have, all in use. Close one, or try "
                "again later.",
            )

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        """The body, all of it: what is let in waits for nobody. None: the client has gone.

        Half surrogate pairs (text cut inside an emoji) become U+FFFD, of the same length in bytes:
        the parser would refuse the request.

        Raises:
            Refused: it is too long, or does not come.
        """
        parts: list[bytes] = []
        size, more = 0, True
        with anyio.move_on_after(self._house.patience) as waiting:
            while more and size <= self._house.body * _SWALLOWED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                part = message.get("body", b"")
                size += len(part)
                more = message.get("more_body", False)
                if size <= self._house.body:
                    parts.append(part)
        if size > self._house.body:
            raise Refused(
                413, "too_large", f"A body may have {self._house.body} bytes. Send less at once."
            )
        if waiting.cancelled_caught:
            raise Refused(408, "too_slow", f"No whole body within {self._house.patience:g} s.")
        body = b"".join(parts)
        return mend(body) if _PERHAPS_HALF.search(body) else body


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What was read, once more; then whatever comes."""
    read = False

    async def again() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
