"""Which memories a new one may take the place of, or repeat: found as it is stored.

Its neighbours come from one search of the index with the vector it has already; nothing is
embedded for it, and no lock of the store is held meanwhile.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .lifecycle.supersession import RELATED, may_follow, read, relation
from .meaning import Embedded, Meaning
from .records import Hit, Item, Relation, Succession
from .storage.contract import Store
from .text.times import iso

#: Nearest passages a new text is compared with, and pairs that are kept of them.
NEIGHBOURS, KEPT = 32, 8
#: Characters of an older memory that a note quotes.
QUOTED = 60


@dataclass(frozen=True, slots=True)
class Related:
    """A stored item, as it was when it was compared, and what stands between it and the new one.

    Attributes:
        older: whether the stored item is the older of the two.
    """

    item: Item
    relation: Relation
    older: bool


class Succeeding:
    """Finds and keeps the pairs of an item that is being stored."""

    def __init__(self, store: Store, meaning: Meaning) -> None:
        self._store = store
        self._meaning = meaning

    def related(self, item: Item, embedded: Embedded | None) -> list[Related]:
        """The stored items that ``item`` repeats or that stand in its succession, nearest first.

        A text from outside takes the place of nothing that is more trusted than itself.
        """
        if embedded is None or not len(embedded.vectors) or not _states(item):
            return []
        with self._store.reading():
            cosines = self._near(embedded)
            others = self._store.items(list(cosines))
        said, found = read(item.text), []
        for row, cosine in cosines.items():
            other = others.get(row)
            if other is None or other.row == item.row or not _comparable(item, other):
                continue
            older = _at(other) <= _at(item)
            theirs = read(other.text)
            newest, oldest = (item, other) if older else (other, item)
            dated = item.when is not None and other.when is not None
            pair = (said, theirs) if older else (theirs, said)
            what = relation(*pair, cosine, dated=dated)
            if what and may_follow(newest.trust, oldest.trust):
                found.append(Related(other, what, older))
        return found[:KEPT]

    def _near(self, embedded: Embedded) -> dict[int, float]:
        """Cosines of the items with the nearest passages, by row, nearest first."""
        near = dict(self._meaning.neighbours(embedded, NEIGHBOURS))
        owners = self._store.owners(list(near))
        found: dict[int, float] = {}
        for chunk, cosine in near.items():
            if cosine >= RELATED and chunk in owners:
                found.setdefault(owners[chunk], cosine)
        return found

    def link(self, items: Sequence[Item]) -> None:
        """Find and keep the pairs of items that had no vector when they were stored."""
        for item in items:
            vectors = self._store.vectors([item.row]).vectors
            related = self.related(item, Embedded(vectors)) if _live(item) else []
            if not related:
                continue
            with self._store.atomic():
                now = self._store.items([item.row]).get(item.row)
                if now is not None and now.digest == item.digest:
                    self.keep(item.row, related)

    def keep(self, row: int, related: Sequence[Related]) -> list[Related]:
        """Record the pairs of the item in this row, inside the transaction; returns what holds.

        What was erased or rewritten since it was compared is passed over.
        """
        now = self._store.items([one.item.row for one in related])
        held = [
            one
            for one in related
            if one.item.row in now and now[one.item.row].digest == one.item.digest
        ]
        pairs = [(row, one.item.row) if one.older else (one.item.row, row) for one in held]
        self._store.add_successions(
            [Succession(*pair, one.relation) for pair, one in zip(pairs, held, strict=True)]
        )
        return held


def settling(id: str, related: Sequence[Related]) -> str:
    """One sentence: the older memory a new one may replace or repeat, and the call that settles it.

    Args:
        id: of the new one.
    """
    for what in ("repeats", "supersedes", "may_supersede"):
        alike = [one for one in related if one.older and one.relation == what]
        if what != "may_supersede" or len(alike) == 1:  # several are a series, not an update
            for one in alike[:1]:
                name = f"{one.item.id} of {iso(_at(one.item))[:10]}{_quoted(one.item)}"
                if what == "repeats":
                    return f'Seems to repeat {name}; if so, forget(ids=["{id}"]).'
                return f'May replace {name}; if so, forget(ids=["{one.item.id}"]).'
    return ""


def marked(store: Store, hits: Sequence[tuple[int, Hit]]) -> list[Hit]:
    """Hits, each with the newest memory that took its place.

    One that cannot be recalled any more, or is less trusted by now, took nobody's place.

    Args:
        hits: row of each one's item, and the hit.
    """
    rows = [row for row, _ in hits]
    pairs = [pair for pair in store.successions(rows) if pair.relation == "supersedes"]
    followed = [pair for pair in pairs if pair.older in rows]
    if not followed:
        return [hit for _, hit in hits]
    items = store.items([pair.newer for pair in followed])
    trust = {row: hit.trust for row, hit in hits}
    newest: dict[int, Item] = {}
    for pair in followed:
        other, best = items.get(pair.newer), newest.get(pair.older)
        if other is None or not _live(other):
            continue
        if may_follow(other.trust, trust[pair.older]):
            newest[pair.older] = other if best is None or _at(best) <= _at(other) else best
    return [
        replace(hit, superseded_by=newest[row].id) if row in newest else hit for row, hit in hits
    ]


def _quoted(item: Item) -> str:
    if item.trust == "untrusted":  # its words are not ours to say
        return ""
    text = " ".join(item.text[: 2 * QUOTED].split())
    short = text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"
    return f" ({json.dumps(short, ensure_ascii=False)})"  # it cannot leave its quotes


def _states(item: Item) -> bool:
    """Whether an item says how things are: documents and an assistant's words do not."""
    return item.kind == "note" or (item.kind == "turn" and item.speaker != "assistant")


def _comparable(one: Item, two: Item) -> bool:
    same = one.speaker.casefold() == two.speaker.casefold()
    return same and _states(two) and _live(two)


def _live(item: Item) -> bool:
    return item.state in ("active", "compressed")


def _at(item: Item) -> float:
    return item.created_at if item.when is None else item.when
