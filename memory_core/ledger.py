"""Access counts, audit rows and questions, gathered in RAM so that no read waits for a write."""

import json
import threading

import numpy as np
from numpy.typing import NDArray

from .storage.contract import Store

#: Audit rows kept waiting at the most; a process that only reads drops its oldest ones.
MOST = 10_000
#: Vectors of recent questions that a scope keeps, to calibrate its index on. Never their text.
QUERIES = 200


class Ledger:
    """Flushed with the next write, by the caretaker, and at close; a kill may lose what waits.

    Args:
        writes: False in a read-only process, which keeps no ledger at all.
    """

    def __init__(self, store: Store, *, writes: bool) -> None:
        self._store = store
        self._writes = writes
        self._guard = threading.Lock()
        self._touched: dict[str, tuple[int, float]] = {}
        self._rows: list[tuple[float, str, str, float, bool, str]] = []
        self._queries: list[tuple[str, NDArray[np.float16]]] = []

    def touch(self, ids: list[str], at: float) -> None:
        """Count one read of each item."""
        if self._writes:
            with self._guard:
                for id in ids:
                    count, last = self._touched.get(id, (0, at))
                    self._touched[id] = (count + 1, max(at, last))

    def keep_query(self, vector: NDArray[np.float32], model: str) -> None:
        """Keep the vector of a question, float32 ``(dim,)``, for the next calibration.

        Args:
            model: id of the model that made it.
        """
        if self._writes:
            with self._guard:
                self._queries.append((model, vector.astype(np.float16)))
                del self._queries[:-QUERIES]

    def forget_queries(self) -> None:
        """Drop the vectors that wait: something was erased, and a question may have been of it."""
        with self._guard:
            self._queries = []

    def note(
        self,
        op: str,
        *,
        at: float,
        id: str = "",
        ms: float = 0.0,
        ok: bool = True,
        detail: str = "",
    ) -> None:
        """Add an audit row. ``detail`` never holds a memory's content."""
        if self._writes:
            with self._guard:
                self._rows.append((at, op, id, round(ms, 3), ok, detail))
                del self._rows[:-MOST]

    def flush(self) -> None:
        """Write what waits. Inside or outside `atomic()`; nothing to write takes no lock."""
        with self._guard:
            touched, rows, asked = self._touched, self._rows, self._queries
            self._touched, self._rows, self._queries = {}, [], []
        if not touched and not rows and not asked:
            return
        try:
            with self._store.atomic():
                self._store.touch(touched)
                self._store.note(rows)
                self._keep(asked)
        except BaseException:
            with self._guard:
                self._rows = [*rows, *self._rows][-MOST:]
                self._queries = [*asked, *self._queries][-QUERIES:]
                for id, (count, at) in touched.items():
                    more, last = self._touched.get(id, (0, at))
                    self._touched[id] = (count + more, max(at, last))
            raise

    def _keep(self, asked: list[tuple[str, NDArray[np.float16]]]) -> None:
        """Store vectors of questions, unless another model's vectors lie in the store by now."""
        said = self._store.meta("embedder") if asked else None
        mine = [vector for model, vector in asked if said and json.loads(said)["id"] == model]
        if mine:
            self._store.add_queries(np.array(mine), QUERIES)

    def __len__(self) -> int:
        return len(self._touched) + len(self._rows) + len(self._queries)
