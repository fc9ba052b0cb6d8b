"""`routemem serve`."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from routemem.memory_core.embedding.heap import share_one_heap
from routemem.memory_core.errors import InvalidArgument, StorageError
from routemem.memory_core.settings import Settings

if TYPE_CHECKING:
    from ..web.address import Address

#: Where to listen when nothing is said, and the flags that say something of it.
HOST, PORT = "127.0.0.1", 8765
WEB = ("host", "port", "allow_host", "allow_origin", "expose")


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """How to be reached, where that is not stdin and stdout."""
    web = command.add_argument_group("over HTTP, with tokens (routemem token create)")
    # Unset ones are None: over stdio they would be passed over in silence, so they are refused.
    web.add_argument("--http", action="store_true", help="serve streamable HTTP at /mcp")
    web.add_argument("--sse", action="store_true", help="serve SSE at /sse, for older clients")
    web.add_argument("--host", help=f"address to listen on ({HOST})")
    web.add_argument("--port", type=int, help=f"port, 0 for a free one ({PORT})")
    web.add_argument(
        "--allow-host",
        action="append",
        metavar="NAME[:PORT]",
        help="one more Host that clients may send, as behind a proxy",
    )
    web.add_argument(
        "--allow-origin",
        action="append",
        metavar="ORIGIN",
        help="one more Origin whose pages may ask, as https://memory.example.org",
    )
    web.add_argument(
        "--expose",
        action="store_true",
        default=None,
        help="listen where other machines can reach it, no TLS",
    )


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Serve one client over stdin and stdout until it hangs up, or many over HTTP.

    Raises:
        InvalidArgument: a setting is outside what is accepted, stdin or stdout is closed, there is
            no token to be let in with, or a flag of HTTP is given without HTTP.
        StorageError: the data folder cannot be used.
    """
    share_one_heap()  # before there is any thread: each keeps the heap it began with
    if given.http or given.sse:
        _serve_http(given, settings)
        return 0
    if useless := [name for name in WEB if getattr(given, name) is not None]:
        flag = "--" + useless[0].replace("_", "-")
        raise InvalidArgument(f"{flag} is of use over HTTP only: add --http or --sse.")
    if sys.stdin is not None and sys.stdin.isatty():
        print("routemem: waiting for an MCP client on stdin; Ctrl-C ends.", file=sys.stderr)
    from ..wire import claim_stdio

    try:
        claim_stdio()  # from here on no stray print reaches the client
    except OSError as error:
        raise InvalidArgument(
            "stdin or stdout is closed: a client starts `routemem serve` with both as pipes."
        ) from error
    check(settings)
    from ..app import build_server  # imports the MCP SDK: late, for the other commands' sake
    from ..stdio import run_stdio

    run_stdio(build_server(settings))
    return 0


def _serve_http(given: argparse.Namespace, settings: Settings) -> None:
    from ..web.tokens import Tokens

    check(settings)
    now = time.time()
    if all(token.expired(now) for token in Tokens(settings.data_path()).all()):
        raise InvalidArgument(
            "There is no token, so nobody could be let in. Make one first: "
            "routemem token create laptop --scope user:ana"
        )
    from ..http import Served, run_http
    from ..web.address import listen

    address = address_of(given)
    served = Served.of(settings)
    listening = listen(address)
    host, port = listening.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    for path in ["mcp"] * given.http + ["sse"] * given.sse:
        print(f"routemem: http://{named}:{port}/{path}", flush=True)
    run_http(served, listening, address, streamable=given.http, sse=given.sse)


def address_of(given: argparse.Namespace) -> "Address":
    """Where to listen, as it was asked for."""
    from ..web.address import Address

    port = PORT if given.port is None else given.port
    hosts, origins = tuple(given.allow_host or ()), tuple(given.allow_origin or ())
    return Address(given.host or HOST, port, hosts, origins, exposed=bool(given.expose))


def check(settings: Settings) -> None:
    """Refuse what could only fail at every call, while a person may still read it.

    Imports nothing heavy and makes no file: a client that never calls leaves nothing behind.

    Raises:
        InvalidArgument: the scope or the fixed time is malformed.
        StorageError: the data folder cannot be made or written, or lies on a share.
    """
    from ..clock import clock

    clock(settings)
    if settings.scope != "global":
        from routemem.memory_core.storage.registry import check_scope

        check_scope(settings.scope)
    from routemem.memory_core.storage.place import check_place

    folder = settings.data_path().absolute()
    check_place(folder)
    nearest = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
    if not _usable(nearest):
        raise StorageError(
            f"The data folder {folder} cannot be used: {nearest} is no folder this user may write "
            "in. Choose another with --data-dir or ROUTEMEM_DATA_DIR."
        )


def _usable(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)
