"""Emptying a scope file, whatever tables it has by now; when it was last written to or used."""

from .database import Database
from .tables.changes import log_change, owe_erasure

#: What stays: how the file came to be, whose it is, that something was done, the totals that
#: triggers keep, and what is sealed:
#: undo copies go when their time is over, what is held when a person says so.
_KEPT = ("meta", "migrations", "audit", "change_log", "tombstones", "quarantine", "shown_tokens")
_KEPT_META = ("scope", "tag", "store", "last_id", "log_floor", "erasure_owed")


def clear(db: Database) -> int:
    """Delete every row of every table but those kept. Inside `atomic()`.

    Returns:
        How many items there were.
    """
    items = int(db.value("select count(*) from items"))
    last = db.value("select max(seq) from change_log") or 0
    tables = db.rows(
        "select name from pragma_table_list where schema = 'main' and type = 'table' "
        "and name not like 'sqlite_%'"
    )
    for (table,) in tables:
        if table not in _KEPT:
            db.execute(f'delete from "{table}"')
    for (table,) in db.rows("select name from pragma_table_list where type = 'virtual'"):
        if db.value("select sql from sqlite_master where name = ?", (table,)).count("content ="):
            db.execute(f'insert into "{table}"("{table}") values(\'delete-all\')')
    marks = ", ".join("?" * len(_KEPT_META))
    db.execute(f"delete from meta where key not in ({marks})", _KEPT_META)
    db.execute("update audit set detail = ''")
    log_change(db, "reset", 0)
    db.execute("insert or replace into meta values('log_floor', ?)", (int(last) + 1,))
    db.execute("insert into erasures values('', 'all')")  # the backups go as well
    owe_erasure(db)
    return items


def last_write(db: Database) -> float:
    """When an item, fact or card was last written, seconds UTC; 0.0 when there is none."""
    return float(
        db.value(
            "select max(coalesce((select max(updated_at) from items), 0.0), "
            "coalesce((select max(max(recorded_at, coalesce(retired_at, 0.0))) from facts), 0.0), "
            "coalesce((select max(updated_at) from cards), 0.0))"
        )
    )


def is_spent(db: Database, before: float) -> bool:
    """Whether nothing is in the scope, nor can be brought back or let out, nor was used lately.

    Args:
        before: seconds UTC; it was made, and last called, before then.
    """
    if last_write(db) or db.value("select value from meta where key in ('moving', 'erasure_owed') "
                                  "and value != ''"):  # fmt: skip
        return False
    used = db.value(
        "select max(coalesce((select max(at) from audit), 0), (select max(applied_at) from "
        "migrations))"
    )
    kept = db.value(
        "select exists(select 1 from tombstones where sealed is not null) or "
        "exists(select 1 from quarantine where state = 'held')"
    )
    return not kept and float(used) < before
