"""Reading what can still be read of a damaged scope file, row by row, into a whole new one.

SQLite gives up at the first bad page. Here a table is read from both sides of each gap: a range of
rows that cannot be read is halved until only rows on bad pages are left. A first page that is lost,
which says where the tables begin, is taken from a new file: files of one schema begin alike.
"""

import logging
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from ..errors import DamagedFile
from .files import beside, create_private, size
from .ids import number_of, tag_of
from .sqlite import SqliteStore
from .tables.changes import log_change, owe_erasure

log = logging.getLogger("routemem")

PAGE = 4096
#: Reads that may fail in one table: one row of a lost page costs one.
PATIENCE = 200_000
#: Tables of truths, in an order in which each finds what it refers to. The rest is derived.
_TABLES = (
    "items", "chunks", "vectors", "token_codes", "tags", "recent", "facts", "links",
    "successions", "cards", "usage", "tombstones", "quarantine", "erasures", "audit",
)  # fmt: skip


@dataclass(slots=True)
class Salvaged:
    """What was got out of a damaged file.

    Attributes:
        scope: as the file says; "" when it says nothing.
        tag: of its ids; "" when there is none.
        rows: rows copied, by table.
        lost: rows that were met and could not be read or kept, by table.
    """

    scope: str = ""
    tag: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)


def salvage(damaged: Path, target: Path, scope: str, now: float) -> Salvaged:
    """Copy what can be read of a damaged scope file into a new file; the damaged one is only read.

    Args:
        damaged: the file as it was set aside; its log, if any, lies beside it.
        target: where the new file goes; nothing may be there.
        scope: whose file it is, if it does not say so itself.
        now: time, seconds UTC.
    """
    best: Salvaged | None = None
    for number, mend in enumerate((_as_it_is, _new_header, _new_first_page)):
        part = beside(target, f".part{number}")
        try:
            _copy(damaged, part)
            mend(part, now)
            found = _into_new(part, beside(target, f".try{number}"), scope, now)
        finally:
            _remove(part)
        if best is None or sum(found.rows.values()) > sum(best.rows.values()):
            best = found
            _remove(target)
            beside(target, f".try{number}").rename(target)
        _remove(beside(target, f".try{number}"))
        if best.rows.get("items") or best.rows.get("facts"):
            break
    assert best is not None
    return best


# ------------------------------------------------------------------ the first page


def _as_it_is(part: Path, now: float) -> None:
    """Nothing is mended."""


def _new_header(part: Path, now: float) -> None:
    """The first 100 bytes from a new file; the rest of the page says where the tables are."""
    _overwrite(part, _first_page(part, now)[:100])


def _new_first_page(part: Path, now: float) -> None:
    """The whole first page from a new file."""
    _overwrite(part, _first_page(part, now))


def _first_page(part: Path, now: float) -> bytes:
    """Of a new file, with the length of this one in it."""
    fresh = beside(part, ".fresh")
    try:
        SqliteStore(fresh, "global", "a", now=now).close()
        page = bytearray(fresh.read_bytes()[:PAGE])
    finally:
        _remove(fresh)
    page[28:32] = (size(part) // PAGE).to_bytes(4, "big")
    page[92:96] = page[24:28]  # or the length counts for nothing
    return bytes(page)


def _overwrite(part: Path, start: bytes) -> None:
    with part.open("r+b") as file:
        file.write(start)
        file.seek(0, 2)
        file.write(b"\0" * (-file.tell() % PAGE))  # one cut inside a page ends at a whole one


# ------------------------------------------------------------------ rows


def _into_new(part: Path, target: Path, scope: str, now: float) -> Salvaged:
    found = Salvaged()
    source = apsw.Connection(str(part), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        meta = _meta(source)
        found.scope, found.tag = meta.get("scope", scope), meta.get("tag", "")
        store = SqliteStore(target, found.scope or "global", found.tag, now=now)
        try:
            with store.atomic():
                for table in _TABLES:
                    _copy_table(source, store, table, found)
                _complete(store, meta, found)
        finally:
            store.close()
    except (apsw.Error, DamagedFile) as error:
        log.info("%s: %s", part.name, error)
        if not target.exists():
            SqliteStore(target, scope or "global", "", now=now).close()
    finally:
        source.close()
    return found


def _meta(source: apsw.Connection) -> dict[str, str]:
    try:
        source.execute("pragma writable_schema = on")  # one bad entry must not hide the others
        return {str(key): str(value) for key, value in _read(source, "meta", ["key", "value"], [])}
    except apsw.Error:
        return {}


def _copy_table(source: apsw.Connection, store: SqliteStore, table: str, found: Salvaged) -> None:
    wanted = [
        str(name) for (name,) in store.db.rows(f"select name from pragma_table_info('{table}')")
    ]
    try:
        there = {
            str(name)
            for (name,) in source.execute(f"select name from pragma_table_info('{table}')")
        }
    except apsw.Error:
        there = set(wanted)
    columns = [name for name in wanted if name in there]
    if not columns:
        return
    lost: list[int] = []
    marks = ", ".join("?" * len(columns))
    sql = f"insert or ignore into {table}({', '.join(columns)}) values({marks})"
    kept = 0
    for row in _read(source, table, columns, lost):
        try:
            store.db.execute(sql, row)
            kept += store.db.connection.changes()
        except apsw.Error:  # a value of the wrong kind, or what it belongs to is gone
            lost.append(0)
    if kept:
        found.rows[table] = kept
    if lost:
        found.lost[table] = len(lost)


def _read(
    source: apsw.Connection, table: str, columns: list[str], lost: list[int]
) -> Iterator[tuple[Any, ...]]:
    """Every row that can be read. For one that is known to be there and cannot, ``lost`` grows."""
    named = ", ".join(columns)
    try:
        (bounds,) = source.execute(f"select min(rowid), max(rowid) from {table}")
        first, last = bounds
    except apsw.SQLError:  # no such table, or one without row ids
        yield from _from_both_ends(source, table, named)
        return
    except apsw.CorruptError:
        first, last = 1, _most(source, table)
    if last is not None:
        yield from _Ranges(source, table, columns, lost).rows(int(first), int(last))


def _most(source: apsw.Connection, table: str) -> int:
    """The highest row id there may have been, when the end of the table cannot be read."""
    try:
        for (seq,) in source.execute("select seq from sqlite_sequence where name = ?", (table,)):
            return int(seq)
    except apsw.Error:
        pass
    return PATIENCE


class _Ranges:
    """Reads a table by ranges of row ids, halving those that cannot be read."""

    def __init__(
        self, source: apsw.Connection, table: str, columns: list[str], lost: list[int]
    ) -> None:
        self._source = source
        self._table = table
        self._columns = columns
        self._sql = (
            f"select rowid, {', '.join(columns)} from {table} not indexed "
            "where rowid between ? and ? order by rowid"
        )
        self._lost = lost
        self._patience = PATIENCE

    def rows(self, first: int, last: int) -> Iterator[tuple[Any, ...]]:
        """Rows of the range, in order."""
        ranges = [(first, last)]
        while ranges and self._patience > 0:
            low, high = ranges.pop()
            try:
                for row in self._source.execute(self._sql, (low, high)):
                    low = int(row[0]) + 1
                    yield row[1:]
                continue
            except (apsw.CorruptError, UnicodeDecodeError):
                self._patience -= 1
            if low >= high:
                if low == high:
                    yield from self._mended(low)
                continue
            middle = (low + high) // 2
            ranges += [(middle + 1, high), (low, middle)]

    def _mended(self, row: int) -> Iterator[tuple[Any, ...]]:
        """One row that could not be read, with a mark for each byte of a text that is no UTF-8."""
        as_bytes = ", ".join(
            f"iif(typeof({name}) = 'text', cast({name} as blob), {name}), typeof({name})"
            for name in self._columns
        )
        sql = f"select {as_bytes} from {self._table} not indexed where rowid = ?"
        try:
            for found in self._source.execute(sql, (row,)):
                pairs = zip(found[::2], found[1::2], strict=True)
                yield tuple(
                    v.decode(errors="replace") if kind == "text" else v for v, kind in pairs
                )
        except apsw.CorruptError:
            self._lost.append(row)


def _from_both_ends(source: apsw.Connection, table: str, named: str) -> Iterator[tuple[Any, ...]]:
    """Rows of a table without row ids: forwards to the first bad page, backwards to the last."""
    seen: set[tuple[Any, ...]] = set()
    keys = [
        str(name)
        for (name,) in source.execute(
            f"select name from pragma_table_info('{table}') where pk > 0 order by pk"
        )
    ]
    for order in ("asc", "desc"):
        ordered = ", ".join(f"{key} {order}" for key in keys)
        try:
            for row in source.execute(f"select {named} from {table} order by {ordered}"):
                if row not in seen:
                    seen.add(row)
                    yield row
            return
        except (apsw.CorruptError, UnicodeDecodeError):
            continue


# ------------------------------------------------------------------ what is derived


def _complete(store: SqliteStore, meta: dict[str, str], found: Salvaged) -> None:
    """Make the file whole: chunks for every item, words, counters, a new identity."""
    db = store.db
    db.execute(
        "insert into chunks(item, start, end, text, embedded) "
        "select row, 0, length(text), null, 0 from items "
        "where row not in (select item from chunks)"
    )
    _drop_broken_vectors(store)
    db.execute("update chunks set embedded = 0 where row not in (select chunk from vectors)")
    if db.value("select 1 from token_codes limit 1"):
        db.execute(
            "update chunks set embedded = 0 where row not in (select chunk from token_codes)"
        )
        db.execute("delete from vectors where chunk in (select row from chunks where embedded = 0)")
        db.execute("delete from token_codes where chunk not in (select chunk from vectors)")
    db.execute("insert into words(words) values('rebuild')")
    kept = ("scope", "tag", "store", "last_id")
    for key, value in meta.items():
        if key not in kept:
            store.set_meta(key, value)
    if store.erased():
        owe_erasure(db)
    ids = [str(id) for table in ("items", "facts", "cards", "tombstones", "quarantine")
           for (id,) in db.rows(f"select id from {table}")]  # fmt: skip
    own = [id for id in ids if tag_of(id)]
    if not found.tag and own:
        found.tag = max((tag_of(id) or "" for id in own), key=[tag_of(id) for id in own].count)
        store.set_meta("tag", found.tag)
    last = max((number_of(id) for id in own if tag_of(id) == found.tag), default=0)
    last = max(last, int(meta.get("last_id") or 0))
    db.execute("insert or replace into meta values('last_id', ?)", (last,))
    store.set_meta("store", uuid.uuid4().hex)
    log_change(db, "reset", 0)


def _drop_broken_vectors(store: SqliteStore) -> None:
    """Vectors that are not of length 1: changed bytes, which no check of SQLite's notices."""
    for chunk, blob in store.db.rows("select chunk, vector from vectors"):
        vector = np.frombuffer(blob[: len(blob) // 2 * 2], np.float16).astype(np.float64)
        if not abs(float(np.linalg.norm(vector)) - 1) < 0.01:  # false for NaN
            store.db.execute("delete from vectors where chunk = ?", (chunk,))


# ------------------------------------------------------------------ files


def _copy(source: Path, target: Path) -> None:
    """A private copy of a file and its log, to be changed at will."""
    for ending in ("", "-wal"):
        if beside(source, ending).exists():
            create_private(beside(target, ending))
            shutil.copyfile(beside(source, ending), beside(target, ending))


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal", ".lock"):
        beside(path, ending).unlink(missing_ok=True)
