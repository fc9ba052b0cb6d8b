"""From a bundle into a store, some records at a time, so that others can write meanwhile."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, Any, TypeVar

from ..boards.board import body_of
from ..course import ALONE, Course
from ..draft import joined_metadata, joined_tags
from ..errors import Stopped, Withheld
from ..intake import Intake
from ..lifecycle.timelines import merge
from ..records import TRUST_ORDER, Fact, Item, Trust, Usage
from ..storage.contract import Card, Store
from ..storage.ids import tag_of
from ..text.identity import digest
from .bundle import Head, check
from .entries import entries, fact_of, item_of, tuples
from .exporting import BOARDS
from .schema import RECORDS

#: Records of one transaction; other writers come in between.
TOGETHER = 200
#: Records that name others: they are stored when those are.
LATER = ("fact", "link")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        scope: the scope that was exported.
        added: new items, facts, cards, by kind of line.
        merged: those that were there and took something over.
        known: those that were there already.
        forgotten: items that were deleted here and were not brought back.
        renamed: old id -> new id, of those whose id belongs to something else here.
        held: ids and keys of what must not be stored and was held back.
        distrusted: items that are trusted less than in the bundle.
    """

    scope: str
    added: Mapping[str, int]
    merged: int
    known: int
    forgotten: int
    renamed: Mapping[str, str]
    held: tuple[str, ...]
    distrusted: int


class Importing:
    """One import into one store.

    Args:
        revive: stores an item with its chunks.
        trust: the most an item is trusted afterwards.
        keep_ids: keep ids that other scopes give out, too.
        course: hears of the records that are stored; asked before each transaction.

    Attributes:
        withheld: what must not be stored, for those who hold it in quarantine.
    """

    def __init__(
        self,
        store: Store,
        revive: Callable[[Item], None],
        intake: Intake,
        now: float,
        trust: Trust,
        *,
        keep_ids: bool,
        course: Course = ALONE,
    ) -> None:
        self._store = store
        self._revive = revive
        self._intake = intake
        self.withheld: list[Withheld] = []
        self._held: list[str] = []
        self._now = now
        self._trust = trust
        self._keep_ids = keep_ids
        self._course = course
        self._done = self._total = 0
        self._added = dict.fromkeys(RECORDS, 0)
        self._merged = self._known = self._forgotten = self._distrusted = 0
        self._renamed: dict[str, str] = {}

    def restore(self, file: IO[bytes], checked: Head | None = None) -> Imported:
        """Check the whole bundle, then store it, memories before facts and links.

        Stopped or cut short by a full disk or a kill, what is in stays in; the same bundle again
        completes it, since what is there already is not stored twice.

        Raises:
            InvalidBundle: it is torn, changed, or no bundle; nothing was changed.
            Stopped: between two transactions.
            StorageError: the disk is full or another process writes for too long.
        """
        head = checked or check(file, self._course)
        self._total = head.records
        facts: dict[str, list[Fact]] = {}
        links: list[tuple[str, str]] = []
        for records in self._some(entries(file), lambda record: record[0] not in LATER):
            with self._store.atomic():
                for kind, said in records:
                    self._record(kind, said, facts, links)
        for keys in self._some(facts.items(), lambda key: len(key[1])):
            with self._store.atomic():
                taken = {fact.id for fact in self._store.facts()}
                for key, statements in keys:
                    self._facts(key, [self._led(fact) for fact in statements], taken)
        for pairs in self._some(links, lambda _: 1):
            with self._store.atomic():
                for derived, source in pairs:
                    self._link(self._now_named(derived), self._now_named(source))
        return Imported(
            head.scope, self._added, self._merged, self._known, self._forgotten, self._renamed,
            tuple(self._held), self._distrusted,
        )  # fmt: skip

    def _some(self, all: Iterable[T], weight: Callable[[T], int]) -> Iterator[list[T]]:
        """The same, as many at a time as go into one transaction.

        Args:
            weight: how many records each of them stores.
        """
        rest = iter(all)
        while some := list(islice(rest, TOGETHER)):
            if self._course.stopped():
                raise Stopped(
                    f"Stopped after {self._done} of {self._total} records: these are stored and "
                    "stay. The same import again completes it."
                )
            yield some
            self._done += sum(map(weight, some))
            self._course.at(self._done, self._total)

    def _record(
        self,
        kind: str,
        said: dict[str, Any],
        facts: dict[str, list[Fact]],
        links: list[tuple[str, str]],
    ) -> None:
        """Store a record, or keep it for later: a fact and a link name what must be there."""
        try:
            if kind == "link":
                links.append((said["derived"], said["source"]))
            else:
                self._take(kind, said, facts)
        except Withheld as refused:
            self.withheld.append(refused)
            self._held.append(said["key"] if kind == "fact" else said["id"])

    def _take(self, kind: str, said: dict[str, Any], facts: dict[str, list[Fact]]) -> None:
        if kind == "item":
            self._item(item_of(said))
        elif kind == "fact":
            fact = self._intake.fact(self._from_outside(fact_of(said)))
            facts.setdefault(fact.key, []).append(fact)
        elif kind == "usage":
            self._added["usage"] += self._store.keep_usage(Usage(**said))
        else:
            self._card(kind, said)

    # ------------------------------------------------------------------ items

    def _item(self, item: Item) -> None:
        held = self._store.held(item.id)
        if self._store.tombstone(item.id) or (held and held.state == "purged"):
            self._forgotten += 1
            return
        item = self._screened(self._capped(item))
        twin = self._store.twin(item.digest)
        same = self._store.find(item.id)
        if twin is not None:
            self._joined(twin, item)
        elif same is not None and _is_version(same, item):
            self._newer(same, item)
        else:
            free = same is None and self._is_ours(item.id)
            stored = replace(item, id=item.id if free else "", key=self._free_key(item.key))
            self._revive(stored)
            self._note_id("item", item.id, free, item.digest)

    def _from_outside(self, fact: Fact) -> Fact:
        """The fact; with a source that is trusted no more than this import is."""
        more = TRUST_ORDER.index(fact.trust) > TRUST_ORDER.index(self._trust)
        return replace(fact, source="import") if more else fact

    def _capped(self, item: Item) -> Item:
        trust = min(item.trust, self._trust, key=TRUST_ORDER.index)
        self._distrusted += trust != item.trust
        return replace(item, trust=trust)

    def _screened(self, item: Item) -> Item:
        """The item as it may be stored; its summary goes before it does."""
        twin = self._store.twin(item.digest)
        passed = self._intake.item(item, is_known=lambda: twin is not None)
        try:
            summary = self._intake.text(passed.summary)
        except Withheld:
            summary = ""
        passed = replace(passed, summary=summary)
        return replace(passed, digest=digest(passed))

    def _joined(self, twin: Item, item: Item) -> None:
        """The same text is here: its tags and metadata come together, the lower trust holds."""
        both = replace(
            twin,
            tags=joined_tags(twin.tags, item.tags),
            metadata=joined_metadata(item.metadata, twin.metadata),
            trust=min(twin.trust, item.trust, key=TRUST_ORDER.index),
            pinned=twin.pinned or item.pinned,
            key=twin.key or self._free_key(item.key),
            summary=twin.summary or item.summary,
        )
        if twin.id != item.id:
            self._renamed[item.id] = twin.id
        self._changed(both != twin)
        if both != twin:
            self._store.amend(both)

    def _newer(self, ours: Item, theirs: Item) -> None:
        """Two versions of one item: the one changed last stays."""
        newer = theirs.updated_at > ours.updated_at
        self._changed(newer)
        if newer:
            trust = min(ours.trust, theirs.trust, key=TRUST_ORDER.index)
            key = theirs.key if theirs.key == ours.key else self._free_key(theirs.key)
            self._store.erase(ours.row)
            self._revive(replace(theirs, row=ours.row, trust=trust, key=key))

    def _free_key(self, key: str) -> str:
        return "" if key and self._store.find(key) else key

    # ------------------------------------------------------------------ facts and cards

    def _led(self, fact: Fact) -> Fact:
        """The fact with the id that the item it came from has here."""
        return replace(fact, item=self._now_named(fact.item))

    def _now_named(self, id: str) -> str:
        return self._renamed.get(id, id)

    def _facts(self, key: str, theirs: list[Fact], taken: set[str]) -> None:
        """Take in the statements of a key.

        Args:
            taken: ids that facts have here; those of the new ones are added.
        """
        ours = self._store.facts([key])
        # A timeline that is new here comes as it was, ids and all.
        change = merge(ours, theirs, self._now)
        for fact in change.retire:
            self._store.retire_fact(fact.row, max(self._now, fact.recorded_at))
        for fact in change.add:
            own = tag_of(fact.id) == self._store.meta("tag")
            free = own and fact.id not in taken
            stored = self._store.add_fact(replace(fact, id=fact.id if free else "", row=0))
            taken.add(stored.id)
            self._store.keep_ids([stored.id])
        self._added["fact"] += len(change.add)
        self._known += len(theirs) - sum(bool(fact.id) for fact in change.add)

    def _card(self, kind: str, said: dict[str, Any]) -> None:
        board = next(board for board, (name, _) in BOARDS.items() if name == kind)
        made = RECORDS[kind](**tuples(said))
        if kind == "task":
            before = tuple(map(self._now_named, made.dependencies))
            made = replace(made, dependencies=before)
        body = self._intake.value(body_of(made))
        there = self._store.card(made.id)
        same = there is not None and there.board == board and there.created_at == made.created_at
        alike = self._alike(board, body, made.created_at)
        if there is not None and same:
            newer = made.updated_at > there.updated_at
            self._changed(newer)
            if newer:
                self._put(board, made, body, made.id)
        elif alike is not None:
            self._renamed[made.id] = alike.id
            self._known += 1
        else:
            free = there is None and self._is_ours(made.id) and not self._store.find(made.id)
            stored = self._put(board, made, body, made.id if free else "")
            self._store.keep_ids([stored.id])
            self._added[kind] += 1
            if not free:
                self._renamed[made.id] = stored.id

    def _link(self, derived: str, source: str) -> None:
        fresh = source not in self._store.sources([derived]).get(derived, ())
        if fresh and self._store.find(derived):
            self._store.link(derived, [source])
            self._added["link"] += 1

    def _put(self, board: str, made: Any, body: Mapping[str, Any], id: str) -> Card:
        return self._store.put_card(Card(board, body, id, made.created_at, made.updated_at))

    def _alike(self, board: str, body: Mapping[str, Any], created_at: float) -> Card | None:
        """The same card under another id: of an agent, the one of this name."""
        for card in self._store.cards(board):
            if board == "agents":
                if str(card.body["name"]).casefold() == str(body["name"]).casefold():
                    return card
            elif card.created_at == created_at and card.body == body:
                return card
        return None

    # ------------------------------------------------------------------ ids

    def _is_ours(self, id: str) -> bool:
        """Whether an id is one that this scope gives out, or will be registered as moved here."""
        return self._keep_ids or tag_of(id) == self._store.meta("tag")

    def _note_id(self, kind: str, id: str, free: bool, mark: bytes) -> None:
        self._added[kind] += 1
        if free:
            self._store.keep_ids([id])
        elif found := self._store.twin(mark):
            self._renamed[id] = found.id

    def _changed(self, something: bool) -> None:
        self._merged += something
        self._known += not something


def _is_version(one: Item, other: Item) -> bool:
    """Whether two items of one id are versions of one: ids of two folders may be alike."""
    return one.created_at == other.created_at
