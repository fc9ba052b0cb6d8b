"""What a search sees: a packed part that never changes, and a delta that only grows.

A state is immutable. A writer makes the next one and publishes it in one assignment, so a search
needs no lock, and sees an update whole or not at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .arrays import F32, I64, U8
from .codebook import Codebook
from .pack import Pack
from .plan import Plan

#: Rows of one piece of the delta. Pieces are never moved: adding costs the same at every size.
PIECE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """The packed part, what is deleted of it, and how it is searched.

    Attributes:
        pack: None while the index is flat.
        codebook: None before the first build.
        plan: how a search by itself goes about it; None while the index is flat.
        live: uint8 ``(blocks,)``, the pack's lanes without the deleted ones.
        gone: int64, ascending, rows of the pack that are deleted.
        built: items when the codebook was fitted to all of them.
    """

    pack: Pack | None
    codebook: Codebook | None
    plan: Plan | None
    live: U8
    gone: I64
    built: int

    @classmethod
    def of(
        cls,
        pack: Pack | None,
        codebook: Codebook | None,
        plan: Plan | None,
        gone: I64,
        built: int = 0,
    ) -> "Base":
        """A base whose live lanes follow from the deleted rows."""
        if pack is None:
            return cls(None, codebook, None, np.empty(0, np.uint8), gone[:0], 0)
        live = pack.lanes
        if len(gone):
            chosen = np.zeros(pack.n, np.bool_)
            chosen[gone] = True
            live = live & ~pack.lanes_of(chosen)
        return cls(pack, codebook, plan, live, gone, built)

    def without(self, rows: I64) -> "Base":
        """The same with more rows deleted."""
        assert self.pack is not None
        if not len(rows):
            return self
        gone = np.union1d(self.gone, rows)
        if len(rows) > 1:
            return Base.of(self.pack, self.codebook, self.plan, gone, self.built)
        lane = np.flatnonzero(self.pack.ids.reshape(-1) == np.uint32(rows[0]))[0]
        live = self.live.copy()  # running searches keep the old one
        live[lane // 8] &= np.uint8(255 ^ (1 << int(lane) % 8))
        return Base(self.pack, self.codebook, self.plan, live, gone, self.built)

    def __len__(self) -> int:
        return self.pack.n - len(self.gone) if self.pack else 0

    def rows(self) -> I64:
        """Live rows of the pack, ascending."""
        if self.pack is None:
            return np.empty(0, np.int64)
        return np.delete(np.arange(self.pack.n), self.gone)


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """The delta as of one moment.

    Attributes:
        dim: numbers per vector.
        pieces: float32 ``(1024, dim)`` each, filled in order.
        keys: int64, at least ``n`` long.
        n: rows in use.
        dead: int64, ascending, rows that were deleted or replaced.
    """

    dim: int
    pieces: tuple[F32, ...]
    keys: I64
    n: int
    dead: I64

    def __len__(self) -> int:
        return self.n - len(self.dead)

    def used(self) -> Iterator[F32]:
        """The pieces, each as far as it is filled."""
        for start, piece in zip(range(0, self.n, PIECE), self.pieces, strict=False):
            yield piece[: self.n - start]

    def scores(self, query: F32) -> F32:
        """Exact inner products with a query, float32 ``(n,)``; minus infinity for dead rows."""
        scores = np.empty(self.n, np.float32)
        for start, piece in zip(range(0, self.n, PIECE), self.used(), strict=True):
            np.dot(piece, query, out=scores[start : start + PIECE])
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
        for number, piece in enumerate(self.pieces):
            mine = np.flatnonzero(rows // PIECE == number)
            out[mine] = piece[rows[mine] % PIECE]
        return out


class State(NamedTuple):
    """All a search needs."""

    base: Base
    tail: Tail


class Delta:
    """The writer's end of the tail. Only one thread may write; tails taken earlier stay valid.

    Attributes:
        dim: numbers per vector.
        where: row of each live key.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._keys = np.empty(PIECE, np.int64)
        self.tail = Tail(dim, (), self._keys, 0, np.empty(0, np.int64))
        self.where: dict[int, int] = {}

    def append(self, keys: I64, vectors: F32) -> None:
        """Add rows: int64 ``(m,)`` and float32 ``(m, dim)``."""
        if not len(keys):
            return
        pieces, n, dead = self.tail.pieces, self.tail.n, self.tail.dead
        end = n + len(keys)
        self._reserve_keys(end)
        self._keys[n:end] = keys
        lacking = -(-end // PIECE) - len(pieces)
        pieces += tuple(np.empty((PIECE, self.dim), np.float32) for _ in range(lacking))
        done = 0
        while done < len(keys):
            piece, row = divmod(n + done, PIECE)
            m = min(PIECE - row, len(keys) - done)
            pieces[piece][row : row + m] = vectors[done : done + m]
            done += m
        self.where.update(zip(keys.tolist(), range(n, end), strict=True))
        self.tail = Tail(self.dim, pieces, self._keys, end, dead)

    def drop(self, keys: list[int]) -> None:
        """Mark the rows of keys as dead."""
        if not keys:
            return
        rows = np.array([self.where.pop(key) for key in keys], np.int64)
        self.tail = replace(self.tail, dead=np.union1d(self.tail.dead, rows))

    @property
    def nbytes(self) -> int:
        """Bytes set aside for vectors and keys."""
        return sum(piece.nbytes for piece in self.tail.pieces) + self._keys.nbytes

    def _reserve_keys(self, n: int) -> None:
        if n > len(self._keys):
            keys = np.empty(max(n, 2 * len(self._keys)), np.int64)
            keys[: self.tail.n] = self._keys[: self.tail.n]
            self._keys = keys
