"""Make a scope file of every schema there has been, for the tests: `tests/data/<migration>.db.gz`.

    python scripts/make_old_scopes.py

Run it when a migration was added. Files that are there stay as they are: what an earlier version
has written must not change with the code that reads it.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from routemem.memory_core.embedding.hashing import HashingEmbedder
from routemem.memory_core.records import Item
from routemem.memory_core.storage.database import Database
from routemem.memory_core.storage.migrations import APPLICATION_ID, MIGRATIONS
from routemem.memory_core.storage.whole_file import enable_log
from routemem.memory_core.text.identity import digest

FOLDER = Path(__file__).parent.parent / "tests" / "data"
NOW = 1_767_614_400.0
ITEMS = (
    ("note", "The tide gauge of Ghent was moved in March.", "active", ""),
    ("turn", "Ann: I am allergic to hazelnuts.", "active", "Ann"),
    ("note", "The old mooring plan, kept for the record.", "archived", ""),
)
FACTS = (("user.city", '"Lisbon"', 1.0, 2.0), ("user.city", '"Ghent"', 2.0, None))
#: What later schemas can hold besides, by the table it needs.
LATER = {
    "query_samples": "insert into query_samples(vector) select vector from vectors limit 1",
    "recent": "insert into recent values(2, 0)",
    "links": "insert into links values('a-3', 'a-1')",
    "cards": "insert into cards(id, board, body, created_at, updated_at) values("
    "'a-9', 'tasks', '{\"title\": \"dig\"}', 1.0, 1.0)",
    "usage": "insert into usage values('2026-01-05', 'some-model', 2, 10, 5, 0.1)",
    "quarantine": "insert into quarantine values("
    "'a-8', 1, 'held', 'text', 'sensitive', 'asked to', 'user', 1.0, '', x'00', x'01')",
}


def main() -> int:
    """Write what is not there yet."""
    FOLDER.mkdir(exist_ok=True)
    for stage, (name, _) in enumerate(MIGRATIONS, 1):
        target = FOLDER / f"{name}.db.gz"
        if target.exists():
            continue
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "old.db"
            make(path, stage)
            target.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        print(f"{target.name}: {target.stat().st_size:,} bytes")
    return 0


def make(path: Path, stage: int) -> None:
    """A file as the first ``stage`` migrations leave it, with something in every table."""
    db = Database(path)
    enable_log(db)
    with db.atomic():
        for name, step in MIGRATIONS[:stage]:
            step(db)
            db.execute(
                "create table if not exists "
                "migrations(name text primary key, applied_at real not null) strict"
            )
            db.execute("insert into migrations values(?, ?)", (name, NOW))
        db.connection.execute(f"pragma application_id = {APPLICATION_ID}")
    with db.atomic():
        _fill(db)
    db.close()


def _fill(db: Database) -> None:
    embedder = HashingEmbedder(384)
    vectors = embedder.encode([text for _, text, *_ in ITEMS]).vectors.astype(np.float16)
    for row, (kind, text, state, speaker) in enumerate(ITEMS, 1):
        item = Item(text, kind=kind, speaker=speaker)  # type: ignore[arg-type]  # kinds all
        db.execute(
            "insert into items(row, id, kind, text, speaker, happened, origin, trust, metadata, "
            "priority, pinned, state, key, digest, copies, tokens, summary, created_at, "
            "updated_at, accessed_at, access_count) values(?, ?, ?, ?, ?, null, 'user', 'normal', "
            "'{}', 5, 0, ?, ?, ?, 1, 12, '', ?, ?, ?, 0)",
            (row, f"a-{row}", kind, text, speaker, state, f"k{row}", digest(item), NOW, NOW, NOW),
        )
        db.execute(
            "insert into chunks(row, item, start, end, text, embedded) values(?, ?, 0, ?, null, 1)",
            (row, row, len(text)),
        )
        db.execute("insert into vectors values(?, ?)", (row, vectors[row - 1].tobytes()))
        db.execute("insert into tags values('harbour', ?)", (row,))
        db.execute("insert into change_log(op, item) values('insert', ?)", (row,))
    db.execute("insert into words(rowid, text) select row, text from passages")
    for number, (key, value, start, end) in enumerate(FACTS, 4):
        db.execute(
            "insert into facts(id, key, value, confidence, source, valid_from, valid_to, "
            "recorded_at, retired_at) values(?, ?, ?, 1.0, 'user', ?, ?, ?, null)",
            (f"a-{number}", key, value, start, end, NOW),
        )
    db.execute(
        "insert into audit(at, op, id, ms, ok, detail) values(1.0, 'remember', 'a-1', 1, 1, '')"
    )
    db.execute("insert into tombstones values('a-6', 'purged', 1.0, null, null)")
    for key, value in (
        ("scope", "user:ann"), ("tag", "a"), ("store", "0" * 32), ("last_id", 9),
        ("embedder", json.dumps({"id": embedder.id, "dim": embedder.dim})),
    ):  # fmt: skip
        db.execute("insert into meta values(?, ?)", (key, value))
    there = {name for (name,) in db.rows("select name from sqlite_master where type = 'table'")}
    for table, sql in LATER.items():
        if table in there:
            db.execute(sql)


if __name__ == "__main__":
    sys.exit(main())
