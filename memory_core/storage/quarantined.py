"""What is held in quarantine, as rows. The payload is ciphertext; nothing here is content."""

from ..records import Item
from .contract import Held
from .database import Database
from .items import items

_COLUMNS = "id, version, state, what, context_type, reason, origin, at, part_of, mark, sealed"


def hold(db: Database, held: Held) -> None:
    """Store what is held, or replace the entry of its id."""
    db.execute(
        f"insert or replace into quarantine({_COLUMNS}) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (held.id, held.version, held.state, held.what, held.context_type, held.reason, held.origin,
         held.at, held.part_of, held.mark, held.sealed),
    )  # fmt: skip


def find(db: Database, id: str) -> Held | None:
    """The entry of an id, whatever its state."""
    found = db.rows(f"select {_COLUMNS} from quarantine where id = ?", (id.strip().lower(),))
    return Held(*found[0]) if found else None


def marked(db: Database, mark: bytes) -> Held | None:
    """The entry that is held under this mark."""
    found = db.rows(f"select {_COLUMNS} from quarantine where state = 'held' and mark = ?", (mark,))
    return Held(*found[0]) if found else None


def every(db: Database) -> list[Held]:
    """Entries that are held, oldest first."""
    found = db.rows(f"select {_COLUMNS} from quarantine where state = 'held' order by at, rowid")
    return [Held(*row) for row in found]


def containing(db: Database, text: str) -> list[Item]:
    """The items in whose text or summary this text stands. Reads every text."""
    found = db.rows(
        "select row from items where instr(text, ?1) or instr(summary, ?1) order by row", (text,)
    )
    rows = [row for (row,) in found]
    known = items(db, rows)
    return [known[row] for row in rows if row in known]
