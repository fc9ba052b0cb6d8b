"""`routemem backup|restore`: copies of a scope's file, made and put back while servers run."""

import argparse
from typing import TYPE_CHECKING, Any, TypeAlias

from routemem.memory_core.errors import NotAllowed
from routemem.memory_core.settings import Settings
from routemem.memory_core.text.times import iso

from ..clock import clock
from .shown import as_json, shown

if TYPE_CHECKING:
    from routemem.memory_core import Scopes
    from routemem.memory_core.storage.backups import Backup

Said: TypeAlias = tuple[list[str], list[dict[str, Any]]]


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Of one of the two."""
    if name == "backup":
        command.add_argument("--all", action="store_true", help="every scope of the data folder")
        command.add_argument("--list", action="store_true", help="tell which there are")
    else:
        command.add_argument("name", nargs="?", default="", help="the backup (the newest)")
    command.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run the command.

    Raises:
        NotAllowed: the settings say read-only and it writes.
        NotFound: there is no such backup.
        StorageError: the backup is damaged, or cannot be written; nothing was changed.
    """
    from dataclasses import replace

    from routemem.memory_core import Scopes

    writes = given.command == "restore" or not given.list
    if settings.read_only and writes:
        raise NotAllowed("The settings say read-only: leave --read-only or ROUTEMEM_READ_ONLY off.")
    with Scopes(replace(settings, embedder="none"), clock=clock(settings)) as scopes:
        if given.command == "restore":
            lines, fields = _restore(scopes, given.name)
        else:
            names = scopes.names() if given.all else [scopes.default]
            lines, fields = _list(scopes, names) if given.list else _back_up(scopes, names)
    print(as_json(fields) if given.json else shown("\n".join(lines)))
    return 0


def _back_up(scopes: "Scopes", names: list[str]) -> Said:
    from routemem.memory_core.scopes.backing_up import back_up

    done = back_up(scopes, names)
    lines = [f"{scope}: {made.name} ({made.bytes:,} bytes)" for scope, made in done]
    return lines, [_fields(scope, made) for scope, made in done]


def _list(scopes: "Scopes", names: list[str]) -> Said:
    from routemem.memory_core.scopes.backing_up import backups_of

    found = [(name, each) for name in names for each in backups_of(scopes.look(name)).all()]
    lines = [
        f"{scope}: {each.name}, {iso(each.at)}, {each.bytes:,} bytes"
        + (" (what a restore has replaced)" if each.replaced else "")
        for scope, each in found
    ]
    return lines or ["No backups yet."], [_fields(scope, each) for scope, each in found]


def _restore(scopes: "Scopes", name: str) -> Said:
    from routemem.memory_core.scopes.backing_up import restore

    done = restore(scopes, name=name)
    at = f"{iso(done.backup.at)} ({done.backup.name})"
    lines = [f"{done.scope} is as it was on {at}, without what was deleted or moved since."]
    if done.replaced:
        lines.append(f"What it held is kept: routemem restore {done.replaced.name}")
    if done.damaged:
        lines.append(f"The damaged file is kept as {done.damaged}.")
    return lines, [_fields(done.scope, done.backup)]


def _fields(scope: str, backup: "Backup") -> dict[str, Any]:
    return {
        "scope": scope,
        "name": backup.name,
        "at": iso(backup.at),
        "bytes": backup.bytes,
        "replaced": backup.replaced,
    }
