"""Which scopes a data folder holds, under which tags. Derived: made anew from the scope files."""

import hashlib
import unicodedata
from pathlib import Path

import apsw

from ..errors import InvalidScope, StorageError
from .database import Database
from .ids import make_tag

KINDS = ("user", "project", "agent", "session")
MAX_NAME = 512
_SCHEMA = """
create table if not exists scopes(
    number integer primary key autoincrement,
    scope text not null unique,
    tag text not null unique,
    file text not null
) strict;
create table if not exists moved(id text primary key, scope text not null) strict, without rowid;
"""


def check_scope(name: str) -> str:
    """The scope's name in Unicode normal form C.

    Raises:
        InvalidScope: not ``global`` or ``<kind>:<id>``, too long, or with characters that cannot
            be shown.
    """
    scope = unicodedata.normalize("NFC", name)
    kind, colon, ident = scope.partition(":")
    fits = scope == "global" or (kind in KINDS and colon and ident.strip())
    if not fits or len(scope) > MAX_NAME:
        raise InvalidScope(
            f"Scope {name[:60]!r}: expected global, user:<id>, project:<id>, agent:<id> or "
            f"session:<id>, at most {MAX_NAME} characters."
        )
    for char in scope:
        if unicodedata.category(char) in ("Cc", "Cs", "Cn", "Zl", "Zp"):
            raise InvalidScope(
                f"Scope {scope[:60]!a} holds the character U+{ord(char):04X}, which cannot be "
                "shown. Use letters, digits and punctuation."
            )
    return scope


def file_name(scope: str) -> str:
    """The file of a scope: readable, safe on every file system, different for different names.

    The hash tells apart what slugs and case-insensitive file systems do not.
    """
    kind, _, ident = scope.partition(":")
    ascii_only = unicodedata.normalize("NFKD", ident.lower()).encode("ascii", "ignore").decode()
    slug = "-".join("".join(c if c.isalnum() else " " for c in ascii_only).split())[:24].strip("-")
    digest = hashlib.sha256(scope.encode()).hexdigest()[:20]
    return "-".join(part for part in (kind, slug, digest) if part) + ".db"


class Registry:
    """``registry.db`` of a data folder. Lost or damaged, it is made again from the scope files."""

    def __init__(self, folder: Path, *, deadline: float = 10.0) -> None:
        self._folder = folder
        self._deadline = deadline
        self._db = self._open()

    def _open(self) -> Database:
        path = self._folder / "registry.db"
        try:
            return self._opened(path)
        except StorageError as error:
            if not isinstance(error.__cause__, apsw.NotADBError | apsw.CorruptError):
                raise
            for name in (path.name, path.name + "-wal", path.name + "-shm"):
                (self._folder / name).unlink(missing_ok=True)  # derived: nothing is lost
            return self._opened(path)

    def _opened(self, path: Path) -> Database:
        db = Database(path, deadline=self._deadline)
        if not db.value("select 1 from sqlite_master where name = 'scopes'"):
            db.enable_log()
            with db.atomic():
                db.connection.execute(_SCHEMA)
                for scope, tag, file in self._scan():
                    db.execute(
                        "insert or ignore into scopes(scope, tag, file) values(?, ?, ?)",
                        (scope, tag, file),
                    )
        return db

    def _scan(self) -> list[tuple[str, str, str]]:
        """Scope, tag and file name of every readable scope file in the folder."""
        found = []
        for path in sorted(self._folder.glob("*-*.db")):
            try:
                connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
                meta = dict(connection.execute("select key, value from meta"))
                connection.close()
                found.append((str(meta["scope"]), str(meta["tag"]), path.name))
            except (apsw.Error, KeyError):
                continue  # not ours, or damaged: opening the scope itself will say so
        return found

    def tag(self, scope: str) -> str:
        """The tag of a scope, given out now if it is new."""
        known = self._db.value("select tag from scopes where scope = ?", (scope,))
        if known:
            return str(known)
        with self._db.atomic():
            known = self._db.value("select tag from scopes where scope = ?", (scope,))
            if known:
                return str(known)
            number = int(self._db.value("select count(*) from scopes")) + 1
            while self._db.value("select 1 from scopes where tag = ?", (make_tag(number),)):
                number += 1
            self._db.execute(
                "insert into scopes(scope, tag, file) values(?, ?, ?)",
                (scope, make_tag(number), file_name(scope)),
            )
        return make_tag(number)

    def scope_of(self, tag: str) -> str | None:
        """The scope that gave out ids with this tag."""
        scope = self._db.value("select scope from scopes where tag = ?", (tag,))
        return None if scope is None else str(scope)

    def scopes(self) -> list[str]:
        """Every scope of the folder, by name."""
        return [scope for (scope,) in self._db.rows("select scope from scopes order by scope")]

    def close(self) -> None:
        """Close the file."""
        self._db.close()
