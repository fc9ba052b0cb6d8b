"""`routemem index report|build|adapt|split`."""

import argparse
from typing import Any

from routemem.memory_core.errors import InvalidArgument, NotAllowed
from routemem.memory_core.settings import Settings

from .shown import as_json, step

WHAT = ("report", "build", "adapt", "split")


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """What to do with the index of the scope."""
    command.add_argument(
        "what",
        choices=WHAT,
        help="tell how it is; fit and pack it anew; follow what was stored since and split buckets "
        "that are spread out; split one bucket",
    )
    command.add_argument("--bucket", type=int, metavar="N", help="which one to split")
    command.add_argument("--force", action="store_true", help="adapt even if all is well")
    command.add_argument("--dry-run", action="store_true", help="only say what would be done")
    command.add_argument(
        "--buckets", type=int, default=0, metavar="N", help="report the N most spread-out buckets"
    )
    command.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Report or change the index; exit status 1 when there was nothing to build or split.

    Raises:
        NotAllowed: the settings say read-only and an index is to be changed.
        InvalidArgument: there is no such bucket, or none was named.
        Conflict: nothing is packed yet that could be adapted or split.
    """
    from routemem.memory_core import Scopes

    changes = given.what != "report" and not given.dry_run
    if changes and settings.read_only:
        raise NotAllowed("The settings say read-only: leave --read-only or ROUTEMEM_READ_ONLY off.")
    if (given.what == "split") != (given.bucket is not None):
        raise InvalidArgument(
            "--bucket N names the bucket to split, and goes with split only. `routemem index "
            "report --buckets 5` names the most spread-out ones."
        )
    done = True
    with Scopes(settings) as scopes:
        index = scopes.look().index
        if changes:
            renewed = index.run(given.what, bucket=given.bucket, force=given.force, told=step)
            done = bool(renewed) or (given.what, renewed.status) == ("adapt", "nothing")
            told = {"status": renewed.status} | renewed.changes() | index.report()
        elif given.what != "report":
            told = index.proposal(given.what, bucket=given.bucket, force=given.force)
        else:
            told = index.report(buckets=given.buckets)
    print(as_json(told) if given.json else _lines(told))
    return 0 if done else 1


def _lines(told: dict[str, Any]) -> str:
    if not told or (told.get("status") == "nothing" and "passages" not in told):
        return "No vectors yet."
    known = {name: said for name, said in told.items() if said is not None and said != ""}
    return "\n".join(f"{name.replace('_', ' ')}: {said}" for name, said in known.items())
