"""A connection of uvicorn that does not wait for ever: neither for a request nor for a reader.

uvicorn ends a connection that is idle between two requests; of one that sends its headers byte by
byte, or takes no answer, it is patient without end. The guard minds the bodies.
"""

import asyncio
from typing import Any

import h11
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from .connections import Connections

#: Seconds for the headers of a request, which come before the token: a connection that sends none
#: takes one of those that are served at once.
FOR_HEADERS = 5.0
#: Where the connection of a request stands in the state of its scope.
_STATE = "connection"


class Brisk(H11Protocol):
    """Cuts the connection when headers, or the reading of an answer, take too long.

    Attributes:
        for_headers: longest wait for all headers of a request, in seconds.
        patience: longest wait for a reader, in seconds.
        all: of the server.
    """

    for_headers = FOR_HEADERS
    patience = 30.0
    all: Connections
    _headers: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.app_state = {**self.app_state, _STATE: self}  # copied into the scope of each request

    @property
    def address(self) -> str:
        """Of the machine at the other end."""
        return self.client[0] if self.client else ""

    @property
    def busy(self) -> bool:
        """Whether a request on it is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def leave(self) -> None:
        """Close at once."""
        self.transport.abort()

    def let_in(self, token: str) -> bool:
        """A request has shown this token; whether it may go on."""
        return self.all.let_in(self, token)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own does
        """The first request is waited for from now on, if there is a place."""
        super().connection_made(transport)
        self._headers = self._later(self.for_headers)
        self.all.came(self)

    def data_received(self, data: bytes) -> None:
        """Something came: a whole request ends the wait, a part of one begins it."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._headers = _stopped(self._headers)
        elif self._headers is None:
            self._headers = self._later(self.for_headers)

    def pause_writing(self) -> None:
        """The client does not read: its buffers and ours are full."""
        super().pause_writing()
        self._reading = self._reading or self._later(self.patience)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._reading = _stopped(self._reading)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.all.gone(self)
        self._headers = _stopped(self._headers)
        self._reading = _stopped(self._reading)
        super().connection_lost(exc)

    def _later(self, seconds: float) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, self.transport.abort)


def brisk(patience: float, most: int) -> type[Brisk]:
    """The protocol of one server; uvicorn wants a class.

    Args:
        patience: longest wait for a reader, in seconds.
        most: how many connections there may be.
    """
    for_headers = min(FOR_HEADERS, patience)
    own = {"patience": patience, "for_headers": for_headers, "all": Connections(most)}
    return type("Brisk", (Brisk,), own)


def connection_of(scope: Scope) -> Brisk | None:
    """The connection a request came on; None where it came without one, as in a test."""
    found: Brisk | None = scope.get("state", {}).get(_STATE)
    return found


def _stopped(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Stop the timer, if there is one; what is left in its place is none."""
    if timer is not None:
        timer.cancel()
    return None
