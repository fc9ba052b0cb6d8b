"""What is shown of an item: its text, a passage, or of a compressed one the summary, once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from .records import Chunk, Hit, Item
from .storage.contract import Store
from .text.truncation import truncate

#: A text larger than a budget is cut to one in so many of its tokens.
PART = 4


def has_short_form(item: Item) -> bool:
    """Whether an item is shown by a summary of its own."""
    return item.state == "compressed" and bool(item.summary)


def as_hit(
    item: Item,
    scope: str,
    *,
    score: float,
    chunk: Chunk | None = None,
    full: bool = True,
    cosine: float | None = None,
    signals: Mapping[str, float] | None = None,
) -> Hit:
    """An item as a hit: its whole text, or the passage of one chunk.

    Args:
        full: a compressed item comes with its text; without, with the summary it has of its own.
    """
    short = has_short_form(item) and not full
    text = item.text if chunk is None or chunk.text is None else chunk.text
    text = item.summary if short else text
    return Hit(
        id=item.id,
        text=text,
        score=score,
        kind=item.kind,
        scope=scope,
        origin=item.origin,
        trust=item.trust,
        when=item.when,
        created_at=item.created_at,
        state=item.state,
        speaker=item.speaker,
        tags=item.tags,
        metadata=item.metadata,
        priority=item.priority,
        pinned=item.pinned,
        key=item.key,
        tokens=item.tokens,
        whole=len(text) == len(item.text),
        abridged=short,
        cosine=cosine,
        signals=signals or {},
    )


def beginning(hit: Hit, budget: int, count: Callable[[str], int]) -> Hit:
    """A hit that is larger than a budget, cut so that others have room in it; it says so."""
    return replace(hit, text=truncate(hit.text, budget // PART, count), whole=False)


def abridged(store: Store, hits: Sequence[Hit], *, full: bool) -> list[Hit]:
    """Hits as they are shown: an item that was summed up with others comes as that summary.

    The summary takes the place of the first of them and does not come again; it names all of its
    sources. An item whose summary is gone comes with the text it has.

    Args:
        full: compressed items come with their own text.
    """
    short = [h.id for h in hits if h.state == "compressed" and not h.abridged and not full]
    if not short and not any(hit.kind == "summary" for hit in hits):
        return list(hits)
    standing = {
        id: made
        for id, found in store.derived(short).items()
        if (made := _live(store, found)) is not None
    }
    shown: dict[str, Hit] = {}
    for hit in hits:
        standing_for = standing.get(hit.id)
        shown.setdefault(*_named(hit if standing_for is None else _in_place_of(hit, standing_for)))
    sources = store.sources([hit.id for hit in shown.values() if hit.kind == "summary"])
    return [replace(hit, sources=sources.get(hit.id, ())) for hit in shown.values()]


def _named(hit: Hit) -> tuple[str, Hit]:
    return hit.id, hit


def _live(store: Store, ids: Sequence[str]) -> Hit | None:
    """The first of these summaries that a search may show."""
    found = (store.find(id) for id in ids)
    live = next((item for item in found if item and item.state in ("active", "compressed")), None)
    return None if live is None else as_hit(live, store.scope, score=0.0, full=False)


def _in_place_of(hit: Hit, made: Hit) -> Hit:
    """The summary, standing where the hit stood."""
    return replace(
        made, score=hit.score, cosine=hit.cosine, signals=hit.signals, neighbour_of=hit.neighbour_of
    )
