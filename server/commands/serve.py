"""`routemem serve`."""

import argparse
import os
import sys
from pathlib import Path

from routemem.memory_core.errors import InvalidArgument, StorageError
from routemem.memory_core.settings import Settings


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Serving takes settings only."""


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Serve one client over stdin and stdout until it hangs up.

    Raises:
        InvalidArgument: a setting is outside what is accepted, or stdin or stdout is closed.
        StorageError: the data folder cannot be used.
    """
    # One BLAS thread: more of them spin and cost twice the CPU for nothing at our sizes. Before
    # numpy is imported, which happens with the first call.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
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


def check(settings: Settings) -> None:
    """Refuse what could only fail at every call, while a person may still read it.

    Imports nothing heavy and makes no file: a client that never calls leaves nothing behind.

    Raises:
        InvalidArgument: the scope or the fixed time is malformed.
        StorageError: the data folder cannot be made or written.
    """
    from ..clock import clock

    clock(settings)
    if settings.scope != "global":
        from routemem.memory_core.storage.registry import check_scope

        check_scope(settings.scope)
    folder = settings.data_path().absolute()
    nearest = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
    if not _usable(nearest):
        raise StorageError(
            f"The data folder {folder} cannot be used: {nearest} is no folder this user may write "
            "in. Choose another with --data-dir or ROUTEMEM_DATA_DIR."
        )


def _usable(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)
