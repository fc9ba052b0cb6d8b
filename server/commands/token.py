"""`routemem token create|list|revoke`: who may use the HTTP server."""

import argparse
import time
from datetime import UTC, datetime

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.settings import Settings

from ..web.tokens import Token, Tokens
from .shown import as_json, shown

WHAT = ("create", "list", "revoke")


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """What to do, with which token, and what that token may do."""
    command.add_argument("what", choices=WHAT, help="make a token; name those there are; end one")
    command.add_argument("name", nargs="?", default="", help="name for it; to revoke: name or id")
    # Not `scope` and `read_only`: those are settings of the process.
    command.add_argument(
        "--scope",
        dest="granted",
        action="append",
        default=[],
        metavar="A,B",
        help="scopes it may use, 'project:*' for all that begin so, '*' for all (in quotes: shells "
        "read a *); calls that name none use the first",
    )
    command.add_argument(
        "--read-only", dest="reads_only", action="store_true", help="it may change nothing"
    )
    command.add_argument(
        "--days", type=float, default=90.0, help="days it is good for, 90 by default; 0: no end"
    )
    command.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run the command.

    Raises:
        InvalidArgument: no name, or nothing the token may use.
        NotFound: no such token.
        StorageError: the data folder cannot be used.
    """
    tokens = Tokens(settings.data_path(), deadline=settings.write_deadline)
    if given.what == "list":
        now = time.time()
        told = [_fields(token, now) for token in tokens.all()]
        print(as_json(told) if given.json else shown("\n".join(map(_line, told)) or "No tokens."))
        return 0
    if not given.name:
        raise InvalidArgument(f"routemem token {given.what} needs a name.")
    if given.what == "revoke":
        gone = tokens.revoke(given.name)
        print(shown(f"Revoked {gone.id} ({gone.name}): refused from the next request on."))
        return 0
    _create(given, settings, tokens)
    return 0


def _create(given: argparse.Namespace, settings: Settings, tokens: Tokens) -> None:
    from routemem.memory_core.storage.data_folder import make_private

    make_private(settings.data_path())
    scopes = [scope for text in given.granted for scope in text.split(",")]
    now = time.time()
    secret, token = tokens.create(
        given.name, scopes, read_only=given.reads_only, days=given.days, now=now
    )
    if given.json:
        print(as_json(_fields(token, now) | {"token": secret}))
        return
    print(shown(_line(_fields(token, now))))
    print(
        f"\n{secret}\n\nThis is shown once and stored nowhere. Clients send it with each request:"
    )
    print("Authorization: Bearer <token>")


def _fields(token: Token, now: float) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": list(token.scopes),
        "may": "read" if token.read_only else "read and write",
        "created": _day(token.created),
        "expires": None if token.expires is None else _day(token.expires),
        "expired": token.expired(now),
    }


def _line(told: dict[str, object]) -> str:
    scopes = told["scopes"]
    assert isinstance(scopes, list)
    end = f"until {told['expires']}" if told["expires"] else "no end"
    over = ", EXPIRED" if told["expired"] else ""
    return f"{told['id']}  {told['name']}: may {told['may']} {', '.join(scopes)}; {end}{over}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
