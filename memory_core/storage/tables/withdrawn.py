"""What is there no more: held in quarantine, sealed, or deleted. Nothing here is content."""

from dataclasses import astuple

from ..contract import Held, Tombstone
from .changes import owe_erasure
from .table import Table

_COLUMNS = "id, version, state, what, context_type, reason, origin, at, part_of, mark, sealed"
_MARKS = ", ".join("?" * len(_COLUMNS.split()))


class Withdrawn(Table):
    """See `contract.Withdrawn`."""

    def hold(self, held: Held) -> None:
        self.db.execute(
            f"insert or replace into quarantine({_COLUMNS}) values({_MARKS})", astuple(held)
        )
        if held.sealed is None:  # the sealed copies in backups must go as well
            self.db.execute("insert or ignore into erasures values(?, 'held')", (held.id,))
            owe_erasure(self.db)

    def held(self, id: str) -> Held | None:
        found = self.db.rows(
            f"select {_COLUMNS} from quarantine where id = ?", (id.strip().lower(),)
        )
        return Held(*found[0]) if found else None

    def any_held(self) -> bool:
        return bool(self.db.value("select 1 from quarantine where state = 'held' limit 1"))

    def held_as(self, mark: bytes) -> Held | None:
        found = self.db.rows(
            f"select {_COLUMNS} from quarantine where state = 'held' and mark = ?", (mark,)
        )
        return Held(*found[0]) if found else None

    def all_held(self) -> list[Held]:
        found = self.db.rows(
            f"select {_COLUMNS} from quarantine where state = 'held' order by at, rowid"
        )
        return [Held(*row) for row in found]

    def bury(self, tombstone: Tombstone, at: float) -> None:
        self.db.execute(
            "insert or replace into tombstones values(?, ?, ?, ?, ?)",
            (tombstone.id, tombstone.state, at, tombstone.expires_at, tombstone.sealed),
        )

    def tombstone(self, id: str) -> Tombstone | None:
        rows = self.db.rows(
            "select id, state, expires_at, sealed from tombstones where id = ?",
            (id.strip().lower(),),
        )
        return Tombstone(*rows[0]) if rows else None

    def unbury(self, id: str) -> None:
        self.db.execute("delete from tombstones where id = ?", (id,))

    def drop_expired(self, now: float) -> int:
        expired = "expires_at <= ? and sealed is not null"
        count = int(self.db.value(f"select count(*) from tombstones where {expired}", (now,)))
        if count:
            with self.db.atomic():
                self.db.execute(
                    f"update tombstones set sealed = null, state = 'purged' where {expired}",
                    (now,),
                )
        return count
