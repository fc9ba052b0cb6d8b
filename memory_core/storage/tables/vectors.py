"""Vectors and token codes of chunks, vectors of questions, and the change log."""

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np

from ...records import Chunk, Item
from ..contract import Changes, Float16s, StoredVectors
from .changes import last_change, log_change
from .rows import read_chunks, read_items
from .table import Table

_VECTORS = (
    "select chunks.row, chunks.item, items.state = 'archived', vectors.vector "
    "from vectors join chunks on chunks.row = vectors.chunk join items on items.row = chunks.item"
)


class Vectors(Table):
    """See `contract.Vectors`."""

    def put_vectors(
        self, chunks: Sequence[int], vectors: Float16s, codes: Sequence[bytes] = ()
    ) -> int:
        stored = 0
        for row, vector, code in zip_longest(chunks, vectors, codes):
            item = self.db.value("select item from chunks where row = ? and not embedded", (row,))
            if item is None:  # rewritten, erased, or embedded by another process meanwhile
                continue
            self.db.execute("insert into vectors values(?, ?)", (row, vector.tobytes()))
            if code:
                self.db.execute("insert into token_codes values(?, ?)", (row, code))
            self.db.execute("update chunks set embedded = 1 where row = ?", (row,))
            log_change(self.db, "embed", item)
            stored += 1
        return stored

    def pass_over(self, chunks: Sequence[int]) -> None:
        self.db.execute_many(
            "update chunks set embedded = -1 where row = ?", [(row,) for row in chunks]
        )

    def waiting(self, limit: int) -> list[tuple[Chunk, Item]]:
        with self.db.reading():
            rows = self.db.rows(
                "select row from chunks where embedded = 0 order by row limit ?", (limit,)
            )
            chunks = read_chunks(self.db, [row for (row,) in rows])
            owners = read_items(self.db, sorted({chunk.item for chunk in chunks.values()}))
        return [(chunk, owners[chunk.item]) for _, chunk in sorted(chunks.items())]

    def vectors(self, items: Sequence[int] | None) -> StoredVectors:
        if items is None:
            return self._arrays(self.db.rows(f"{_VECTORS} order by chunks.row"))
        wanted = "where chunks.item in (select value from json_each(?)) order by chunks.row"
        return self._arrays(self.db.rows(f"{_VECTORS} {wanted}", (json.dumps(list(items)),)))

    def _arrays(self, found: Sequence[tuple[int, int, int, bytes]]) -> StoredVectors:
        n = len(found)
        if len({len(row[3]) for row in found}) > 1:
            raise self.db.damaged("its vectors have different lengths")
        vectors = np.frombuffer(b"".join(row[3] for row in found), np.float16)
        return StoredVectors(
            np.fromiter((row[0] for row in found), np.int64, n),
            np.fromiter((row[1] for row in found), np.int64, n),
            np.fromiter((row[2] for row in found), np.bool_, n),
            vectors.reshape(n, -1) if n else vectors.reshape(0, 0),
        )

    def all_vectors(self, batch: int) -> Iterator[StoredVectors]:
        last = 0
        while True:
            found = self.db.rows(
                f"{_VECTORS} where chunks.row > ? order by chunks.row limit ?", (last, batch)
            )
            if not found:
                return
            last = found[-1][0]
            yield self._arrays(found)

    def drop_vectors(self) -> None:
        self.db.execute("delete from vectors")
        self.db.execute("delete from token_codes")
        self.db.execute("update chunks set embedded = 0")
        self.drop_queries()
        log_change(self.db, "reset", 0)
        self.set_meta("log_floor", str(last_change(self.db)))

    def token_codes(self, chunks: Sequence[int]) -> dict[int, bytes]:
        wanted = json.dumps(list(chunks))
        sql = "select chunk, codes from token_codes where chunk in (select value from json_each(?))"
        return dict(self.db.rows(sql, (wanted,)))

    def add_queries(self, vectors: Float16s, keep: int) -> None:
        self.db.execute_many(
            "insert into query_samples(vector) values(?)",
            [(vector.tobytes(),) for vector in vectors],
        )
        self.db.execute(
            "delete from query_samples where row <= (select max(row) from query_samples) - ?",
            (keep,),
        )

    def queries(self) -> Float16s:
        found = [
            vector for (vector,) in self.db.rows("select vector from query_samples order by row")
        ]
        vectors = np.frombuffer(b"".join(found), np.float16)
        return vectors.reshape(len(found), -1) if found else vectors.reshape(0, 0)

    def drop_queries(self) -> None:
        self.db.execute("delete from query_samples")

    def changes(self, since: int) -> Changes:
        with self.db.reading():
            seq = last_change(self.db)
            if seq == since:
                return Changes(seq, [])
            floor = int(self.meta("log_floor") or 0)
            if not floor <= since < seq or since == 0:  # beyond seq: an older copy came back
                return Changes(seq, None)
            rows = self.db.rows("select distinct item from change_log where seq > ?", (since,))
            lost = self.db.rows(
                "select first, last from change_log where seq > ? and first is not null", (since,)
            )
        return Changes(seq, [row for (row,) in rows], tuple(lost))
