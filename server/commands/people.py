"""`routemem status|remember|recall|facts|forget`: for people, scripts and hooks."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from routemem.memory_core.errors import InvalidArgument, NotAllowed
from routemem.memory_core.settings import Settings
from routemem.memory_core.text.identity import clean

from ..clock import clock

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Scopes

#: Smallest budget of a recall, as for the tool.
LEAST_TOKENS = 100


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Arguments of one of the commands."""
    command.add_argument("--json", action="store_true", help="print JSON")
    _ARGUMENTS[name](command)


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run one of the commands.

    Raises:
        NotAllowed: the settings say read-only and the command writes.
    """
    from routemem.memory_core import Scopes

    if settings.read_only and _writes(given):
        raise NotAllowed("The settings say read-only: leave --read-only or ROUTEMEM_READ_ONLY off.")
    with Scopes(settings, clock=clock(settings)) as scopes:
        said, structured = _RUN[given.command](given, scopes)
    print(_json(structured) if given.json else said)
    return 0


# ---------------------------------------------------------------------- arguments


def _remember_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("content", nargs="?", default="-", help="the text; - or nothing: stdin")
    command.add_argument("--kind", default="note")
    command.add_argument("--tag", action="append", default=[], dest="tags")
    command.add_argument("--source", default="user")
    command.add_argument("--speaker", default="")
    command.add_argument("--when", default="", help="when it happened, ISO date")
    command.add_argument("--priority", type=int, default=5)
    command.add_argument("--pinned", action="store_true")
    command.add_argument("--id", default="", help="replace this memory")
    command.add_argument("--key", default="", help="own name; a retry stores nothing twice")


def _recall_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("query", nargs="?", default="", help="what to look for; nothing: newest")
    command.add_argument("--id", action="append", default=[], dest="ids", help="read this one")
    command.add_argument("--top-k", type=int)
    command.add_argument("--max-tokens", type=int)
    command.add_argument("--kind", action="append", default=[], dest="kinds")
    command.add_argument("--tag", action="append", default=[], dest="tags")
    command.add_argument("--speaker", default="")
    command.add_argument("--since", default="")
    command.add_argument("--until", default="")
    command.add_argument("--threshold", type=float, default=0.0)
    command.add_argument("--include-archived", action="store_true")
    command.add_argument("--neighbours", type=int, default=0)
    command.add_argument("--explain", action="store_true")
    command.add_argument("--detailed", action="store_true")
    command.add_argument("--cursor", default="")


def _facts_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "keys", nargs="*", help="keys or prefixes (user.*) to show; key=value (JSON or text) to set"
    )
    command.add_argument("--history", action="store_true")
    command.add_argument("--as-of", default="")
    command.add_argument("--known-at", default="")
    command.add_argument("--valid-from", default="")
    command.add_argument("--confidence", type=float, default=1.0)


def _forget_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("ids", nargs="+")
    command.add_argument("--mode", default="archive", help="archive, restore, delete or purge")
    command.add_argument("--reason", default="")


def _status_arguments(command: argparse.ArgumentParser) -> None:
    """Status takes settings only."""


# ---------------------------------------------------------------------- commands


def _remember(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    from ..replies import remembered

    content = _piped() if given.content == "-" else given.content
    receipt = scopes.locate(given.id, given.scope or "").remember(
        content,
        kind=given.kind,
        priority=given.priority,
        tags=given.tags,
        source=given.source,
        speaker=given.speaker,
        when=given.when,
        pinned=given.pinned,
        id=given.id,
        key=given.key,
    )
    return remembered(receipt), asdict(receipt)


def _piped() -> str:
    """What stdin holds, without the line end that `echo` adds."""
    if sys.stdin is None:
        raise InvalidArgument("stdin is closed: pass the text as an argument or through a pipe.")
    return sys.stdin.read().removesuffix("\n")


def _recall(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    from ..replies import FRAME, hit_cost, hit_fields, recall_note, recalled

    settings = scopes.settings
    budget = settings.recall_tokens if given.max_tokens is None else given.max_tokens
    if not LEAST_TOKENS <= budget:
        raise InvalidArgument(f"max_tokens is {budget}, expected {LEAST_TOKENS} to 25000.")
    found = scopes.recall(
        given.query,
        ids=given.ids,
        scope=given.scope or "",
        top_k=settings.recall_top_k if given.top_k is None else given.top_k,
        max_tokens=budget - FRAME,
        kinds=given.kinds,
        tags=given.tags,
        speaker=given.speaker,
        since=given.since,
        until=given.until,
        threshold=given.threshold,
        include_archived=given.include_archived,
        neighbours=given.neighbours,
        explain=given.explain,
        cursor=given.cursor,
        cost=hit_cost(scopes.counter.count, detailed=given.detailed),
    )
    structured = {
        "hits": [hit_fields(hit, detailed=given.detailed) for hit in found.hits],
        "mode": found.mode,
        "left_out": found.left_out,
        "cursor": found.cursor,
        "note": recall_note(found, given.query),
    }
    return recalled(found, asked=given.query, detailed=given.detailed), structured


def _facts(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    from ..replies import fact_fields, fact_line, fact_set

    memory = scopes.open()
    statements = _statements(given)
    if statements:
        if len(statements) < len(given.keys):
            raise InvalidArgument("Either set facts (key=value) or show them (key), not both.")
        changes = [_set_fact(memory, said, given) for said in statements]
        told = "\n".join(fact_set(change) for change in changes)
        return told, [fact_fields(change.fact, history=False) for change in changes]
    facts = memory.get_facts(
        given.keys, history=given.history, as_of=given.as_of, known_at=given.known_at
    )
    lines = [fact_line(fact, history=given.history) for fact in facts]
    fields = [fact_fields(fact, history=given.history) for fact in facts]
    return "\n".join(lines) or "No facts.", fields


def _statements(given: argparse.Namespace) -> list[str]:
    return [key for key in given.keys if "=" in key]


def _set_fact(memory: "Memory", said: str, given: argparse.Namespace) -> Any:
    key, _, text = clean(said).partition("=")
    try:
        value = json.loads(text)
    except ValueError:
        value = text  # plain words need no quotes on a command line
    return memory.set_fact(
        key, value, confidence=given.confidence, source="user", valid_from=given.valid_from
    )


def _forget(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    from ..replies import forgot, forgotten_fields

    done = scopes.forget(given.ids, mode=given.mode, reason=given.reason, scope=given.scope or "")
    return forgot(done), [forgotten_fields(one) for one in done]


def _status(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    from ..replies import status_told

    status = scopes.open().status()
    detail = {"chunks": status.chunks, "bytes": status.bytes, "embedder": status.embedder}
    return status_told(status, detail), asdict(status)


def _writes(given: argparse.Namespace) -> bool:
    return given.command in ("remember", "forget") or (
        given.command == "facts" and bool(_statements(given))
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


_ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "remember": _remember_arguments,
    "recall": _recall_arguments,
    "facts": _facts_arguments,
    "forget": _forget_arguments,
    "status": _status_arguments,
}
_RUN: dict[str, Callable[[argparse.Namespace, "Scopes"], tuple[str, Any]]] = {
    "remember": _remember,
    "recall": _recall,
    "facts": _facts,
    "forget": _forget,
    "status": _status,
}
