"""What was added since the last packing: it grows in order and is looked at by every search.

Beside a pack its rows are kept as the pack keeps them, and all but the newest have 1-bit codes too:
a search scans the codes and compares the best rows, and the newest, exactly. The codes are of what
is left of a vector without the mean of the packed ones, in the order of arrival: no bucket has to
be found when a row is added. Beside no pack rows are float32, and all are compared exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .arrays import F32, I64, U8, U16, U64, Bools, Rows
from .codes import Rotation, encode_residuals, stored_factors
from .kernel import LANES, prepare, rerank, scan, select
from .pack import Pack, Rerank
from .steps import widened

#: Rows of one piece. Pieces are never moved, so adding costs the same at every size; memory that
#: was never written to is not there.
PIECE = 8192
#: Rows coded at once, when so many are new.
BATCH = 256
#: Up to here codes save nothing: all rows are compared exactly.
EXACT_UNTIL = 768
#: Keys at the end of an order that are looked at one by one.
_LOOSE = 4096
_NO_SCALES = np.empty(0, np.float32)
_NO_NORMS = np.empty((0, LANES), np.float32)
_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Coder:
    """How rows beside a pack are coded.

    Attributes:
        rotation: the pack's.
        centre: float32 ``(dim,)``, the mean of the packed vectors by their centroids.
    """

    rotation: Rotation
    centre: F32

    @classmethod
    def of(cls, pack: Pack) -> "Coder":
        """Of a pack."""
        weights = pack.blocks_per_bucket.astype(np.float32)
        return cls(pack.rotation, weights @ pack.centroids / max(float(weights.sum()), 1.0))

    def encode(self, vectors: F32) -> tuple[U64, U16]:
        """Code words, uint64 ``(n, words)``, and factors, uint16 ``(n,)``."""
        coded = encode_residuals(self._turned(vectors - self.centre))
        return coded.bits, stored_factors(coded.factors)

    def _turned(self, vectors: F32) -> F32:
        """Rotate a batch: float32 ``(n, dim)`` -> ``(n, size)``."""
        rotation, n = self.rotation, len(vectors)
        flat = np.zeros((n, rotation.size), np.float32)
        flat[:, : rotation.dim] = vectors
        shape = (n, rotation.left.shape[1], rotation.right.shape[1])
        for signs, left, right in zip(rotation.signs, rotation.left, rotation.right, strict=True):
            flat = (left @ (flat * signs).reshape(shape) @ right).reshape(n, -1)
        return flat


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """The delta as of one moment.

    Attributes:
        dim: numbers per vector.
        pieces: float32 or float16 ``(8192, dim)`` each, filled in order.
        keys: int64, at least ``n`` long.
        n: rows in use.
        dead: int64, ascending, rows that were deleted or replaced.
        coded: rows that have codes, a multiple of 256.
        codes: uint64 ``(blocks, words, 8)``, row ``r`` in lane ``r % 8`` of block ``r // 8``.
        factors: uint16 ``(blocks, 8)``.
        lanes: uint8 ``(coded / 8,)``, the coded rows that are not dead.
        coder: None beside no pack.
    """

    dim: int
    pieces: tuple[Rows, ...]
    keys: I64
    n: int
    dead: I64
    coded: int
    codes: U64
    factors: U16
    lanes: U8
    coder: Coder | None

    def __len__(self) -> int:
        return self.n - len(self.dead)

    def best(
        self, vector: F32, top_k: int, *, depth: int, exact: bool, among: Bools | None = None
    ) -> tuple[I64, F32, int]:
        """The rows nearest to a vector, best first, their exact scores, and how many were compared.

        Args:
            vector: float32 ``(dim,)``.
            top_k: rows at the most.
            depth: coded rows to compare exactly at the least.
            exact: compare every row.
            among: bool ``(n,)``, the rows that take part; None for all.
        """
        if among is not None and not among.any():
            return _NONE, _NO_SCALES, 0
        if exact or self.coder is None or self.coded <= max(EXACT_UNTIL, 4 * depth):
            scores = self.scores(vector)
            if among is not None:
                scores[~among] = -np.inf
            rows = select(scores, top_k)
            return rows, scores[rows], int(np.count_nonzero(scores > -np.inf))
        live = np.ones(self.n - self.coded, np.bool_)
        live[self.dead[self.dead >= self.coded] - self.coded] = False
        lanes = self.lanes
        if among is not None:
            lanes = lanes & np.packbits(among[: self.coded], bitorder="little")
            live &= among[self.coded :]
        coded, _ = self._scan(vector, lanes, max(depth, top_k))
        rows = np.concatenate([coded, np.flatnonzero(live) + self.coded])
        scores = self._products(rows, vector)
        found = select(scores, top_k)
        return rows[found], scores[found], len(rows)

    def _scan(self, vector: F32, lanes: U8, depth: int) -> tuple[I64, F32]:
        assert self.coder is not None
        blocks = self.coded // LANES
        base = np.full(blocks, np.float32(vector @ self.coder.centre))
        query = prepare(vector, self.coder.rotation)
        return scan(
            self.codes[:blocks], self.factors[:blocks], _NO_NORMS, lanes, base, None, query, depth
        )

    def scores(self, vector: F32) -> F32:
        """Exact inner products with a vector, float32 ``(n,)``; minus infinity for dead rows."""
        scores = np.empty(self.n, np.float32)
        for start, piece in zip(range(0, self.n, PIECE), self._used(), strict=True):
            if piece.dtype == np.float32:
                np.dot(piece, vector, out=scores[start : start + PIECE])
            else:
                scores[start : start + PIECE] = _compare(piece, np.arange(len(piece)), vector)
        if len(self.dead):
            scores[self.dead] = -np.inf
        return scores

    def live(self, start: int = 0) -> I64:
        """Live rows from a row on, ascending."""
        rows = np.arange(start, self.n)
        return np.setdiff1d(rows, self.dead, assume_unique=True) if len(self.dead) else rows

    def vectors(self, rows: I64) -> F32:
        """Copies of some rows, float32 ``(m, dim)``."""
        out = np.empty((len(rows), self.dim), np.float32)
        for number, mine in self._by_piece(rows):
            out[mine] = widened(self.pieces[number][rows[mine] % PIECE], _NO_SCALES)
        return out

    def _products(self, rows: I64, vector: F32) -> F32:
        """Exact inner products of some rows with a vector, float32 ``(m,)``."""
        out = np.empty(len(rows), np.float32)
        for number, mine in self._by_piece(rows):
            out[mine] = _compare(self.pieces[number], rows[mine] % PIECE, vector)
        return out

    def _by_piece(self, rows: I64) -> Iterator[tuple[int, I64]]:
        """Numbers of the pieces that hold some of the rows, and where in ``rows`` these are."""
        if self.n <= PIECE:
            yield from [(0, np.arange(len(rows)))] if len(rows) else []
            return
        pieces = rows // PIECE
        for number in np.unique(pieces).tolist():
            yield number, np.flatnonzero(pieces == number)

    def _used(self) -> Iterator[Rows]:
        """The pieces, each as far as it is filled."""
        for start, piece in zip(range(0, self.n, PIECE), self.pieces, strict=False):
            yield piece[: self.n - start]


class Delta:
    """The writer's end of the tail. Only one thread may write; tails taken earlier stay valid.

    Args:
        dim: numbers per vector.
        pack: what it lies beside; None for none.
        rerank: how the pack keeps its rows; int8 ones stay float16 until they are packed.
    """

    def __init__(self, dim: int, pack: Pack | None = None, rerank: Rerank = "fp32") -> None:
        self.dim = dim
        by_codes = pack is not None and not len(pack.norms) and rerank != "none"
        self._pack = pack if by_codes else None
        self._dtype = np.float16 if by_codes and rerank != "fp32" else np.float32
        self._order, self._ascending = _NONE, True
        no_codes = np.empty((0, -(-dim // 64), LANES), np.uint64)
        no_factors, no_lanes = np.empty((0, LANES), np.uint16), np.empty(0, np.uint8)
        keys = np.empty(32, np.int64)
        self.tail = Tail(dim, (), keys, 0, _NONE, 0, no_codes, no_factors, no_lanes, None)

    def append(self, keys: I64, vectors: F32, sizes: F32 | None = None) -> None:
        """Add rows: int64 ``(m,)`` and float32 ``(m, dim)``, each divided by its size, ``(m,)``."""
        if not len(keys):
            return
        tail = self.tail
        pieces, n = tail.pieces, tail.n
        end = n + len(keys)
        held = _room(tail.keys, n, end)
        held[n:end] = keys
        rises = bool((keys[1:] > keys[:-1]).all()) and (not n or keys[0] > held[n - 1])
        self._ascending = self._ascending and rises
        lacking = -(-end // PIECE) - len(pieces)
        pieces += tuple(np.empty((PIECE, self.dim), self._dtype) for _ in range(lacking))
        done = 0
        while done < len(keys):
            piece, row = divmod(n + done, PIECE)
            m = min(PIECE - row, len(keys) - done)
            part, room = slice(done, done + m), pieces[piece][row : row + m]
            if sizes is None:
                room[...] = vectors[part]
            else:
                np.divide(vectors[part], sizes[part, None], out=room, casting="same_kind")
            done += m
        tail = replace(tail, pieces=pieces, keys=held, n=end)
        self.tail = self._coded(tail) if self._pack is not None else tail

    def drop(self, rows: I64) -> None:
        """Mark live rows as dead, ``(m,)``."""
        if len(rows):
            dead = np.union1d(self.tail.dead, rows)
            lanes = _lanes(self.tail.coded, dead)
            self.tail = replace(self.tail, dead=dead, lanes=lanes)

    def rows_of(self, keys: I64) -> I64:
        """The live row of each key, int64 ``(m,)``; -1 for keys that have none."""
        if not self.tail.n or not len(keys):
            return np.full(len(keys), -1)
        held, dead = self.tail.keys[: self.tail.n], self.tail.dead
        rows = self._ascending_rows(held, keys) if self._ascending else self._any_rows(held, keys)
        if len(dead):
            rows[np.isin(rows, dead)] = -1
        return rows

    @property
    def live_keys(self) -> I64:
        """The keys of the live rows, in the order they were added."""
        return self.tail.keys[self.tail.live()]

    @property
    def hot_bytes(self) -> int:
        """Bytes that every search reads: codes, rows that have none, keys."""
        tail = self.tail
        arrays = (tail.codes, tail.factors, tail.lanes, tail.keys, tail.dead, self._order)
        return self._plain_bytes + sum(array.nbytes for array in arrays)

    @property
    def cold_bytes(self) -> int:
        """Bytes of which a search reads a few rows. They lie in memory."""
        return self.tail.n * self._width - self._plain_bytes

    @property
    def _plain_bytes(self) -> int:
        """Bytes of the rows that every search compares."""
        tail = self.tail
        return self._width * (tail.n - tail.coded if tail.coded > EXACT_UNTIL else tail.n)

    @property
    def _width(self) -> int:
        return self.dim * np.dtype(self._dtype).itemsize

    def _ascending_rows(self, held: I64, keys: I64) -> I64:
        places = np.minimum(np.searchsorted(held, keys), len(held) - 1)
        return np.where(held[places] == keys, places, -1)

    def _any_rows(self, held: I64, keys: I64) -> I64:
        """The last row of each key: if a key came twice, the first time it is dead."""
        if len(held) - len(self._order) > _LOOSE or len(keys) > LANES:
            self._order = np.argsort(held, kind="stable")
        known, loose = self._order, held[len(self._order) :]
        rows = np.full(len(keys), -1)
        if len(known):
            places = np.searchsorted(held[: len(known)], keys, side="right", sorter=known) - 1
            rows = known[np.maximum(places, 0)]
            rows = np.where((places >= 0) & (held[rows] == keys), rows, -1)
        if len(loose):
            for place, key in enumerate(keys.tolist()):
                found = np.flatnonzero(loose == key)
                if len(found):
                    rows[place] = len(known) + found[-1]
        return rows

    def _coded(self, tail: Tail) -> Tail:
        """The same with codes for every whole batch of rows."""
        stop = tail.n - tail.n % BATCH
        if stop <= tail.coded or self._pack is None:
            return tail
        coder = tail.coder or Coder.of(self._pack)
        codes = _room(tail.codes, tail.coded // LANES, stop // LANES)
        factors = _room(tail.factors, tail.coded // LANES, stop // LANES)
        for start in range(tail.coded, stop, BATCH):  # a batch fits the cache: half the time
            piece, row = divmod(start, PIECE)
            vectors = widened(tail.pieces[piece][row : row + BATCH], _NO_SCALES)
            bits, sizes = coder.encode(vectors)
            blocks = slice(start // LANES, (start + BATCH) // LANES)
            codes[blocks] = bits.reshape(-1, LANES, bits.shape[1]).transpose(0, 2, 1)
            factors[blocks] = sizes.reshape(-1, LANES)
        lanes = _lanes(stop, tail.dead)
        return replace(tail, coded=stop, codes=codes, factors=factors, lanes=lanes, coder=coder)


def _compare(rows: Rows, picked: I64, vector: F32) -> F32:
    return rerank(rows, _NO_SCALES, picked, vector)


def _lanes(coded: int, dead: I64) -> U8:
    live = np.ones(coded, np.bool_)
    live[dead[dead < coded]] = False
    return np.packbits(live, bitorder="little")


def _room(held: Any, used: int, wanted: int) -> Any:
    """An array with room for so many entries: the same, or a copy of half as many again."""
    if wanted <= len(held):
        return held
    larger = np.empty((max(wanted, len(held) * 3 // 2), *held.shape[1:]), held.dtype)
    larger[:used] = held[:used]
    return larger
