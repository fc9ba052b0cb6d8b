"""In what order things were stored and said, as arrays; conversations are read off them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Longest pause inside one conversation, seconds.
PAUSE = 1800.0
#: There is no such item.
NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Items of a scope in order of insertion. Places are positions in these arrays.

    Attributes:
        items: int64 ``(n,)``, rows, ascending.
        at: float64 ``(n,)``, event time, else when it was stored; seconds UTC.
        live: bool ``(n,)``, what a plain search looks at.
        archived: bool ``(n,)``.
        traits: int64 ``(n,)``, bits.
        speaker: int64 ``(n,)``, number of the speaker's name; `NONE` for nobody.
        names: number of each speaker by name, as it was written.
        conversation: int64 ``(n,)``, ascending over the live turns; `NONE` for everything else.
        previous: int64 ``(n,)``, place of the turn before in the same conversation, or `NONE`.
        following: int64 ``(n,)``, place of the turn after.
        said: int64 ``(t,)``, places of the live turns; conversation after conversation.
        begins: int64 ``(c,)``, where in ``said`` each conversation begins.
        turns: int64 ``(c,)``, how many turns each has.
        replies: int64 ``(r,)``, places of the turns that have one before them.
        chunks: int64 ``(m,)``, rows, in order of their items.
        start: int64 ``(n,)``, place of each item's first chunk.
        sizes: int64 ``(n,)``, how many chunks each item has.
        owner: int64 ``(m,)``, place of each chunk's item.
        longest: float64 ``(n,)``, characters of each item's longest chunk.
        by_row: int64 ``(m,)``, places of the chunks in ascending order of their rows.
        rows: int64 ``(m,)``, these rows.
    """

    items: Ints
    at: Floats
    live: Bools
    archived: Bools
    traits: Ints
    speaker: Ints
    names: Mapping[str, int]
    conversation: Ints
    previous: Ints
    following: Ints
    said: Ints
    begins: Ints
    turns: Ints
    replies: Ints
    chunks: Ints
    start: Ints
    sizes: Ints
    owner: Ints
    longest: Floats
    by_row: Ints
    rows: Ints

    def places_of(self, chunks: Ints) -> Ints:
        """Places of chunks by their rows; rows that are not there are left out."""
        if not len(self.rows):
            return chunks[:0]
        at = np.minimum(np.searchsorted(self.rows, chunks), len(self.rows) - 1)
        return np.asarray(self.by_row[at[self.rows[at] == chunks]])

    def item_places(self, items: Ints) -> Bools:
        """Which places hold one of these items, bool ``(n,)``; rows ascending."""
        return np.isin(self.items, items, assume_unique=True)

    def extent(self, item: int) -> range:
        """Places of the chunks of the item at a place."""
        return range(int(self.start[item]), int(self.start[item] + self.sizes[item]))

    def chunk_places(self, items: Ints) -> Ints:
        """Places of all chunks of the items at these places, in order."""
        if len(self.items) == len(self.chunks):
            return items
        sizes = self.sizes[items]
        ends = np.cumsum(sizes)
        return (
            np.arange(ends[-1])
            - np.repeat(ends - sizes, sizes)
            + np.repeat(self.start[items], sizes)
        )


def outline(
    items: Ints,
    at: Floats,
    turns: Bools,
    live: Bools,
    archived: Bools,
    traits: Ints,
    speakers: Mapping[str, Ints],
    chunks: Ints,
    owners: Ints,
    lengths: Ints,
) -> Outline:
    """Sort chunks by item and read off the conversations.

    A conversation is a run of live turns whose times are at most `PAUSE` apart, in order of
    insertion; what is stored between two turns and is no turn does not end it. Items without a
    chunk are not there.

    Args:
        speakers: rows of the items of each speaker.
        owners: row of each chunk's item.
        lengths: characters of each chunk.
    """
    has = np.isin(items, owners)
    items, at, turns, live = items[has], at[has], turns[has], live[has]
    archived, traits = archived[has], traits[has]
    order = np.lexsort((chunks, owners))
    chunks, owners, lengths = chunks[order], owners[order], lengths[order]
    start = np.searchsorted(owners, items)
    n = len(items)
    speaker = np.full(n, NONE, np.int64)
    names = {who: number for number, who in enumerate(speakers)}
    for number, rows in enumerate(speakers.values()):
        speaker[np.searchsorted(items, rows[np.isin(rows, items)])] = number
    said = np.flatnonzero(turns & live)
    joined = np.abs(np.diff(at[said])) <= PAUSE
    conversation = np.full(n, NONE, np.int64)
    previous, following = conversation.copy(), conversation.copy()
    begins = said[:0]
    if len(said):
        conversation[said] = np.concatenate([[0], np.cumsum(~joined)])
        begins = np.concatenate([[0], np.flatnonzero(~joined) + 1])
        previous[said[1:][joined]] = said[:-1][joined]
        following[said[:-1][joined]] = said[1:][joined]
    by_row = np.argsort(chunks)
    return Outline(
        items=items,
        at=at,
        live=live,
        archived=archived,
        traits=traits,
        speaker=speaker,
        names=names,
        conversation=conversation,
        previous=previous,
        following=following,
        said=said,
        begins=begins,
        turns=np.diff(begins, append=len(said)),
        replies=np.flatnonzero(previous != NONE),
        chunks=chunks,
        start=start,
        sizes=np.diff(np.append(start, len(chunks))),
        owner=np.searchsorted(items, owners),
        longest=per_item(lengths.astype(np.float64), start),
        by_row=by_row,
        rows=chunks[by_row],
    )


def per_item(values: Floats, start: Ints) -> Floats:
    """The greatest value of each item's chunks; NaN only where all are.

    Args:
        values: ``(m,)`` or ``(k, m)``, one for each chunk.
        start: place of each item's first chunk.
    """
    if not len(start):
        return values[..., :0]
    if len(start) == values.shape[-1]:  # every item is one chunk
        return values
    return np.asarray(np.fmax.reduceat(values, start, axis=-1))
