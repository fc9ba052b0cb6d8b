"""`routemem status|remember|recall|facts|forget`: for people, scripts and hooks."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from routemem.memory_core.errors import InvalidArgument, NotAllowed, NotFound, StorageError
from routemem.memory_core.records import FORGET_MODES, KINDS, ORIGINS
from routemem.memory_core.settings import Settings
from routemem.memory_core.text.identity import clean

from ..clock import clock
from .shown import as_json, progress, shown

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Receipt, Scopes

#: Smallest budget of a recall, as for the tool.
LEAST_TOKENS = 100
#: How a receipt says what settles which of two memories holds.
_FORGET = re.compile(r'forget\(ids=\["([^"]+)"\]\)')
#: Passages embedded between two words on how far it is.
STEP = 8


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
    print(as_json(structured) if given.json else shown(said))
    return 0


# ---------------------------------------------------------------------- arguments


def _remember_arguments(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("content", nargs="?", default="-", help="the text; - or nothing: stdin")
    add("--kind", type=str.lower, choices=KINDS, default="note", help="what it is (note)")
    _tags(command, "for filters; several with commas, or the flag again")
    add("--source", type=str.lower, choices=ORIGINS, default="user", help="whose words (user)")
    add("--speaker", default="", help="who said it")
    add("--when", default="", help="when it happened, ISO date")
    add("--priority", type=int, metavar="0-10", help="10 is kept longest (5)")
    add("--pinned", action=argparse.BooleanOptionalAction, help="never compress or archive it")
    add("--id", default="", help="replace this memory")
    add("--key", default="", help="own name; a retry stores nothing twice")


def _recall_arguments(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("query", nargs="?", default="", help="what to look for; nothing: newest")
    add(
        "--id",
        action="append",
        default=[],
        dest="ids",
        metavar="ID",
        help="read this one; may be repeated",
    )
    add("--top-k", type=int, metavar="1-50", help="most hits (ROUTEMEM_RECALL_TOP_K)")
    add("--max-tokens", type=int, metavar="N", help="size of the answer (ROUTEMEM_RECALL_TOKENS)")
    add(
        "--kind", type=str.lower, action="append", choices=KINDS, default=[], dest="kinds",
        help="of this kind only; may be repeated",
    )  # fmt: skip
    _tags(command, "with all of these tags only")
    add("--speaker", default="", help="said by this one only")
    add("--since", default="", help="from this ISO date on")
    add("--until", default="", help="up to this ISO date")
    add("--threshold", type=float, default=0.0, metavar="0-1", help="least cosine (0)")
    add("--include-archived", action="store_true", help="archived memories too")
    add("--neighbours", type=int, default=0, metavar="0-5", help="turns around each hit (0)")
    add("--explain", action="store_true", help="show what made each score")
    add("--detailed", action="store_true", help="show tags, metadata, times and the rest")
    add("--cursor", default="", help="from the last answer, for more")


def _facts_arguments(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("keys", nargs="*", help="keys or prefixes (user.*) to show; key=value (JSON or text) sets")
    add("--history", action="store_true", help="every value there was")
    add("--as-of", default="", help="what was true at this ISO date")
    add("--known-at", default="", help="what was known at this ISO date")
    add("--valid-from", default="", help="with key=value: true from this ISO date on (now)")
    add("--confidence", type=float, default=1.0, metavar="0-1", help="with key=value (1)")


def _forget_arguments(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("ids", nargs="+", help="ids and keys of memories, keys of facts")
    add(
        "--mode", type=str.lower, choices=FORGET_MODES, default="archive",
        help="archive hides (default), restore brings back, delete erases with some days to undo, "
        "purge erases at once",
    )  # fmt: skip
    add("--reason", default="", help="why, for the audit")


def _status_arguments(command: argparse.ArgumentParser) -> None:
    """Status takes settings only."""


def _tags(command: argparse.ArgumentParser, help: str) -> None:
    command.add_argument(
        "--tag", type=_listed, action="extend", default=[], dest="tags", metavar="A,B", help=help
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


# ---------------------------------------------------------------------- commands


def _remember(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    from ..replies.memory import remembered

    content = _piped() if given.content == "-" else given.content
    # An id leads to its own scope; without one the scope's file is made now.
    memory = scopes.locate(given.id, given.scope or "") if given.id else scopes.open()
    receipt = memory.remember(
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
    receipt = _embed_rest(memory, receipt)
    return _FORGET.sub(r"`routemem forget \1`", remembered(receipt)), asdict(receipt)


def _embed_rest(memory: "Memory", receipt: "Receipt") -> "Receipt":
    """Embed all that waits: this process ends now, and no other need be there to do it.

    Ctrl-C ends the waiting; the receipt says what is left then.
    """
    total = left = memory.store.counts()["pending"]
    why = "the next remember, or a running server, embeds them."
    try:
        while left:
            memory.upkeep.backfill(STEP)
            before, left = left, memory.store.counts()["pending"]
            if left == before:  # there is no working embedder
                why = memory.status().degraded or why
                break
            progress(max(total - left, 0), total)
    except KeyboardInterrupt:
        pass  # it is stored already
    except StorageError as error:
        why = str(error)
    note = f"{left} passages are found by their words only, for now: {why}" if left else ""
    pending = min(left, receipt.pending)
    return replace(receipt, pending=pending, note=note) if receipt.pending else receipt


def _piped() -> str:
    """What stdin holds, without the line end that `echo` adds."""
    if sys.stdin is None:
        raise InvalidArgument("stdin is closed: pass the text as an argument or through a pipe.")
    return sys.stdin.read().removesuffix("\n")


def _recall(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    from ..replies.hits import hit_cost, hit_fields
    from ..replies.recall import (
        TERMINAL,
        recall_note,
        recalled,
        room_for_hits,
        routing_fields,
        within,
    )

    settings = scopes.settings
    budget = settings.recall_tokens if given.max_tokens is None else given.max_tokens
    if not LEAST_TOKENS <= budget:
        raise InvalidArgument(f"max_tokens is {budget}, expected {LEAST_TOKENS} to 25000.")
    scoped = scopes.reads_chain(_read(given, scopes))
    found = scopes.recall(
        given.query,
        ids=given.ids,
        scope=_read(given, scopes),
        top_k=settings.recall_top_k if given.top_k is None else given.top_k,
        max_tokens=room_for_hits(budget, explain=given.explain),
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
        full=given.detailed,
        cost=hit_cost(scopes.counter.count, detailed=given.detailed, scoped=scoped),
    )
    found = within(found, budget)
    if found.missing and not found.hits and found.left_out <= 0:
        raise NotFound(_none_of(found.missing))
    structured = {
        "hits": [hit_fields(hit, detailed=given.detailed, scoped=scoped) for hit in found.hits],
        "mode": found.mode,
        "left_out": found.left_out,
        "cursor": found.cursor,
        "note": recall_note(found, given.query, TERMINAL),
        "confidence": found.confidence,
        **({"routing": routing_fields(found)} if found.routing else {}),
    }
    told = recalled(found, asked=given.query, detailed=given.detailed, scoped=scoped, ways=TERMINAL)
    return told, structured


def _read(given: argparse.Namespace, scopes: "Scopes") -> str:
    """The scope to read: beside a chain, --scope says only where is written."""
    return "" if scopes.settings.chain else given.scope or ""


def _none_of(refs: Sequence[str]) -> str:
    named = ", ".join(repr(ref[:40]) for ref in refs[:5])
    more = f" and {len(refs) - 5} more" if len(refs) > 5 else ""
    return f"No memory {named}{more}. Find ids with `routemem recall`."


def _facts(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    from ..replies.facts import fact_fields, fact_line, fact_set

    statements = _statements(given)
    if statements:
        if len(statements) < len(given.keys):
            raise InvalidArgument("Either set facts (key=value) or show them (key), not both.")
        changes = [_set_fact(scopes, said, given) for said in statements]
        told = "\n".join(fact_set(change) for change in changes)
        return told, [fact_fields(change.fact, history=False) for change in changes]
    facts = scopes.get_facts(
        given.keys,
        history=given.history,
        as_of=given.as_of,
        known_at=given.known_at,
        scope=_read(given, scopes),
    )
    lines = [fact_line(fact, history=given.history) for fact in facts]
    fields = [fact_fields(fact, history=given.history) for fact in facts]
    return "\n".join(lines) or "No facts.", fields


def _statements(given: argparse.Namespace) -> list[str]:
    return [key for key in given.keys if "=" in key]


def _set_fact(scopes: "Scopes", said: str, given: argparse.Namespace) -> Any:
    key, _, text = clean(said).partition("=")
    try:
        value = json.loads(text)
    except ValueError:
        value = text  # plain words need no quotes on a command line
    return scopes.set_fact(
        key, value, confidence=given.confidence, source="user", valid_from=given.valid_from
    )


def _forget(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    from ..replies.memory import forgot, forgotten_fields

    done = scopes.forget(given.ids, mode=given.mode, reason=given.reason, scope=given.scope or "")
    return forgot(done, terminal=True), [forgotten_fields(one) for one in done]


def _status(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    from ..replies.memory import budget_fields, status_told

    memory = scopes.look()
    status, budget = memory.status(), memory.utilisation()
    detail = {"chunks": status.chunks, "bytes": status.bytes, "embedder": status.embedder}
    told = status_told(status, detail, budget, ())
    return told, asdict(status) | {"budget": budget_fields(budget)}


def _writes(given: argparse.Namespace) -> bool:
    return given.command in ("remember", "forget") or (
        given.command == "facts" and bool(_statements(given))
    )


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
