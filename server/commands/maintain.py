"""`routemem reindex|gc`."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from routemem.memory_core.errors import NotAllowed
from routemem.memory_core.settings import Settings

from .watching import watched

if TYPE_CHECKING:
    from routemem.memory_core import Memory


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Both work on one scope, or on all."""
    command.add_argument("--all", action="store_true", help="every scope of the data folder")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run the command on the scope, or on all.

    Raises:
        NotAllowed: the settings say read-only.
    """
    from routemem.memory_core import Scopes

    if settings.read_only:
        raise NotAllowed("The settings say read-only: leave --read-only or ROUTEMEM_READ_ONLY off.")

    step: Callable[[Memory], str] = {"reindex": _reindex, "gc": _gc}[given.command]
    with Scopes(settings) as scopes:
        if given.all:
            scopes.sweep()
        for scope in scopes.names() if given.all else [scopes.default]:
            print(f"{scope}: {step(scopes.open(scope))}")
    return 0


def _reindex(memory: "Memory") -> str:
    with watched("passages") as course:
        done = memory.upkeep.reindex(course)
    left = memory.store.counts()["pending"]
    rest = f"; {left} wait for a running server, or for `routemem reindex`" if left else ""
    return f"{done} passages embedded with {memory.status().embedder}{rest}"


def _gc(memory: "Memory") -> str:
    done = memory.upkeep.gc()
    freed = done.bytes_before - done.bytes_after
    return (
        f"{done.items} released memories and {done.expired} undo copies removed, "
        f"{freed:,} bytes given back, {done.bytes_after:,} in use"
    )
