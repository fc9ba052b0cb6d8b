"""Repairing a data folder: every scope looked at whole, what was set aside brought back."""

import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DamagedFile, RoutememError, StorageError
from ..memory import Memory
from ..storage.files import beside
from ..storage.ids import tag_of
from ..storage.opening import settle
from ..storage.registry import file_name
from ..storage.salvage import salvage
from ..storage.soundness import restore_soundness
from ..storage.sqlite import SqliteStore
from ..storage.tables.changes import owe_erasure
from ..storage.whole_file import take_over
from .several import Scopes

_ASIDE = re.compile(r"(?P<file>.+\.db)\.damaged-(?P<when>\d+(?:-\d+)?)")
REPAIRED = ".repaired-"
#: Tables of which no row may be overwritten.
_TELLING = ("items", "facts", "cards", "tombstones", "quarantine", "erasures")


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of one damaged file.

    Attributes:
        scope: whose it was; "" when nobody knows.
        kept_as: name under which the damaged file lies now, unchanged.
        rows: rows brought back, by table.
        lost: rows that were met and could not be read, by table.
        merged: whether they were put beside what the scope had got since; else in its place.
        failure: why nothing was brought back; "".
    """

    scope: str
    kept_as: str
    rows: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    merged: bool = False
    failure: str = ""


def repair(scopes: Scopes) -> Iterator[Repaired]:
    """Look at every scope whole, then bring back what was set aside, file by file.

    A derived part that is damaged is made anew on the way. What was forgotten since stays
    forgotten. The damaged files stay where they are, under a name that says they are done with.
    """
    for scope in scopes.names():
        with suppress(RoutememError):  # set aside now, or of another kind: doctor tells it
            _look(scopes, scope)
    for path in set_aside_in(scopes.folder):
        try:
            yield _bring_back(scopes, path)
        except (RoutememError, OSError) as error:
            yield Repaired("", path.name, failure=str(error))


def set_aside_in(folder: Path) -> list[Path]:
    """Damaged files that nothing was brought back from yet."""
    found = [path for path in folder.glob("*.db.damaged-*") if _ASIDE.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.stat().st_mtime)


def _look(scopes: Scopes, scope: str) -> None:
    store = scopes.look(scope).store
    if isinstance(store, SqliteStore):
        try:
            restore_soundness(store)
        except DamagedFile:
            scopes.open(scope)  # sets it aside


def _bring_back(scopes: Scopes, path: Path) -> Repaired:
    match = _ASIDE.fullmatch(path.name)
    assert match is not None
    names = scopes.registry.scopes()
    known = next((name for name in names if file_name(name) == match["file"]), "")
    with tempfile.TemporaryDirectory(dir=scopes.folder, prefix=".repair-") as folder:
        part = Path(folder) / "salvaged.db"
        found = salvage(path, part, known, scopes.clock())
        scope = found.scope or known
        if not scope:
            raise StorageError(f"{path.name} does not say whose memories it holds.")
        if not (found.rows.get("items") or found.rows.get("facts") or found.rows.get("cards")):
            raise StorageError(f"{path.name} holds nothing that can be read.")
        merged = _take_in(scopes, scope, part)
    kept = _rename(path, match["file"], match["when"])
    return Repaired(scope, kept, found.rows, found.lost, merged)


def _take_in(scopes: Scopes, scope: str, part: Path) -> bool:
    """Make it the scope, or merge it into what the scope holds by now; whether it was merged."""
    memory = scopes.open(scope)
    store = memory.store
    assert isinstance(store, SqliteStore)
    with suppress(_Filled):
        take_over(store.db, part, lambda: _check_empty(store))
        settle(store, scopes.registry)
        return False
    bundle = io.BytesIO()
    with Memory.open(part, scope=scope, embedder="none", settings=scopes.settings) as old:
        old.transfer.export(bundle)
        names = old.transfer.names()
        _keep_what_no_bundle_holds(old, store)
    done = memory.transfer.restore(bundle, keep_ids=True)
    ids = [name for name in names if tag_of(name) and name not in done.renamed]
    scopes.registry.record_moves(ids, scope)  # their tag was given up with the damaged file
    return True


def _keep_what_no_bundle_holds(old: Memory, store: SqliteStore) -> None:
    """Undo copies, what is held in quarantine, and what exports and backups still have to lose."""
    assert isinstance(old.store, SqliteStore)
    with store.atomic():
        for table in ("tombstones", "quarantine", "erasures"):
            for row in old.store.db.rows(f"select * from {table}"):
                marks = ", ".join("?" * len(row))
                store.db.execute(f"insert or ignore into {table} values({marks})", row)
        if store.erased():
            owe_erasure(store.db)


class _Filled(Exception):
    """The scope holds something, so nothing may take its place."""


def _check_empty(store: SqliteStore) -> None:
    """Raise when anything was stored, held or forgotten in a file."""
    held = " or ".join(f"exists(select 1 from {table})" for table in _TELLING)
    if store.db.value(f"select {held}"):
        raise _Filled


def _rename(path: Path, file: str, when: str) -> str:
    done = path.with_name(f"{file}{REPAIRED}{when}")
    for ending in ("-wal", "-shm", ""):
        if beside(path, ending).exists():
            beside(path, ending).rename(beside(done, ending))
    return done.name
