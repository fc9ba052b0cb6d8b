"""Servers without the second that Python needs to import them: forked from a process that has.

What runs is `routemem serve` as in a fresh interpreter, in a process and a group of its own, over
pipes of its own; only the imports are done already. For programs that start a server a thousand
times.

The nursery is this module run as a program: over a socket, fd 3, it gets the flags and environment
of each server with two descriptors, its stdin and stdout, and answers with its process id.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

CONTROL = 3


class Child:
    """A forked server, as much of `subprocess.Popen` as the client uses."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout

    def kill(self) -> None:
        """End it as `kill -9` does."""
        os.kill(self.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        """None while it runs, else 0: the nursery takes its status."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text("ascii").rsplit(") ", 1)[1][0]
        except OSError:
            return 0
        return 0 if state == "Z" else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended."""
        until = time.monotonic() + (timeout or 120.0)
        while self.poll() is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("routemem serve", timeout or 120.0)
            time.sleep(0.002)
        return 0


class Nursery:
    """Makes servers; closed, it ends."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = theirs.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.reliability.nursery", str(fd)], pass_fds=[fd]
        )
        theirs.close()

    def start(self, flags: tuple[str, ...], env: dict[str, str]) -> Child:
        """A server with these flags and this environment."""
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        said = json.dumps({"flags": flags, "env": env}).encode()
        socket.send_fds(self._control, [said], [to_read, from_write])
        os.close(to_read)
        os.close(from_write)
        pid = int(self._control.recv(64))
        return Child(pid, os.fdopen(to_write, "wb", 0), os.fdopen(from_read, "rb"))

    def close(self) -> None:
        """End it."""
        self._control.close()
        self._process.wait()


def serve(control: socket.socket) -> None:
    """Fork a server for each request, until the other side is closed."""
    import anyio  # noqa: F401  all of these only so that they are imported
    import apsw  # noqa: F401
    import numpy  # noqa: F401

    import routemem.memory_core.memory
    import routemem.memory_core.scopes
    import routemem.server.app
    import routemem.server.commands.serve
    import routemem.server.stdio  # noqa: F401
    from routemem.server.cli import main

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children that end leave nothing behind
    while True:
        said, fds, _, _ = socket.recv_fds(control, 1 << 20, 2)
        if not said:
            return
        asked = json.loads(said)
        pid = os.fork()
        if pid:
            for fd in fds:
                os.close(fd)
            control.send(str(pid).encode())
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        control.close()
        os.dup2(fds[0], 0)
        os.dup2(fds[1], 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        for fd in fds:
            os.close(fd)
        sys.stdin, sys.stdout = os.fdopen(0, "r", closefd=False), os.fdopen(1, "w", closefd=False)
        os.environ.clear()
        os.environ.update(asked["env"])
        status = 1
        try:
            status = main(["serve", *asked["flags"]])
        finally:
            os._exit(status)


if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a thread would not survive the fork
    serve(socket.socket(fileno=int(sys.argv[1])))
