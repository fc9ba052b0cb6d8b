"""The steps of a recall between the question and the reply."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias, cast

from .abridging import abridged, as_hit
from .draft import one_of
from .meaning import Asked, Meaning
from .question import Question
from .records import FACT, KINDS, Fact, Hit, Item, Kind, Recall
from .retrieval.confidence import level
from .retrieval.excerpt import excerpt
from .retrieval.fact_keys import asked_words, matching_keys
from .retrieval.lines import fact_text
from .retrieval.packing import cut_to, fit
from .retrieval.ranking import Candidate
from .searching import Searching
from .settings import Settings
from .storage.contract import Store
from .succeeding import marked
from .text.identity import clean, digest
from .text.tokens import TokenCounter, truncate

#: A cosine below this says that two texts have nothing to do with each other.
WEAK = 0.2
#: Facts that stand before the memories at the most.
FACTS = 3
Mode: TypeAlias = Literal["hybrid", "lexical", "recent"]
Cost: TypeAlias = Callable[[Hit], int]


class Recalling:
    """Search, list or read, and fit what was found to the budget."""

    def __init__(
        self,
        store: Store,
        meaning: Meaning,
        settings: Settings,
        counter: TokenCounter,
        clock: Callable[[], float],
        facts: Callable[[Sequence[str]], list[Fact]],
    ) -> None:
        self._store = store
        self._facts = facts
        self._searching = Searching(store, meaning, settings, clock)
        self._meaning = meaning
        self._settings = settings
        self._counter = counter

    def search(self, asked: Question, question: Asked | None, cost: Cost | None) -> Recall:
        """By meaning and by words; by words alone without a vector."""
        found = self._searching.search(asked, question)
        best, near = found.candidates, found.by_meaning
        end = asked.skip + asked.top_k
        hits = load_hits(
            self._store, best[asked.skip : end], explain=asked.explain, full=asked.full
        )
        mode: Mode = "hybrid" if near else "lexical"
        known = self._known_facts(asked)
        reply = self._reply(
            asked, [*known, *hits], len(best) > end, mode, cost, stored=found.stored
        )
        weak = not known and all(_is_weak(candidate) for candidate in best[: asked.top_k])
        reply = replace(
            reply,
            degraded="" if near else self._meaning.degraded or "the model was changed meanwhile",
            routing=found.routing if asked.explain else {},
            confidence="high" if known else level(found.chance, weak=weak),
            chance=found.chance,
            weak=weak and bool(best),
        )
        if reply.weak or not hits:
            reply = replace(reply, facts=self._store.count_facts())
        return reply

    def _known_facts(self, asked: Question) -> list[Hit]:
        """The facts a question asks for by their keys; they stand before everything else."""
        if not asked.with_facts or asked.where.restricts or asked.skip:
            return []
        keys = matching_keys(self._store.fact_keys(asked_words(asked.query)), asked.query)[:FACTS]
        facts = self._facts(keys) if keys else []
        return [
            fact_hit(fact, self._store.scope)
            for fact in sorted(facts, key=lambda f: keys.index(f.key))
        ]

    def newest(self, asked: Question, cost: Cost | None) -> Recall:
        """The newest items, when nothing is asked."""
        rows = self._store.newest(asked.where, asked.top_k + 1, asked.skip)
        found = self._store.items(rows[: asked.top_k])
        chosen = [found[row] for row in rows[: asked.top_k]]
        hits = marked(
            self._store,
            [
                (item.row, as_hit(item, self._store.scope, score=0.0, full=asked.full))
                for item in chosen
            ],
        )
        more, stored = len(rows) > asked.top_k, self._store.count_items()
        return self._reply(asked, hits, more, "recent", cost, stored=stored)

    def read(
        self, asked: Question, found: Sequence[tuple[str, Hit | None]], cost: Cost | None
    ) -> Recall:
        """Whole texts by id, in pages.

        Args:
            found: each asked id and what it names, which may lie in another scope.
        """
        missing = tuple(ref for ref, hit in found if hit is None)
        everything = [hit for _, hit in found]
        pages, cursor = read_pages(everything, asked, cost or self._cost, self._shorten)
        left = sum(hit is not None for hit in everything[asked.skip :]) - len(pages)
        return Recall(tuple(pages), "ids", "", left, cursor, self._store.count_items(), missing)

    def whole(self, ref: str, *, full: bool) -> Hit | None:
        """The item of an id or key as a hit with its whole text, or the summary shown for it."""
        item = self._store.find(ref)
        if item is None:
            return None
        hit = as_hit(item, self._store.scope, score=1.0, full=full)
        (hit,) = marked(self._store, [(item.row, hit)])
        return abridged(self._store, [hit], full=full)[0]

    def lookup(self, text: str, kind: str) -> list[str]:
        """See `Memory.lookup`."""
        kinds = [one_of("kind", kind, KINDS)] if kind else KINDS
        plain = clean(text)
        alike = [self._store.twin(digest(Item(plain, kind=cast(Kind, name)))) for name in kinds]
        found = [item for item in alike if item] + self._store.holding(plain)
        return list(dict.fromkeys(item.id for item in found if item.kind in kinds))

    def _reply(
        self,
        asked: Question,
        hits: list[Hit],
        more: bool,
        mode: Mode,
        cost: Cost | None,
        *,
        stored: int,
    ) -> Recall:
        spread = with_neighbours(self._store, hits, asked.neighbours, full=asked.full)
        spread = abridged(self._store, spread, full=asked.full)
        kept = fit(
            spread, asked.max_tokens, cost or self._cost,
            lambda text, tokens: excerpt(text, asked.query, tokens, self._counter.count),
        )  # fmt: skip
        facts = sum(hit.kind == FACT for hit in hits)
        own = sum(not hit.neighbour_of and hit.kind != FACT for hit in kept)
        left = len(hits) - facts - own
        cursor = asked.cursor(asked.skip + own) if own and (more or left) else ""
        return Recall(tuple(kept), mode, "", left, cursor, stored)

    def _cost(self, hit: Hit) -> int:
        return self._counter.count(hit.text) + 12

    def _shorten(self, text: str, tokens: int) -> str:
        return truncate(text, tokens, self._counter.count)


def fact_hit(fact: Fact, scope: str) -> Hit:
    """A fact as a hit: its id is its key, by which every fact tool knows it."""
    return Hit(
        id=fact.key,
        text=fact_text(fact),
        score=fact.confidence,
        kind=FACT,
        scope=scope,
        origin=fact.source,
        trust=fact.trust,
        when=fact.valid_from,
        created_at=fact.recorded_at,
    )


def _is_weak(candidate: Candidate) -> bool:
    return (
        not candidate.signals["words"] and candidate.cosine is not None and candidate.cosine < WEAK
    )


def load_hits(
    store: Store, chosen: Sequence[Candidate], *, explain: bool, full: bool = False
) -> list[Hit]:
    """Candidates as hits, with the passage that matched; those gone meanwhile are left out."""
    items = store.items([c.item for c in chosen])
    chunks = store.chunks([c.chunk for c in chosen])
    hits: list[tuple[int, Hit]] = []
    for candidate in chosen:
        item, chunk = items.get(candidate.item), chunks.get(candidate.chunk)
        if item is None or chunk is None or item.state not in ("active", "compressed", "archived"):
            continue
        hit = as_hit(
            item, store.scope, score=candidate.score, chunk=chunk, full=full,
            cosine=candidate.cosine, signals=candidate.signals if explain else {},
        )  # fmt: skip
        hits.append((item.row, hit))
    return marked(store, hits)


def with_neighbours(store: Store, hits: Sequence[Hit], n: int, *, full: bool = False) -> list[Hit]:
    """Each hit that is a turn, followed by the turns around it; none comes twice."""
    if not n:
        return list(hits)
    shown = {hit.id for hit in hits}
    spread: list[Hit] = []
    for hit in hits:
        spread.append(hit)
        item = store.find(hit.id) if hit.kind == "turn" else None
        around = store.items(store.neighbours(item, n)) if item else {}
        near = [
            (row, as_hit(other, store.scope, score=0.0, full=full))
            for row, other in sorted(around.items())
            if other.id not in shown
        ]
        for turn in marked(store, near):
            shown.add(turn.id)
            spread.append(replace(turn, neighbour_of=hit.id))
    return spread


def read_pages(
    found: Sequence[Hit | None], asked: Question, cost: Cost, cut: Callable[[str, int], str]
) -> tuple[list[Hit], str]:
    """Whole texts, one after the other, as far as the budget goes, and the cursor to go on from."""
    pages: list[Hit] = []
    room = asked.max_tokens
    for number, hit in enumerate(found[asked.skip :], start=asked.skip):
        if hit is None:  # counted, so that a page is not lost when one goes between two calls
            continue
        offset = asked.offset if number == asked.skip else 0
        rest = replace(hit, text=hit.text[offset:], whole=offset == 0, offset=offset)
        shown = rest if cost(rest) <= room else cut_to(rest, room, cost, cut)
        if shown is None:  # without a page of its own a cursor would be followed for ever
            return pages, asked.cursor(number, offset) if pages else ""
        pages.append(shown)
        room -= cost(shown)
        if len(shown.text) < len(rest.text):
            return pages, asked.cursor(number, offset + len(shown.text))
    return pages, ""
