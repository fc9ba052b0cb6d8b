"""Which items a search may find, and which hits are worth keeping."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidArgument
from .arrays import I64, U8, Bools, asked_keys
from .pack import Pack

#: Up to this many allowed rows are compared one by one; above, or if the caller says how many
#: buckets or candidates, the codes are scanned masked.
GATHER_UP_TO = 3000


class Scored(Protocol):
    """Anything with a score."""

    @property
    def score(self) -> float: ...  # noqa: D102  the class says it


S = TypeVar("S", bound=Scored)


def filter_by_score(hits: Iterable[S], tau: float = 0.5) -> list[S]:
    """The hits that score at least ``tau``, in their order."""
    return [hit for hit in hits if hit.score >= tau]


def filter_top_n(hits: Iterable[S], n: int = 3) -> list[S]:
    """The ``n`` best hits, best first; equal scores stay in their order.

    Raises:
        InvalidArgument: ``n`` is negative.
    """
    if n < 0:
        raise InvalidArgument(f"Expected n of at least 0, got {n}.")
    return sorted(hits, key=lambda hit: -hit.score)[:n]


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """Ids a search is limited to, made ready for one pack. Keep it to filter again.

    Attributes:
        keys: int64, ascending.
        pack: what ``rows`` and ``lanes`` refer to.
        rows: rows of the pack among them, int64, ascending.
        lanes: uint8 ``(blocks,)``, their lanes; empty if the rows are few.
    """

    keys: I64
    pack: Pack | None
    rows: I64
    lanes: U8

    @classmethod
    def of(cls, keys: "ArrayLike | Allowed", pack: Pack | None) -> "Allowed":
        """Prepare ids; those the index does not hold are no error."""
        if isinstance(keys, Allowed):
            if keys.pack is pack:
                return keys
            keys = keys.keys
        known = np.unique(asked_keys(keys))
        none, no_lanes = np.empty(0, np.int64), np.empty(0, np.uint8)
        if pack is None:
            return cls(known, None, none, no_lanes)
        rows = pack.rows_of(known)
        rows = rows[rows >= 0]
        lanes = _lanes(pack, rows) if len(rows) > GATHER_UP_TO else no_lanes
        return cls(known, pack, rows, lanes)

    def all_lanes(self) -> U8:
        """The lanes of the rows, however few they are."""
        if len(self.lanes) or self.pack is None:
            return self.lanes
        return _lanes(self.pack, self.rows)

    def among(self, keys: I64) -> Bools:
        """Which of some keys are allowed, bool ``(m,)``."""
        if not len(self.keys):
            return np.zeros(len(keys), np.bool_)
        where = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found: Bools = self.keys[where] == keys
        return found


def _lanes(pack: Pack, rows: I64) -> U8:
    chosen = np.zeros(pack.n, np.bool_)
    chosen[rows] = True
    return pack.lanes_of(chosen)
