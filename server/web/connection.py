"""A connection of uvicorn that does not wait for ever: neither for a request nor for a reader.

uvicorn ends a connection that is idle between two requests; of one that sends its headers byte by
byte, or takes no answer, it is patient without end. The guard minds the bodies.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds for the headers of a request, which come before the token: a connection that sends none
#: takes one of those that are served at once.
FOR_HEADERS = 5.0


class Brisk(H11Protocol):
    """Cuts the connection when headers, or the reading of an answer, take too long.

    Attributes:
        for_headers: longest wait for all headers of a request, in seconds.
        patience: longest wait for a reader, in seconds.
    """

    for_headers = FOR_HEADERS
    patience = 30.0
    _headers: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own does
        """The first request is waited for from now on."""
        super().connection_made(transport)
        self._headers = self._later(self.for_headers)

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
        self._headers = _stopped(self._headers)
        self._reading = _stopped(self._reading)
        super().connection_lost(exc)

    def _later(self, seconds: float) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, self.transport.abort)


def brisk(patience: float) -> type[H11Protocol]:
    """The protocol with a patience of its own, in seconds; uvicorn wants a class."""
    for_headers = min(FOR_HEADERS, patience)
    return type("Brisk", (Brisk,), {"patience": patience, "for_headers": for_headers})


def _stopped(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Stop the timer, if there is one; what is left in its place is none."""
    if timer is not None:
        timer.cancel()
    return None
