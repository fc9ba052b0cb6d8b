"""Access tokens of the HTTP server, in `tokens.json` of the data folder; only hashes are stored.

A token is 256 random bits, so one SHA-256 is hash enough: there is nothing to guess. Imports
nothing heavy.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from routemem.memory_core.errors import InvalidArgument, NotFound, StorageError
from routemem.memory_core.storage.lock import WriterLock
from routemem.memory_core.storage.registry import check_scope

FILE = "tokens.json"
#: What every token begins with, so that a scanner of leaked secrets can know it.
PREFIX = "rtm_"
#: Stands for every scope that the server may open.
EVERY = "*"
DAY = 86_400.0
MOST_NAME = 60
_FORMAT = 1
#: 64 random bits: an id that was revoked never comes again, for sessions are kept by it.
_ID = re.compile(r"t-[0-9a-f]{6,}")


@dataclass(frozen=True)
class Token:
    """What is known of a token.

    Attributes:
        id: names it in lists and logs; tells nothing of the secret.
        name: what its owner called it.
        digest: SHA-256 of the secret, in hex.
        scopes: what it may name: scopes, beginnings with a trailing ``*``, or ``*`` for all.
        read_only: whether it may only call what changes nothing.
        created: when, in seconds since 1970.
        expires: from when on it is refused; None: never.
    """

    id: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    read_only: bool
    created: float
    expires: float | None

    def expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires is not None and now >= self.expires


class Tokens:
    """The tokens of one data folder. Thread-safe; sees at once what another process changes.

    Args:
        folder: the data folder; it is there before `create`.
        deadline: longest wait for another process that writes, in seconds.
    """

    def __init__(self, folder: Path, *, deadline: float = 10.0) -> None:
        self.path = folder / FILE
        self._lock = WriterLock(self.path, deadline)
        self._guard = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._known: tuple[Token, ...] = ()

    def all(self) -> tuple[Token, ...]:
        """Every token that was not revoked, oldest first.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._guard:
            stamp = _stamp(self.path)
            if stamp is None or stamp != self._seen:
                self._known = _read(self.path)
                self._seen = stamp
            return self._known

    def holder(self, secret: str, now: float) -> Token | None:
        """The token a secret belongs to; None for one that is unknown, revoked or expired.

        Takes the same time whichever it is: each stored hash is compared, each in constant time.

        Raises:
            StorageError: the file cannot be read.
        """
        digest = _digest(secret)
        found = None
        for token in self.all():
            if hmac.compare_digest(token.digest, digest):
                found = token
        return None if found is None or found.expired(now) else found

    def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        read_only: bool = False,
        days: float = 0.0,
        now: float,
    ) -> tuple[str, Token]:
        """Make a token.

        Args:
            days: how long it is good for; 0: until it is revoked.

        Returns:
            The secret, which is stored nowhere, and what is known of it.

        Raises:
            InvalidArgument: the name is taken, too long or like an id, or no scope is named for
                calls that name none.
            StorageError: the file cannot be written.
        """
        named = name.strip()
        if not named or len(named) > MOST_NAME or not named.isprintable():
            raise InvalidArgument(
                f"Token name {name[:MOST_NAME]!r}: expected 1 to {MOST_NAME} printable characters, "
                "as in: routemem token create laptop --scope user:ana"
            )
        if _ID.fullmatch(named):  # else it could be revoked in the place of another
            raise InvalidArgument(f"Token name {named!r} reads like an id: choose another.")
        if days < 0:
            raise InvalidArgument(f"--days is {days:g}: expected 0 (never expires) or more.")
        granted = check_granted(scopes)
        secret = PREFIX + secrets.token_urlsafe(32)
        with self._lock:
            known = _read(self.path)
            if any(token.name == named for token in known):
                raise InvalidArgument(f"There is a token {named!r} already: choose another name.")
            token = Token(
                id=_new_id({token.id for token in known}),
                name=named,
                digest=_digest(secret),
                scopes=granted,
                read_only=read_only,
                created=now,
                expires=now + days * DAY if days else None,
            )
            _write(self.path, (*known, token))
        return secret, token

    def revoke(self, which: str) -> Token:
        """Take a token away, by id or name; from the next request on it is refused.

        Raises:
            NotFound: there is none.
            StorageError: the file cannot be written.
        """
        with self._lock:
            known = _read(self.path)
            by_id = [token for token in known if token.id == which]
            found = next(iter(by_id or [token for token in known if token.name == which]), None)
            if found is None:
                raise NotFound(f"No token {which!r}: see `routemem token list`.")
            _write(self.path, tuple(token for token in known if token is not found))
        return found


def check_granted(scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes a token is given, each checked and once.

    Raises:
        InvalidArgument: none is named, or only patterns are.
        InvalidScope: a name is malformed.
    """
    stripped = (scope.strip() for scope in scopes)
    granted = tuple(dict.fromkeys(_checked(scope) for scope in stripped if scope))
    if EVERY not in granted and all(scope.endswith("*") for scope in granted):
        raise InvalidArgument(
            "A token needs a scope for calls that name none: --scope user:ana, with more after "
            f"commas ('user:ana,project:*'), or --scope '{EVERY}' for all."
        )
    return granted


def _checked(scope: str) -> str:
    if scope == EVERY or not scope.endswith("*"):
        return scope if scope == EVERY else check_scope(scope)
    return check_scope(scope[:-1] + "x")[:-1] + "*"  # some name must begin so


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _new_id(taken: set[str]) -> str:
    while (made := "t-" + secrets.token_hex(8)) in taken:
        pass
    return made


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file is replaced; None: there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> tuple[Token, ...]:
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError("another format")
        return tuple(
            Token(**{**each, "scopes": tuple(each["scopes"])}) for each in content["tokens"]
        )
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StorageError(f"{path.name} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{path.name} in the data folder is no list of tokens that this version can read. "
            "Nobody is let in. Move it aside and make the tokens again."
        ) from error


def _write(path: Path, tokens: tuple[Token, ...]) -> None:
    """Put a new file in the place of the old one, durably and readable by its owner only."""
    content = json.dumps(
        {"format": _FORMAT, "tokens": [asdict(token) for token in tokens]}, indent=1
    )
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.unlink(missing_ok=True)
        made = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        if os.name == "posix":  # a token that was revoked must not come back with a power cut
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
    except OSError as error:
        raise StorageError(f"{path.name} cannot be written ({error.strerror}).") from error
