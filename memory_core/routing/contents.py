"""What an index holds now: the one place where that changes."""

import threading
from dataclasses import replace

import numpy as np

from ..errors import Conflict, NotFound
from .arrays import F32, I64, Bools
from .delta import Delta
from .maintenance import caught_up, footprint
from .plan import Plan
from .results import Footprint
from .state import Base, State
from .writes import live_rows, place_of, refuse_known, removed


class Contents:
    """A state that readers take without a lock, and that writers replace one after the other.

    Args:
        base: the packed part.
        delta: what it begins with beside it; written to by nobody else from now on.

    Attributes:
        state: what a search would see now; immutable.
    """

    def __init__(self, base: Base, delta: Delta) -> None:
        self.state = State(base, delta.tail)
        self._delta = delta
        self._writing = threading.Lock()

    # ------------------------------------------------------------------ looking

    def holds(self, keys: I64) -> Bools:
        """Whether each key is live, bool ``(n,)``."""
        with self._writing:
            return self._live(keys)

    def vector(self, key: int) -> F32:
        """The vector of a live key as it is compared, float32 ``(dim,)``.

        Raises:
            NotFound: no such key.
            Conflict: packed, and the pack keeps no vectors.
        """
        with self._writing:
            place = place_of(self.state, self._delta, key)
            base, tail = self.state
        if place is None:
            raise NotFound(f"No item with id {key} in this index.")
        if place >= 0:
            newer: F32 = tail.vectors(np.array([place]))[0]
            return newer
        if base.pack is None or len(base.pack.rows) < base.pack.n:
            raise Conflict("This index keeps no packed vectors (rerank='none').")
        packed: F32 = base.pack.vectors(np.array([-1 - place]))[0]
        return packed

    def footprint(self) -> Footprint:
        """Bytes held, counted on the arrays."""
        with self._writing:
            return footprint(self.state, self._delta)

    def frozen(self) -> "Contents":
        """What it holds now, for readers: nothing that is written afterwards is seen there."""
        with self._writing:
            return Contents(self.state.base, self._delta)

    # ------------------------------------------------------------------ changing

    def append(self, keys: I64, vectors: F32, sizes: F32 | None = None) -> None:
        """Add rows; see `Delta.append`.

        Raises:
            InvalidArgument: one of the keys is there.
        """
        with self._writing:
            refuse_known(self.state, self._delta, keys)
            self._delta.append(keys, vectors, sizes)
            self.state = State(self.state.base, self._delta.tail)

    def replace(self, keys: I64, vectors: F32) -> None:
        """Give keys other vectors. A search finds the old or the new ones, never both or none.

        Raises:
            NotFound: one of the keys is not there; nothing was changed.
        """
        with self._writing:
            base = removed(self.state, self._delta, keys)
            self._delta.append(keys, vectors)
            self.state = State(base, self._delta.tail)

    def remove(self, keys: I64) -> None:
        """Remove keys.

        Raises:
            NotFound: one of them is not there; nothing was changed.
        """
        with self._writing:
            base = removed(self.state, self._delta, keys)
            self.state = State(base, self._delta.tail)

    def discard(self, keys: I64) -> None:
        """Remove those keys that are there."""
        with self._writing:
            base = removed(self.state, self._delta, keys[self._live(keys)])
            self.state = State(base, self._delta.tail)

    def follow(self, plan: Plan) -> None:
        """Search by another plan from now on."""
        with self._writing:
            self.state = State(replace(self.state.base, plan=plan), self.state.tail)

    def adopt(self, before: State, base: Base, delta: Delta) -> None:
        """Publish what upkeep made of an earlier state, with all that was written since."""
        reached = self.state  # most of that is taken in while writers go on
        state = caught_up(before, reached, base, delta)
        with self._writing:
            self.state = caught_up(reached, self.state, state.base, delta)
            self._delta = delta

    def _live(self, keys: I64) -> Bools:
        return (self._delta.rows_of(keys) >= 0) | (live_rows(self.state.base, keys) >= 0)
