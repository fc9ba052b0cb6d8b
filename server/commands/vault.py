"""`routemem vault list|show|release|purge|export-key|import-key`: a person decides."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from routemem.memory_core.errors import InvalidArgument, NotAllowed, StorageError
from routemem.memory_core.settings import Settings

from .shown import as_json, shown

if TYPE_CHECKING:
    from routemem.memory_core import Scopes

WHAT = ("list", "show", "release", "purge", "export-key", "import-key")


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """What to do, and with which ids or which file."""
    command.add_argument(
        "what",
        choices=WHAT,
        help="name what is held; show its content; put it back; destroy it; write the key to a "
        "file, to be kept apart; take such a file in",
    )
    command.add_argument("ids", nargs="*", help="ids, or the file of the key")
    command.add_argument("--json", action="store_true", help="print the list as JSON")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run the command; all but `list` need a person at a terminal.

    Raises:
        NotAllowed: there is no terminal, or the settings say read-only.
        InvalidArgument: no id, or not the one that was typed.
    """
    from routemem.memory_core import Scopes

    if given.what == "list":
        with Scopes(settings) as scopes:
            _list(given, scopes)
        return 0
    _need_terminal(given.what)
    if settings.read_only and given.what != "show":
        raise NotAllowed("The settings say read-only: leave --read-only or ROUTEMEM_READ_ONLY off.")
    if not given.ids:
        raise InvalidArgument(f"routemem vault {given.what} needs an id: routemem vault list.")
    with Scopes(settings) as scopes:
        if given.what.endswith("-key"):
            _key(given, scopes)
            return 0
        for id in given.ids:
            _decide(given.what, id, scopes)
    return 0


def _list(given: argparse.Namespace, scopes: "Scopes") -> None:
    from ..replies.vault import held_fields, held_told

    held = scopes.held(given.scope or "")
    print(as_json([*map(held_fields, held)]) if given.json else shown(held_told(held)))


def _decide(what: str, id: str, scopes: "Scopes") -> None:
    from ..replies.vault import held_line

    memory = scopes.locate(id)
    held = memory.vault.get(id)
    print(shown(held_line(held)))
    if what == "show":
        print(shown(memory.vault.show(id)))
        return
    verb = "release it" if what == "release" else "destroy it for good"
    if _typed(f"Type {held.id} to {verb}: ") != held.id:
        raise InvalidArgument(f"That was not {held.id}: it stays held.")
    done = [r.id for r in memory.release(id)] if what == "release" else memory.vault.purge(id)
    if what == "release":
        _embed(memory)
    print(f"{', '.join(done)}: {'released' if what == 'release' else 'destroyed'}.")


def _embed(memory: object) -> None:
    """Find it by meaning at once: this process ends now."""
    upkeep = memory.upkeep  # type: ignore[attr-defined]  # a Memory; importing it loads numpy
    while upkeep.backfill(8):
        pass


def _key(given: argparse.Namespace, scopes: "Scopes") -> None:
    path = Path(given.ids[0]).expanduser()
    vault = scopes.look().vault
    if given.what == "import-key":
        new = vault.recover(path.read_text("utf-8"))
        print(f"{new} new key{'' if new == 1 else 's'} taken in.")
        return
    if scopes.folder.resolve() in path.resolve().parents:
        raise InvalidArgument("The key must not lie in the data folder, which it protects.")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise StorageError(f"{path} is there already: choose another name.") from error
    with os.fdopen(fd, "w") as file:
        file.write(vault.recovery())
    print(f"Written to {path}, readable by you only. Who has it can read what is in quarantine.")


def _need_terminal(what: str) -> None:
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        raise NotAllowed(f"routemem vault {what} asks a person: run it in a terminal, not a pipe.")


def _typed(prompt: str) -> str:
    print(prompt, end="", flush=True)
    return sys.stdin.readline().strip()
