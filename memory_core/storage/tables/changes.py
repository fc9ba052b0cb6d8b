"""The change log, the ids that were given out, and the debt of erased bytes. Inside `atomic()`."""

from ..database import Database
from ..ids import make_id

#: No chunks.
NOTHING: tuple[None, None] = (None, None)


def log_change(
    db: Database, op: str, row: int, lost: tuple[int | None, int | None] = NOTHING
) -> None:
    """Append to the change log, from which every process keeps its index up to date.

    Args:
        lost: first and last row of the chunks the item no longer has.
    """
    db.execute("insert into change_log(op, item, first, last) values(?, ?, ?, ?)", (op, row, *lost))


def owe_erasure(db: Database) -> None:
    """Remember, whatever happens to this process, that the log still holds erased bytes."""
    db.execute("insert or replace into meta values('erasure_owed', hex(randomblob(8)))")


def next_id(db: Database) -> str:
    """A new id of this scope. Inside `atomic()`."""
    count = int(db.value("select value from meta where key = 'last_id'") or 0) + 1
    db.execute("insert or replace into meta values('last_id', ?)", (count,))
    return make_id(db.value("select value from meta where key = 'tag'") or "m", count)


def last_change(db: Database) -> int:
    """Position of the newest change; 0 for an untouched store."""
    return int(db.value("select max(seq) from change_log") or 0)
