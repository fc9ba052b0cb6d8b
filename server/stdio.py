"""The stdio transport: the SDK's, with nothing lost and nothing stray on the wire.

One thread reads, one writes, both as daemons: a client that neither reads nor closes cannot keep
the process alive. Everything else happens in the event loop.
"""

import asyncio
import logging
import queue
import signal
import sys
import threading
from concurrent.futures import CancelledError
from contextlib import closing, suppress

import anyio
import mcp.types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import ServerMessageMetadata, SessionMessage

from .frames import Refusal, decode, encode
from .surface import Surface
from .wire import LongLine, Wire, claim_stdio, read_lines

logger = logging.getLogger(__name__)

_Inbound = MemoryObjectSendStream[SessionMessage | Exception]
_Outbound = MemoryObjectReceiveStream[SessionMessage]

# The longest time the last message may take once the server is done, in seconds.
_LAST_WORDS = 0.5


def run_stdio(server: Surface, *, grace: float = 5.0) -> None:
    """Serve over stdin and stdout until the client leaves; see :func:`serve_stdio`."""
    with suppress(KeyboardInterrupt):  # a second Ctrl-C, or any on Windows
        asyncio.run(serve_stdio(server, grace=grace))


async def serve_stdio(server: Surface, *, grace: float = 5.0) -> None:
    """Serve one client over stdin and stdout, in whichever protocol era it opens with.

    Every line gets its answer: what cannot be read is refused, never dropped. Returns when stdin
    ends or nobody reads stdout any more, once the calls under way have been answered, and at
    SIGTERM or SIGINT, when they are cut short. A second signal kills.

    Args:
        server: what to serve.
        grace: longest time calls under way are given after the end of stdin, in seconds.

    Raises:
        OSError: stdin or stdout is closed.
        RuntimeError: not on asyncio's event loop.
    """
    inbound, requests = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    answers, outbound = anyio.create_memory_object_stream[SessionMessage](0)
    line = _Connection(claim_stdio(), inbound, grace)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(line.send, outbound)
        tasks.start_soon(line.close_in_order)
        tasks.start_soon(_hang_up_on_signal, line)
        line.start_reading()
        await server.serve(requests, answers)
        with anyio.move_on_after(_LAST_WORDS):  # not for ever: perhaps nobody reads
            await line.sent.wait()
        tasks.cancel_scope.cancel()


class _Connection:
    """One client: what it sent and is not answered yet, and whether it is still there.

    Attributes:
        sent: set when the last answer has been written, or cannot be.
    """

    def __init__(self, wire: Wire, inbound: _Inbound, grace: float) -> None:
        self.sent = anyio.Event()
        self._wire = wire
        self._inbound = inbound
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._open_calls = 0
        self._left = anyio.Event()
        self._idle = anyio.Event()
        self._patience = anyio.CancelScope()
        self._outbox: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()

    def start_reading(self) -> None:
        """Start the two threads."""
        for work in (self._read, self._write):
            threading.Thread(target=work, name=f"stdio{work.__name__}", daemon=True).start()

    def hang_up(self, *, at_once: bool = False) -> None:
        """Take no more requests and close when the open ones are answered, or now."""
        if at_once:
            self._patience.cancel()
        if not self._open_calls:
            self._idle.set()
        self._left.set()

    async def close_in_order(self) -> None:
        """Wait until the client has left and its calls are answered, then close the requests."""
        await self._left.wait()
        with self._patience:
            self._patience.deadline = anyio.current_time() + self._grace
            await self._idle.wait()
        self._inbound.close()

    async def send(self, outbound: _Outbound) -> None:
        """Write the server's messages, one after the other."""
        async for message in outbound:
            try:
                await self._put(encode(message.message))
            except OSError:
                self.hang_up()  # nobody reads; the calls under way still run to their end
            if isinstance(message.message, types.JSONRPCResponse | types.JSONRPCError):
                await self._settled()
        self.sent.set()

    async def _put(self, message: bytes) -> None:
        written: asyncio.Future[None] = self._loop.create_future()
        self._outbox.put((message, written))
        await written

    async def _settled(self) -> None:
        self._open_calls -= 1
        if self._left.is_set() and not self._open_calls:
            self._idle.set()

    async def _deliver(self, message: types.JSONRPCMessage | Refusal) -> None:
        if isinstance(message, Refusal):
            await self._put(encode(message.answer))
        elif isinstance(message, types.JSONRPCRequest):
            self._open_calls += 1
            cancelled = ServerMessageMetadata(on_request_unanswered=self._settled)
            await self._inbound.send(SessionMessage(message, cancelled))
        else:
            await self._inbound.send(SessionMessage(message))

    def _read(self) -> None:
        """Thread: every line from the client, each delivered before the next is read."""
        try:
            for line in read_lines(self._wire.read):
                if isinstance(line, LongLine) or line.strip():
                    if not self._pass_on(decode(line)):
                        return
        except OSError as error:
            logger.warning("stdin cannot be read: %s", type(error).__name__)
        finally:
            with suppress(RuntimeError):  # the loop is gone already
                self._loop.call_soon_threadsafe(self.hang_up)

    def _pass_on(self, message: types.JSONRPCMessage | Refusal) -> bool:
        """Thread: wait until the message is delivered; false when it cannot be any more."""
        with closing(self._deliver(message)) as delivery:
            try:
                asyncio.run_coroutine_threadsafe(delivery, self._loop).result()
            except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
                return False  # the server has closed, or a refusal found nobody to read it
            except (CancelledError, RuntimeError):
                return False  # the event loop is ending, or has ended
        return True

    def _write(self) -> None:
        """Thread: every message to the client, and word back when it is written."""
        while True:
            message, written = self._outbox.get()
            failure: OSError | None = None
            try:
                self._wire.write(message)
            except OSError as error:
                failure = error
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_report, written, failure)


def _report(written: asyncio.Future[None], failure: OSError | None) -> None:
    if written.done():  # the transport stopped waiting
        return
    if failure is None:
        written.set_result(None)
    else:
        written.set_exception(failure)


async def _hang_up_on_signal(line: _Connection) -> None:
    if sys.platform == "win32":  # no signal receivers; Ctrl-C arrives as KeyboardInterrupt
        return
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            logger.info("%s: leaving", number.name)
            line.hang_up(at_once=True)
            break
