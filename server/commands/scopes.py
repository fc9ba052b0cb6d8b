"""`routemem scopes`: which scopes the data folder holds."""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from routemem.memory_core.errors import RoutememError
from routemem.memory_core.settings import Settings

from .shown import as_json, shown

if TYPE_CHECKING:
    from routemem.memory_core.records import Status

#: States of what is still there.
HELD = ("active", "compressed", "archived")


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Only how to print."""
    command.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Print a line a scope; exit status 1 when one could not be opened."""
    from routemem.memory_core import Scopes

    found, failed = [], 0
    with Scopes(replace(settings, embedder="none")) as scopes:  # counting needs no model
        for name in scopes.names():
            try:
                found.append(_fields(scopes.look(name).status()))
            except RoutememError as error:  # the others are still told
                failed += 1
                print(shown(f"routemem: {error.code}: {name}: {error}"), file=sys.stderr)
    print(as_json(found) if given.json else _table(found))
    return 1 if failed else 0


def _fields(status: "Status") -> dict[str, str | int]:
    items = sum(status.items.get(state, 0) for state in HELD)
    return {"scope": status.scope, "items": items, "facts": status.facts, "bytes": status.bytes}


def _table(found: "list[dict[str, str | int]]") -> str:
    if not found:
        return "No scopes yet."
    rows = [tuple(found[0]), *(tuple(_cells(fields.values())) for fields in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def _cells(values: Iterable[str | int]) -> Iterable[str]:
    return (f"{value:,}" if isinstance(value, int) else value for value in values)
