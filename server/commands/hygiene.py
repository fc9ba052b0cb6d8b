"""`routemem hygiene`: what nobody has read for long is compressed and archived; tell or do it."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from routemem.memory_core.errors import NotAllowed
from routemem.memory_core.settings import Settings

from ..clock import clock
from .shown import as_json, shown
from .watching import watched

if TYPE_CHECKING:
    from routemem.memory_core.lifecycle.plan import Action


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Tell by default; change only when asked to."""
    what = command.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="tell what would be done (default)")
    what.add_argument("--apply", action="store_true", help="do it")
    command.add_argument("--all", action="store_true", help="every scope of the data folder")
    command.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Print a line for each memory, or do what it says.

    Raises:
        NotAllowed: the settings say read-only and it is to be done.
    """
    from routemem.memory_core import Scopes

    if settings.read_only and given.apply:
        raise NotAllowed("The settings say read-only: leave --read-only or ROUTEMEM_READ_ONLY off.")
    found = []
    with Scopes(replace(settings, embedder="none"), clock=clock(settings)) as scopes:
        for scope in scopes.names() if given.all else [scopes.default]:
            tending = scopes.look(scope).tending
            with watched("memories") as course:
                decide = tending.run if given.apply else tending.plan
                actions = decide(course=course)
            found += [{"scope": scope, **asdict(action)} for action in actions]
            if not given.json:
                print(shown(_told(scope, actions, done=given.apply)))
    if given.json:
        print(as_json(found))
    return 0


_DONE = {"compress": "compressed", "archive": "archived", "delete": "deleted"}


def _told(scope: str, actions: "Sequence[Action]", *, done: bool) -> str:
    if not actions:
        return f"{scope}: nothing to do."
    lines = [
        f"{action.id}: {_DONE[action.step] if done else action.step} ({action.why})"
        for action in actions
    ]
    after = (
        "`routemem forget ID --mode restore` takes one back."
        if done
        else "Nothing was changed; --apply does it."
    )
    return "\n".join([f"{scope}:", *lines, after])
