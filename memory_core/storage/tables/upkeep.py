"""What keeps a scope in order: audit, counts, erased bytes."""

from collections.abc import Sequence

from ..clearing import clear, last_write
from ..totals import SHOWN
from ..whole_file import checkpoint, vacuum
from .changes import last_change
from .table import Table

#: Change-log rows kept by `compact`; a process further behind reads everything again.
LOG_KEPT = 50_000


class Upkeep(Table):
    """See `contract.Upkeep`; and what was erased here but not in the backups yet."""

    def note(self, rows: Sequence[tuple[float, str, str, float, bool, str]]) -> None:
        # A row may have waited in RAM while its item was deleted: then its detail is too late.
        self.db.execute_many(
            "insert into audit(at, op, id, ms, ok, detail) values(?1, ?2, ?3, ?4, ?5, "
            "iif(exists(select 1 from tombstones where id = ?3), '', ?6))",
            [(at, op, id, ms, int(ok), detail) for at, op, id, ms, ok, detail in rows],
        )

    def forget_details(self, id: str) -> None:
        self.db.execute("update audit set detail = '' where id = ?", (id,))

    def calls(self) -> list[tuple[str, int, int, float]]:
        return self.db.rows(
            "select op, count(*), sum(ok = 0), sum(ms) from audit group by op order by 2 desc, 1"
        )

    def shown(self) -> int:
        return int(self.db.value(SHOWN) or 0)

    def counts(self) -> dict[str, int]:
        with self.db.reading():
            states = self.db.rows("select state, count(*), sum(tokens) from items group by state")
            graves = self.db.rows("select state, count(*) from tombstones group by state")
            held = self.db.value("select count(*) from quarantine where state = 'held'")
            return {
                **{f"state:{state}": count for state, count, *_ in states},
                **{f"state:{state}": count for state, count in graves},
                "state:quarantined": held,
                "items": sum(count for _, count, *_ in states),
                "tokens": sum(tokens for _, _, tokens in states),
                "shown": self.shown(),
                "chunks": self.db.value("select count(*) from chunks"),
                "pending": self.db.value("select count(*) from chunks where embedded = 0"),
                "facts": self.db.value(
                    "select count(distinct key) from facts where retired_at is null"
                ),
                "changes": last_change(self.db),
                "bytes": self.db.size(),
            }

    def last_write(self) -> float:
        return last_write(self.db)

    def flush_log(self) -> bool:
        return checkpoint(self.db)

    def erasure_owed(self) -> str:
        return self.meta("erasure_owed") or ""

    def settle_erasure(self, owed: str) -> None:
        if owed:
            with self.db.atomic():
                if self.erasure_owed() == owed:
                    self.db.execute("delete from erasures")
                    self.db.execute("delete from meta where key = 'erasure_owed'")

    def clear(self) -> int:
        return clear(self.db)

    def erased(self) -> list[tuple[str, str]]:
        """What was erased here and perhaps not from all copies yet: id or key, and "item", "fact",
        "card", "held" (a sealed copy in quarantine) or "all".
        """
        return [(ref, kind) for ref, kind in self.db.rows("select ref, kind from erasures")]

    def compact(self) -> None:
        with self.db.atomic():
            floor = last_change(self.db) - LOG_KEPT
            if floor > int(self.meta("log_floor") or 0):
                self.db.execute("delete from change_log where seq <= ?", (floor,))
                self.set_meta("log_floor", str(floor))
            # Merge the word index into one segment, so that what was deleted leaves its pages.
            self.db.execute("insert into words(words) values('optimize')")
        vacuum(self.db)
        checkpoint(self.db)
