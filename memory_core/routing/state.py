"""What a search sees: a packed part that never changes, and a delta that only grows.

A state is immutable. A writer makes the next one and publishes it in one assignment, so a search
needs no lock, and sees an update whole or not at all.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .arrays import I64, U8
from .codebook import Codebook
from .delta import Tail
from .pack import Pack
from .plan import Plan


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

    def keys(self) -> I64:
        """Keys of the live rows, ascending."""
        return self.pack.keys[self.rows()] if self.pack else np.empty(0, np.int64)

    def codes(self) -> dict[int, int]:
        """The bucket of every live row by its key."""
        if self.pack is None:
            return {}
        buckets = self.pack.buckets()[self.rows()]
        return dict(zip(self.keys().tolist(), buckets.tolist(), strict=True))


class State(NamedTuple):
    """All a search needs."""

    base: Base
    tail: Tail

    def keys(self) -> I64:
        """Keys of all items, ascending."""
        return np.sort(np.concatenate([self.base.keys(), self.tail.keys[self.tail.live()]]))
