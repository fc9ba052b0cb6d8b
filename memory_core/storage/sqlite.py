"""The store of the product: one SQLite file, or a database in memory."""

import uuid
from contextlib import AbstractContextManager
from pathlib import Path

from ..errors import ForeignFile
from .database import Database
from .migrations import MIGRATIONS, migrate, pending
from .tables.cards import Cards
from .tables.facts import Facts
from .tables.items import Items
from .tables.relations import Relations
from .tables.upkeep import Upkeep
from .tables.vectors import Vectors
from .tables.withdrawn import Withdrawn
from .tables.words import Words
from .word_index import WordIndex


class SqliteStore(Items, Relations, Vectors, Words, Facts, Cards, Withdrawn, Upkeep):
    """One scope in one SQLite database. See `contract.Store` for what each method promises.

    Args:
        path: the file, created if missing; None for a database in memory.
        scope: real name of the scope; must be the one in the file.
        tag: first part of the ids of a new file.
        now: time of opening, seconds UTC.
        deadline: longest wait for another writer, seconds.

    Raises:
        ForeignFile: the file belongs to another scope.
        NewerSchema: a newer Routemem wrote it.
        DamagedFile: it is no readable database.
        StorageError: it cannot be opened.
    """

    def __init__(
        self, path: Path | None, scope: str, tag: str, *, now: float, deadline: float = 10.0
    ) -> None:
        self.scope = scope
        self.db = Database(path, deadline=deadline)
        self._words = WordIndex(self.db)
        try:
            if MIGRATIONS[0][0] not in pending(self.db):
                self._check_scope()  # before an older file is brought up to date
            migrate(self.db, now)
            self._identify(tag)
            self._check_scope()
        except BaseException:
            self.db.close(fold=False)
            raise

    def _identify(self, tag: str) -> None:
        """Write the scope's name into a new file."""
        if self.meta("scope") is not None:
            return
        with self.db.atomic():
            if self.meta("scope") is None:  # another process may have been first
                self.set_meta("scope", self.scope)
                self.set_meta("tag", tag)
                self.set_meta("store", uuid.uuid4().hex)

    def _check_scope(self) -> None:
        found = self.meta("scope")
        if found is not None and found != self.scope:
            raise ForeignFile(self.db.path or Path("memory"), self.scope, found)

    @property
    def place(self) -> Path | None:
        return self.db.path.with_suffix(".index") if self.db.path else None

    def atomic(self) -> AbstractContextManager[None]:
        return self.db.atomic()

    def reading(self) -> AbstractContextManager[None]:
        return self.db.reading()

    def close(self) -> None:
        self.db.close(fold=not self.db.doubts)
