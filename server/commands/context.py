"""`routemem context`: what is known for a question, for a prompt, a script or a hook."""

import argparse
from dataclasses import asdict

from routemem.memory_core.settings import Settings

from ..clock import clock
from .shown import as_json, shown

#: As of `Memory.get_context`; written here so that the help needs no numpy.
PARTS = ("facts", "pinned", "recent", "relevant", "hints")


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """The question, the budget, the parts."""
    add = command.add_argument
    add("query", nargs="?", default="", help="the question; nothing: what was stored last")
    add("--max-tokens", type=int, default=3000, metavar="N", help="most tokens (3000)")
    add(
        "--include", type=str.lower, action="append", choices=PARTS, default=[],
        help="only this part; may be repeated",
    )  # fmt: skip
    add("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Print the context; nothing when nothing is known."""
    from routemem.memory_core import Scopes

    with Scopes(settings, clock=clock(settings)) as scopes:
        context = scopes.get_context(
            given.query,
            max_tokens=given.max_tokens,
            include=given.include,
            scope=given.scope or "",
        )
    if given.json:
        print(as_json(asdict(context)))
    elif context.text:
        print(shown(context.text))
    return 0
