"""Which scopes a data folder holds, under which tags. Derived: made anew from the scope files."""

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import apsw

from ..errors import DamagedFile, InvalidScope, StorageError
from .database import Database
from .files import beside, identity
from .ids import make_tag, tag_number, tag_of
from .lock import WriterLock
from .place import check_place, probe
from .whole_file import enable_log

KINDS = ("user", "project", "agent", "session")
MAX_NAME = 512
FILE = "registry.db"
_UNSHOWN = ("Cc", "Cf", "Cn", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # Persian, Indic scripts and emoji need them inside words
_SCHEMA = """
create table if not exists scopes(
    number integer primary key autoincrement,  -- of the tag; never given out twice
    scope text not null unique,
    tag text not null unique,
    file text not null            -- '' until it was made
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
        if unicodedata.category(char) in _UNSHOWN and char not in _JOINERS:
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
    """``registry.db`` of a data folder. Lost or damaged, it is made again from the scope files.

    Raises:
        StorageError: the folder is somebody else's, or lies where no scope file should.
    """

    def __init__(self, folder: Path, *, deadline: float = 10.0) -> None:
        self._folder = folder
        self._deadline = deadline
        check_place(folder)
        if not (folder / FILE).exists():
            probe(folder)
        self._db = self._open()

    def _open(self) -> Database:
        path = self._folder / FILE
        found = identity(path)
        try:
            return self._opened(path)
        except StorageError as error:
            odd = isinstance(error.__cause__, apsw.SQLError)  # not the tables it should hold
            if not (odd or isinstance(error, DamagedFile)):
                raise
        with WriterLock(path, self._deadline):
            if identity(path) == found:  # else another process has just done this
                _remove(path)
        return self._opened(path)

    def _opened(self, path: Path) -> Database:
        db = Database(path, deadline=self._deadline)
        try:
            if not db.value("select 1 from sqlite_master where name = 'scopes'"):
                enable_log(db)
                with db.atomic():
                    db.connection.execute(_SCHEMA)
                    for scope, tag, file, guests in self._scan():
                        _enter(db, scope, tag, file)
                        for id in guests:
                            db.execute("insert or replace into moved values(?, ?)", (id, scope))
                            _reserve(db, tag_of(id) or "")
            _check(db)
        except BaseException:
            db.close(fold=False)
            raise
        return db

    def _scan(self) -> list[tuple[str, str, str, list[str]]]:
        """Scope, tag, file name and ids of other tags of every readable scope file."""
        found = []
        for path in sorted(self._folder.glob("*-*.db")):
            try:
                connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
                # The lock of the file is not held, so its log must stay as it is.
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                meta = dict(connection.execute("select key, value from meta"))
                guests = _guests(connection, str(meta["tag"]))
                connection.close()
                if path.name == file_name(meta["scope"]):
                    found.append((str(meta["scope"]), str(meta["tag"]), path.name, guests))
            except (apsw.Error, KeyError, UnicodeDecodeError):
                continue  # not ours, or damaged: opening the scope itself will say so
        return found

    def tag(self, scope: str) -> str:
        """The tag of a scope, given out now if it is new."""
        known = self._db.value("select tag from scopes where scope = ?", (scope,))
        if known:
            return str(known)
        with self._db.atomic():
            known = self._db.value("select tag from scopes where scope = ?", (scope,))
            return str(known) if known else _enter(self._db, scope)

    def made(self, scope: str) -> bool:
        """Whether the scope's file was made: when it is not there now, it was lost."""
        return bool(self._db.value("select file from scopes where scope = ?", (scope,)))

    def settle(self, scope: str, found: str) -> str:
        """Record that the scope's file is there; returns the tag for its new ids.

        That is the tag found in it, unless the folder gave that one to another scope: then the
        file was brought here from elsewhere.
        """
        sql = "select tag, file from scopes where scope = ?"
        if self._db.rows(sql, (scope,)) == [(found, file_name(scope))]:
            return found
        with self._db.atomic():
            self._db.execute(
                "update scopes set file = ? where scope = ?", (file_name(scope), scope)
            )
            tag = self.tag(scope)
            if tag == found or not tag_number(found) or self.scope_of(found) is not None:
                return tag
            self._db.execute("delete from scopes where scope = ?", (scope,))
            return _enter(self._db, scope, found, file_name(scope))

    def renew(self, scope: str, lost: str) -> str:
        """A new tag for a scope whose file is lost: the old ids must not name new memories.

        Args:
            lost: the tag it had; when it has another by now, that one stays.
        """
        with self._db.atomic():
            if self.tag(scope) == lost:
                self._db.execute("delete from scopes where scope = ?", (scope,))
            return self.tag(scope)

    def drop(self, scope: str) -> None:
        """Forget a scope whose file was removed; its tag is not given out again."""
        with self._db.atomic():
            self._db.execute("delete from scopes where scope = ?", (scope,))

    def scope_of(self, tag: str) -> str | None:
        """The scope that gives out ids with this tag."""
        scope = self._db.value("select scope from scopes where tag = ?", (tag,))
        return None if scope is None else str(scope)

    def moved_to(self, id: str) -> str | None:
        """The scope that something was moved to, under its id; None when it was not."""
        scope = self._db.value("select scope from moved where id = ?", (id,))
        return None if scope is None else str(scope)

    def record_moves(self, ids: Sequence[str], scope: str) -> None:
        """Record where ids lead now; back in the scope that gave them out they need no record."""
        with self._db.atomic():
            for id in ids:
                home = self.scope_of(tag_of(id) or "")
                if home == scope:
                    self._db.execute("delete from moved where id = ?", (id,))
                else:
                    self._db.execute("insert or replace into moved values(?, ?)", (id, scope))

    def scopes(self) -> list[str]:
        """Every scope of the folder, by name."""
        return [scope for (scope,) in self._db.rows("select scope from scopes order by scope")]

    def in_place(self) -> bool:
        """Whether the file is still the one that was opened."""
        return self._db.in_place()

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _guests(connection: apsw.Connection, tag: str) -> list[str]:
    """Ids of what was moved into a scope file. An older file has no cards."""
    tables = {name for (name,) in connection.execute("select name from sqlite_master")}
    own = f"{tag}-%"
    return [
        str(id)
        for table in ("items", "cards")
        if table in tables
        for (id,) in connection.execute(f"select id from {table} where id not like ?", (own,))
    ]


def _remove(path: Path) -> None:
    """Remove the registry's file: it is derived, so nothing is lost."""
    try:
        for ending in ("-wal", "-shm", ""):
            beside(path, ending).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"{path} is damaged and cannot be removed ({error.strerror}). Stop every routemem "
            "server and delete it: it is made anew from the scope files."
        ) from error


def _enter(db: Database, scope: str, tag: str = "", file: str = "") -> str:
    """Register a scope, under this tag if it is free, else under the next new one."""
    taken = "select 1 from scopes where tag = ?"
    if not tag_number(tag) or db.value(taken, (tag,)):
        last = db.value("select seq from sqlite_sequence where name = 'scopes'") or 0
        tag = make_tag(last + 1)
    db.execute(
        "insert or ignore into scopes values(?, ?, ?, ?)", (tag_number(tag), scope, tag, file)
    )
    return tag


def _reserve(db: Database, tag: str) -> None:
    """Never give out this tag: ids with it are in use, though its scope is gone."""
    db.execute("insert or ignore into sqlite_sequence(name, seq) select 'scopes', 0 where not "
               "exists(select 1 from sqlite_sequence where name = 'scopes')")  # fmt: skip
    db.execute(
        "update sqlite_sequence set seq = max(seq, ?) where name = 'scopes'", (tag_number(tag),)
    )


def _check(db: Database) -> None:
    """Read all of it: damage found later could not be mended any more."""
    said = db.value("pragma quick_check")
    db.rows("select number, scope, tag, file from scopes")
    db.rows("select id, scope from moved")
    if said != "ok":
        raise db.damaged(str(said))
