"""The process's stdin and stdout, taken over for the protocol.

Imports nothing heavy: the command line claims the wire first of all, so that not even an import
can print into the protocol.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

# Far above any real message (a memory is at most 1 MiB), far below what hurts.
LINE_LIMIT = 32 << 20
_CHUNK = 1 << 16
# How much of a line that is too long is kept at either end: enough to find the request's id.
_EDGE = 1024


@dataclass(frozen=True, slots=True)
class Wire:
    """Where the protocol is read and written.

    Attributes:
        source: file descriptor the client's messages come from.
        sink: file descriptor our messages go to.
    """

    source: int
    sink: int

    def read(self) -> bytes:
        """Wait for bytes from the client, as many as are there; empty at the end.

        Raises:
            OSError: the descriptor cannot be read.
        """
        return os.read(self.source, _CHUNK)

    def write(self, message: bytes) -> None:
        """Write all of the message, waiting for the client to take it.

        Raises:
            OSError: nobody reads any more.
        """
        rest = memoryview(message)
        while rest:
            rest = rest[os.write(self.sink, rest) :]


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line above the limit: its size in bytes, and its first and last kilobyte."""

    size: int
    head: bytes
    tail: bytes


@cache
def claim_stdio() -> Wire:
    """Take stdin and stdout for the protocol and divert everything else.

    Afterwards descriptor 0 reads as empty and descriptor 1 is stderr, for this process and its
    children: what anybody prints, or has printed and is still buffered, is seen in the host's log
    and never in the protocol. Calling it again returns the same wire. It is never given back: text
    buffered when the process ends must not follow the last message.

    Raises:
        OSError: stdin or stdout is closed.
    """
    _open_stderr()
    wire = Wire(_duplicate(0), _duplicate(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.platform == "win32":
        _rebind_standard_handles()
    return wire


def read_lines(read: Callable[[], bytes], limit: int = LINE_LIMIT) -> Iterator[bytes | LongLine]:
    """Cut a byte stream at its newlines.

    Args:
        read: returns the next bytes, empty at the end.
        limit: longest line returned whole, in bytes; of a longer one only the edges are kept.

    Yields:
        Every line without its newline, also a last one that has none.
    """
    line = _Line(limit)
    while chunk := read():
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            line.add(part)
            yield line.take()
        line.add(rest)
    if line.size:
        yield line.take()


class _Line:
    """The line being read: all of it, or its edges once it is too long."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._start()

    def _start(self) -> None:
        self.size = 0
        self._parts: list[bytes] = []
        self._head = b""

    def add(self, part: bytes) -> None:
        self.size += len(part)
        self._parts.append(part)
        if self.size > self._limit:
            so_far = b"".join(self._parts)
            self._head = self._head or so_far[:_EDGE]
            self._parts = [so_far[-_EDGE:]]

    def take(self) -> bytes | LongLine:
        content = b"".join(self._parts)
        line = content if self.size <= self._limit else LongLine(self.size, self._head, content)
        self._start()
        return line


def _open_stderr() -> None:
    """Give descriptor 2 somewhere to go if the host closed it."""
    try:
        os.fstat(2)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)


def _duplicate(fd: int) -> int:
    """Copy a descriptor to a number above the standard three, not inherited by children."""
    if sys.platform != "win32":
        import fcntl

        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    return os.dup(fd)


def _rebind_standard_handles() -> None:
    """Tell Windows what descriptors 0 and 1 are now: children inherit handles, not descriptors."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        for fd, standard_handle in ((0, -10), (1, -11)):
            ctypes.windll.kernel32.SetStdHandle(standard_handle, msvcrt.get_osfhandle(fd))
