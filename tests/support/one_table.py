"""A database with one table ``t(x)``, who writes to it, and who stands in the way."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from routemem.memory_core.storage.database import Database
from routemem.memory_core.storage.whole_file import enable_log

#: A peer that holds a transaction open until it is told to go on.
HOLDER = """
from routemem.memory_core.storage.database import Database
db = Database(path)
with db.atomic():
    db.execute("insert into t values('unseen')")
    say("writing")
    hear()
say("done")
hear()
"""


def make(path: Path | None, **options: Any) -> Database:
    """A database with one table, in write-ahead mode."""
    db = Database(path, **options)
    if path:
        assert enable_log(db) == "wal"
    with db.atomic():
        db.connection.execute("create table if not exists t(x)")
    return db


def said(db: Database) -> list[str]:
    return [x for (x,) in db.rows("select x from t order by x")]


def say(db: Database, *words: str) -> None:
    with db.atomic():
        db.execute_many("insert into t values(?)", [(word,) for word in words])


@contextmanager
def in_another_thread(block: AbstractContextManager[Any]) -> Iterator[None]:
    """Stand inside ``with block:`` on another thread."""
    inside, leave = threading.Event(), threading.Event()
    failed: list[Exception] = []

    def stand() -> None:
        try:
            with block:
                inside.set()
                leave.wait()
        except Exception as error:
            failed.append(error)
            inside.set()

    thread = threading.Thread(target=stand)
    thread.start()
    inside.wait()
    try:
        yield
    finally:
        leave.set()
        thread.join()
    assert not failed, failed
