"""`routemem compress|review`: what the model does to keep its memory small, for a person."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routemem.memory_core.errors import NotAllowed, NotFound
from routemem.memory_core.lifecycle.actions import Action, Unread, read_actions
from routemem.memory_core.records import FOCUSES, STRATEGIES
from routemem.memory_core.settings import Settings

from ..clock import clock
from ..replies.review import (
    applied_told,
    candidate_fields,
    candidates_told,
    compressed_fields,
    compressed_told,
    outcome_fields,
    proposal_fields,
    reviewed_told,
)
from .shown import as_json, shown
from .watching import watched

if TYPE_CHECKING:
    from routemem.memory_core import Scopes
    from routemem.memory_core.reviewing import Review

#: What a person may do about the proposals.
_THEN = "--follow does what is proposed, --actions FILE what you decide; --dry-run changes nothing."


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Arguments of one of the commands."""
    add = command.add_argument
    add("--json", action="store_true", help="print JSON")
    if name == "compress":
        add("ids", nargs="*", help="ids and keys; none: list what is worth it")
        add("--summary", default="", help="the words to show; one for several ids sums them up")
        add(
            "--strategy", type=str.lower, choices=STRATEGIES, default="balanced",
            help="without a summary: keep a tenth, a quarter (balanced) or half of the tokens",
        )  # fmt: skip
        return
    add("--focus", type=str.lower, choices=FOCUSES, default="budget", help="what about (budget)")
    add("--limit", type=int, default=20, metavar="1-50", help="most proposals (20)")
    what = command.add_mutually_exclusive_group()
    what.add_argument("--follow", action="store_true", help="do what is proposed")
    what.add_argument("--actions", metavar="FILE", help="do what this JSON file says; - is stdin")
    add("--dry-run", action="store_true", help="tell what would become of it; change nothing")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run one of the commands on the scope.

    Raises:
        NotAllowed: the settings say read-only and the command writes.
    """
    from routemem.memory_core import Scopes

    writes = bool(given.ids) if given.command == "compress" else _decided(given)
    if settings.read_only and writes:
        raise NotAllowed("The settings say read-only: leave --read-only or ROUTEMEM_READ_ONLY off.")
    with Scopes(settings, clock=clock(settings)) as scopes:
        told, fields = _RUN[given.command](given, scopes)
    print(as_json(fields) if given.json else shown(told))
    return 0


def _compress(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    if not given.ids:
        hits = scopes.look().compressible(max_tokens=scopes.settings.recall_tokens)
        return candidates_told(hits, terminal=True), {"candidates": candidate_fields(hits)}
    with watched("memories") as course:
        done = scopes.compress(
            given.ids, summary=given.summary, strategy=given.strategy, course=course
        )
    with watched("passages") as course:  # this process ends now: no other need be there to do it
        scopes.open().upkeep.embed_waiting(course)
    return compressed_told(done, terminal=True), {"compressed": [*map(compressed_fields, done)]}


def _review(given: argparse.Namespace, scopes: "Scopes") -> tuple[str, Any]:
    review = scopes.look().review(given.focus, limit=given.limit)
    actions = _followed(review) if given.actions is None else _read(given.actions)
    if given.actions is not None or (given.follow and actions):
        done = scopes.apply_review(review.token, actions, dry_run=given.dry_run)
        fields = {"outcomes": [*map(outcome_fields, done)], "dry_run": given.dry_run}
        return applied_told(done, dry_run=given.dry_run, terminal=True), fields
    proposals = [*map(proposal_fields, review.proposals)]
    told = reviewed_told(review, review.proposals, review.left, then=_THEN)
    return told, {"proposals": proposals, "left_out": review.left, "used": round(review.used, 4)}


def _decided(given: argparse.Namespace) -> bool:
    return given.follow or given.actions is not None


def _followed(review: "Review") -> list[Action | Unread]:
    """The proposals as decisions."""
    return [
        Action(
            one.item.id, one.proposal.action, fact_key=one.proposal.fact_key,
            fact_value=one.proposal.fact_value, reason=one.proposal.why,
        )
        for one in review.proposals
    ]  # fmt: skip


def _read(file: str) -> list[Action | Unread]:
    """Decisions from a file or stdin, as forgiving as for a model.

    Raises:
        NotFound: there is no such file.
    """
    try:
        said = sys.stdin.read() if file == "-" else Path(file).expanduser().read_text("utf-8")
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {file}.") from error
    return read_actions(said)


_RUN: dict[str, Callable[[argparse.Namespace, "Scopes"], tuple[str, Any]]] = {
    "compress": _compress,
    "review": _review,
}
