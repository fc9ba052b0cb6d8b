"""`routemem export|import|move|clear`: what a scope holds into a file, out of one, or elsewhere."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routemem.memory_core.errors import InvalidArgument, NotAllowed
from routemem.memory_core.records import TRUST_ORDER
from routemem.memory_core.settings import Settings

from ..clock import clock
from ..replies.admin import cleared, contents, contents_told, exported, imported
from .shown import as_json, shown
from .watching import watched

if TYPE_CHECKING:
    from routemem.memory_core import Scopes


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Arguments of one of the commands."""
    add = command.add_argument
    add("--json", action="store_true", help="print JSON")
    if name == "export":
        add("file", nargs="?", default="", help="file to make (one in the data folder's exports)")
        add("--train", metavar="FOLDER", help="instead: chats and settings to train a model with")
    elif name == "import":
        add("file", help="a bundle made by `routemem export`")
        add(
            "--trust", choices=TRUST_ORDER, default="verified",
            help="the most that is trusted afterwards; never more than in the bundle (verified)",
        )  # fmt: skip
    elif name == "move":
        add("ids", nargs="*", help="ids wherever they are, keys in the scope; with --all none")
        add("--all", action="store_true", help="everything the scope holds")
        add("--to", required=True, metavar="SCOPE", help="the scope they go to")
    else:
        add("--confirm", default="", metavar="WORD", help="the word that the first call gave")
        add("--undo", action="store_true", help="bring back what was cleared or has expired")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run one of the commands on the scope.

    Raises:
        NotAllowed: the settings say read-only and the command writes.
    """
    from routemem.memory_core import Scopes

    if settings.read_only and given.command != "export":
        raise NotAllowed("The settings say read-only: leave --read-only or ROUTEMEM_READ_ONLY off.")
    with Scopes(settings, clock=clock(settings)) as scopes:
        run_one = _RUN[given.command]
        told, fields = run_one(given, scopes)
    print(as_json(fields) if given.json else shown(told))
    return 0


def _export(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, dict[str, Any]]:
    if given.train:
        learnt = scopes.look().transfer.export_training(Path(given.train).expanduser())
        told = (
            f"{learnt.exchanges} exchanges and {learnt.summaries} summaries for training in "
            f"{learnt.folder}: see examples/train_lora.py."
        )
        return told, {"exchanges": learnt.exchanges, "summaries": learnt.summaries}
    path = Path(given.file).expanduser() if given.file else None
    with watched("records") as course:
        path, done = scopes.carrying.export(path=path, course=course)
    return exported(str(path), done)


def _import(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, dict[str, Any]]:
    path = Path(given.file).expanduser()
    with watched("records") as course:
        done = scopes.carrying.import_(path, trust=given.trust, course=course)
    with watched("passages") as course:  # this process ends now: no other need be there to do it
        scopes.open().upkeep.embed_waiting(course)
    return imported(done)


def _clear(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, dict[str, Any]]:
    memory = scopes.look()
    if given.undo:
        from routemem.memory_core.scopes.emptying import bring_back

        return imported(bring_back(memory), undone=True)
    holds = contents(memory)
    word, done = scopes.carrying.clear("", given.confirm)
    told, fields = cleared(memory.scope, holds, word, done)
    if word:
        told = f"{memory.scope}: {contents_told(holds)}. To erase: --confirm {word}"
    return told, fields


def _move(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, dict[str, Any]]:
    if bool(given.ids) == given.all:
        raise InvalidArgument("Name ids to move, or --all for everything in the scope.")
    done = (
        [scopes.carrying.promote("", given.to)]
        if given.all
        else scopes.carrying.move(given.ids, given.to)
    )
    ids = [name for one in done for name in (*one.ids, *one.keys)]
    merged = {old: new for one in done for old, new in one.merged.items()}
    kept = [ref for one in done for ref in one.kept]
    told = f"{len(ids)} moved to {given.to}, {len(merged)} were there already."
    told += f" Not taken, and still where they were: {', '.join(kept)}." if kept else ""
    return told, {"to": given.to, "moved": ids, "merged": merged, "kept": kept}


_RUN: dict[str, Callable[[argparse.Namespace, "Scopes"], tuple[str, dict[str, Any]]]] = {
    "export": _export,
    "import": _import,
    "move": _move,
    "clear": _clear,
}
