"""`routemem index report|build`."""

import argparse
from typing import Any

from routemem.memory_core.errors import NotAllowed
from routemem.memory_core.settings import Settings

from .shown import as_json


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """What to do with the index of the scope."""
    command.add_argument("what", choices=("report", "build"), help="tell how it is, or pack it now")
    command.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Report or build; exit status 1 when there is nothing to build.

    Raises:
        NotAllowed: the settings say read-only and an index is to be built.
    """
    from routemem.memory_core import Scopes

    if given.what == "build" and settings.read_only:
        raise NotAllowed("The settings say read-only: leave --read-only or ROUTEMEM_READ_ONLY off.")
    with Scopes(settings) as scopes:
        memory = scopes.look()
        built = given.what == "report" or memory.upkeep.build_index()
        told = memory.upkeep.index_report()
    print(as_json(told) if given.json else _lines(told))
    return 0 if built else 1


def _lines(told: dict[str, Any]) -> str:
    if not told:
        return "No vectors yet."
    return "\n".join(f"{name.replace('_', ' ')}: {said}" for name, said in told.items())
