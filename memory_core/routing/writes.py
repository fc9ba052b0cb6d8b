"""Finding, refusing and removing keys: the part of a write that looks before it changes."""

import numpy as np

from ..errors import InvalidArgument, NotFound
from .arrays import I64
from .delta import Delta
from .state import Base, State


def place_of(state: State, delta: Delta, key: int) -> int | None:
    """Where a live key is: its row in the delta, or -1 - its row in the pack, or None."""
    row = int(delta.rows_of(np.array([key], np.int64))[0])
    if row >= 0:
        return row
    base = state.base
    if base.pack is None:
        return None
    packed = int(base.pack.rows_of(np.array([key], np.int64))[0])
    return None if packed < 0 or _holds(base.gone, packed) else -1 - packed


def refuse_known(state: State, delta: Delta, keys: I64) -> None:
    """Raise if the index has one of these keys.

    Raises:
        InvalidArgument: names the first ones.
    """
    known = keys[delta.rows_of(keys) >= 0].tolist()
    base = state.base
    if base.pack is not None:
        rows = base.pack.rows_of(keys)
        found = np.flatnonzero(rows >= 0)
        known += keys[found[~np.isin(rows[found], base.gone)]].tolist() if len(found) else []
    if known:
        some = ", ".join(map(str, known[:5])) + (", …" if len(known) > 5 else "")
        raise InvalidArgument(
            f"Expected new ids, got {len(known)} the index has already: {some}. Use update()."
        )


def removed(state: State, delta: Delta, keys: I64) -> Base:
    """Drop keys from the delta; the base without those that are packed.

    Raises:
        NotFound: one of them is not there; nothing was changed.
    """
    newer, packed = delta.rows_of(keys), live_rows(state.base, keys)
    missing = keys[(newer < 0) & (packed < 0)]
    if len(missing):
        raise NotFound(f"No item with id {missing[0]} in this index; nothing was removed.")
    delta.drop(newer[newer >= 0])
    packed = packed[packed >= 0]
    return state.base.without(packed) if len(packed) else state.base


def live_rows(base: Base, keys: I64) -> I64:
    """Row in the pack of each key, -1 for those that are not packed or are deleted."""
    if base.pack is None:
        return np.full(len(keys), -1, np.int64)
    rows = base.pack.rows_of(keys)
    return np.where(np.isin(rows, base.gone), -1, rows)


def _holds(ascending: I64, value: int) -> bool:
    where = int(np.searchsorted(ascending, value))
    return where < len(ascending) and int(ascending[where]) == value
