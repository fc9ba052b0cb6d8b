"""A connection of uvicorn that does not wait for ever: neither for a request nor for a reader.

uvicorn ends a connection that is idle between two requests; of one that sends its headers byte by
byte, or takes no answer, it is patient without end. The guard minds the bodies.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Brisk(H11Protocol):
    """Cuts the connection when headers, or the reading of an answer, take longer than `patience`.

    Attributes:
        patience: in seconds.
    """

    patience = 30.0
    _headers: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own does
        """The first request is waited for from now on."""
        super().connection_made(transport)
        self._headers = self._later()

    def data_received(self, data: bytes) -> None:
        """Something came: a whole request ends the wait, a part of one begins it."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._headers = _stopped(self._headers)
        elif self._headers is None:
            self._headers = self._later()

    def pause_writing(self) -> None:
        """The client does not read: its buffers and ours are full."""
        super().pause_writing()
        self._reading = self._reading or self._later()

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._reading = _stopped(self._reading)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._headers = _stopped(self._headers)
        self._reading = _stopped(self._reading)
        super().connection_lost(exc)

    def _later(self) -> asyncio.TimerHandle:
        return self.loop.call_later(self.patience, self.transport.abort)


def brisk(patience: float) -> type[H11Protocol]:
    """The protocol with a patience of its own, in seconds; uvicorn wants a class."""
    return type("Brisk", (Brisk,), {"patience": patience})


def _stopped(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Stop the timer, if there is one; what is left in its place is none."""
    if timer is not None:
        timer.cancel()
    return None
