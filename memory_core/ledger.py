"""Access counts and audit rows, gathered in RAM so that no read ever waits for a write."""

import threading

from .storage.contract import Store

#: Audit rows kept waiting at the most; a process that only reads drops its oldest ones.
MOST = 10_000


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

    def touch(self, ids: list[str], at: float) -> None:
        """Count one read of each item."""
        if self._writes:
            with self._guard:
                for id in ids:
                    count, last = self._touched.get(id, (0, at))
                    self._touched[id] = (count + 1, max(at, last))

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
            touched, rows = self._touched, self._rows
            self._touched, self._rows = {}, []
        if not touched and not rows:
            return
        try:
            with self._store.atomic():
                self._store.touch(touched)
                self._store.note(rows)
        except BaseException:
            with self._guard:
                self._rows = [*rows, *self._rows][-MOST:]
                for id, (count, at) in touched.items():
                    more, last = self._touched.get(id, (0, at))
                    self._touched[id] = (count + more, max(at, last))
            raise

    def __len__(self) -> int:
        return len(self._touched) + len(self._rows)
