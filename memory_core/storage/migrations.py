"""The schema, as ordered named steps. Each runs once, in one transaction with its own record."""

from collections.abc import Callable

from ..errors import NewerSchema, StorageError
from ..text.traits import traits_of
from . import totals
from .database import Database
from .whole_file import enable_log

APPLICATION_ID = 0x526D656D  # "Rmem": `file` and doctor can tell our files from others

_FIRST = """
create table meta(key text primary key, value any) strict, without rowid;

create table items(
    row integer primary key autoincrement,
    id text not null unique,
    kind text not null,
    text text not null,
    speaker text not null,
    happened real,                -- event time; null when it was not said
    origin text not null,
    trust text not null,
    metadata text not null,       -- JSON object
    priority integer not null,
    pinned integer not null,
    state text not null,
    key text unique,              -- the caller's own name; null for none
    digest blob not null unique,
    copies integer not null,
    tokens integer not null,
    summary text not null,
    created_at real not null,
    updated_at real not null,
    accessed_at real not null,
    access_count integer not null
) strict;
create index items_by_state on items(state);
create index items_by_time on items(coalesce(happened, created_at));

create table tags(
    tag text not null,
    item integer not null references items(row) on delete cascade,
    primary key (tag, item)
) strict, without rowid;
create index tags_by_item on tags(item);

create table chunks(
    row integer primary key autoincrement,  -- never reused: an embedding may arrive late
    item integer not null references items(row) on delete cascade,
    start integer not null,
    end integer not null,
    text text,                    -- null when the chunk is the whole text of its item
    embedded integer not null
) strict;
create index chunks_by_item on chunks(item);
create index chunks_pending on chunks(row) where embedded = 0;

create table vectors(
    chunk integer primary key references chunks(row) on delete cascade,
    vector blob not null          -- float16, little endian, unit length
) strict;

create view passages as
    select chunks.row as row,
           case when items.speaker <> '' then items.speaker || ': ' else '' end
               || coalesce(chunks.text, items.text) as text
    from chunks join items on items.row = chunks.item;
create virtual table words using fts5(
    text, content = 'passages', content_rowid = 'row',
    tokenize = 'porter unicode61 remove_diacritics 2'
);
-- A deleted text must leave no byte in the word index either.
insert into words(words, rank) values('secure-delete', 1);
create virtual table vocabulary using fts5vocab(words, 'row');

create table facts(
    row integer primary key,
    id text not null unique,
    key text not null,
    value text not null,          -- JSON
    confidence real not null,
    source text not null,
    valid_from real not null,
    valid_to real,                -- null: still true
    recorded_at real not null,
    retired_at real               -- null: still believed
) strict;
create index facts_by_key on facts(key, valid_from);

create table change_log(
    seq integer primary key autoincrement,
    op text not null,
    item integer not null,        -- row of the item
    first integer,                -- rows of the chunks it lost, if it lost any
    last integer
) strict;

create table audit(
    row integer primary key,
    at real not null,
    op text not null,             -- tool or policy; never content
    id text not null,
    ms real not null,
    ok integer not null,
    detail text not null
) strict;

create table tombstones(
    id text primary key,
    state text not null,          -- deleted or purged
    at real not null,
    expires_at real,              -- until when `sealed` can be opened
    sealed blob                   -- AES-GCM of what restore needs; null once purged
) strict;
"""


def _m001_foundation(database: Database) -> None:
    database.connection.execute(_FIRST)


_QUARANTINE = """
create table quarantine(
    id text primary key,          -- of the item taken out, or a new one
    version integer not null,     -- how often it was held; the payload is bound to it
    state text not null,          -- held, released or purged
    what text not null,           -- memory, fact or text
    context_type text not null,
    reason text not null,         -- never a word of the content
    origin text not null,
    at real not null,
    part_of text not null,        -- what it was derived from, and is held with
    mark blob not null,           -- keyed hash of the text
    sealed blob                   -- AES-GCM of the content; null once released or purged
) strict;
create index quarantine_held on quarantine(at) where state = 'held';
"""


def _m006_quarantine(database: Database) -> None:
    database.connection.execute(_QUARANTINE)


_LIFECYCLE = """
alter table items add column summary_by text not null default '';
alter table items add column summary_tokens integer not null default 0;
create index items_by_use on items(state, accessed_at);

alter table facts add column item text not null default '';  -- id of what it was promoted from
create index facts_by_item on facts(item) where item <> '';

create table links(
    derived text not null,        -- id of a summary of several items
    source text not null,         -- id of one of them
    primary key (derived, source)
) strict, without rowid;
create index links_by_source on links(source);

-- What was erased here and must be erased from the backups too.
create table erasures(
    ref text not null,            -- id of an item, key of a fact
    kind text not null,           -- item, fact or all
    primary key (ref, kind)
) strict, without rowid;
"""


def _m005_lifecycle(database: Database) -> None:
    database.connection.execute(_LIFECYCLE)


_BOARDS = """
create table cards(
    row integer primary key autoincrement,
    id text not null unique,
    board text not null,          -- tasks, agents, questions
    body text not null,           -- JSON object
    created_at real not null,
    updated_at real not null
) strict;
create index cards_by_board on cards(board, row);

create table usage(
    day text not null,            -- ISO date, UTC
    model text not null,
    calls integer not null,
    input integer not null,       -- tokens
    output integer not null,      -- tokens
    cost real not null,           -- dollars
    primary key (day, model)
) strict, without rowid;
"""


def _m002_query_samples(database: Database) -> None:
    # The index is calibrated on them. No text, and at most 200.
    database.connection.execute(
        "create table query_samples("
        "row integer primary key autoincrement, "
        "vector blob not null"  # float16, little endian, unit length, of the stored vectors' model
        ") strict"
    )


def _m009_shown_tokens(database: Database) -> None:
    database.connection.execute(totals.SCHEMA)


def _m007_boards(database: Database) -> None:
    database.connection.execute(_BOARDS)


_SUCCESSIONS = """
create table successions(
    newer integer not null references items(row) on delete cascade,
    older integer not null references items(row) on delete cascade,
    relation text not null,       -- repeats, supersedes, may_supersede
    primary key (newer, older)
) strict, without rowid;
create index successions_by_older on successions(older);
"""


def _m008_links(database: Database) -> None:
    database.connection.execute(_SUCCESSIONS)


_LATE_INTERACTION = """
-- 128 bits for each word piece of a chunk, one after the other; late interaction reads them.
create table token_codes(
    chunk integer primary key references chunks(row) on delete cascade,
    codes blob not null
) strict;
alter table items add column traits integer not null default 0;  -- bits, see text/traits.py
-- What the order of things is read from: without it every text would be passed on the way.
create index items_outline on items(
    row, kind, state, speaker, coalesce(happened, created_at), traits
);
create index chunks_outline on chunks(row, item, start, end);
"""


def _m003_token_codes(database: Database) -> None:
    database.connection.execute(_LATE_INTERACTION)
    _read_traits(database)


def _read_traits(database: Database) -> None:
    for row, text in database.rows("select row, text from items"):
        database.execute("update items set traits = ? where row = ?", (traits_of(text), row))


_TURNS = """
-- The turns a context always shows; leaving this table loses nothing.
create table recent(
    item integer primary key references items(row) on delete cascade,
    shortened integer not null
) strict;
create index items_pinned on items(row) where pinned = 1;
"""


def _m004_turns(database: Database) -> None:
    database.connection.execute(_TURNS)


MIGRATIONS: tuple[tuple[str, Callable[[Database], None]], ...] = (
    ("m001_foundation", _m001_foundation),
    ("m002_query_samples", _m002_query_samples),
    ("m003_token_codes", _m003_token_codes),
    ("m004_turns", _m004_turns),
    ("m005_lifecycle", _m005_lifecycle),
    ("m006_quarantine", _m006_quarantine),
    ("m007_boards", _m007_boards),
    ("m008_links", _m008_links),
    ("m009_shown_tokens", _m009_shown_tokens),
    ("m010_preferences", _read_traits),
    ("m011_denials", _read_traits),
)


def applied(database: Database) -> list[str]:
    """Names of the migrations the file has had, in order. Writes nothing."""
    if not database.value("select 1 from sqlite_master where name = 'migrations'"):
        return []
    return [name for (name,) in database.rows("select name from migrations order by rowid")]


def pending(database: Database) -> list[str]:
    """Names of the migrations the file still needs. Writes nothing.

    Raises:
        NewerSchema: the file has had migrations this version does not know.
        StorageError: the file holds somebody else's tables.
    """
    with database.reading():
        _refuse_foreign_tables(database)
        done = applied(database)
    known = [name for name, _ in MIGRATIONS]
    unknown = [name for name in done if name not in known]
    if unknown and database.path is not None:
        raise NewerSchema(database.path, unknown)
    return [name for name in known if name not in done]


def migrate(database: Database, now: float) -> None:
    """Bring the file to this version's schema; a file that has it is not written to.

    Raises:
        NewerSchema: the file is newer than this version. Raised before anything is written.
        StorageError: the file holds somebody else's tables. Raised before anything is written.
    """
    if not pending(database):
        return
    _use_log(database)
    with database.atomic():
        # Another process may have done it while this one waited for the lock.
        for name in pending(database):
            dict(MIGRATIONS)[name](database)
            database.execute(
                "create table if not exists "
                "migrations(name text primary key, applied_at real not null) strict"
            )
            database.execute("insert into migrations values(?, ?)", (name, now))
            database.connection.execute(f"pragma application_id = {APPLICATION_ID}")


def _refuse_foreign_tables(database: Database) -> None:
    if database.value("pragma application_id") == APPLICATION_ID:
        return
    names = [name for (name,) in database.rows("select name from sqlite_master")]
    if names:
        raise StorageError(
            f"{database.path} is a database of another program (tables {', '.join(names[:5])}). "
            "It was not changed. Choose another data folder."
        )


def _use_log(database: Database) -> None:
    """Switch to write-ahead logging, without which readers would wait for writers."""
    if database.path is None:
        return
    mode = enable_log(database)
    if mode != "wal":
        raise StorageError(
            f"{database.path} is on a file system without shared-memory locks (journal mode "
            f"{mode!r}): a network share? Choose a data folder on a local disk."
        )
