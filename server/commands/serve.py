"""`routemem serve`."""

import argparse
import os

from routemem.memory_core.settings import Settings


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Serving takes settings only."""


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Serve one client over stdin and stdout until it hangs up."""
    # One BLAS thread: more of them spin and cost twice the CPU for nothing at our sizes. Before
    # numpy is imported, which happens with the first call.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from ..wire import claim_stdio

    claim_stdio()  # from here on no stray print reaches the client
    from .. import log

    log.configure(settings.log_level)
    from ..app import build_server  # imports the MCP SDK: late, for the other commands' sake
    from ..stdio import run_stdio

    run_stdio(build_server(settings))
    return 0
