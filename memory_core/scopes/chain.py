"""Several scopes read as one, nearest first: recall and facts over a chain."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from ..memory import Memory
from ..question import Question
from ..recalling import with_neighbours
from ..records import FACT, Fact, Hit, Recall
from ..retrieval.confidence import LEVELS
from ..retrieval.excerpt import excerpt
from ..retrieval.fence import trusted_first
from ..retrieval.packing import fit
from ..text.tokens import TokenCounter

#: Hits each scope brings at least, so that the scales of all of them are known.
DEPTH = 24
#: Tokens that no reply of one scope reaches: what is shown is cut when all are together.
UNBOUNDED = 1 << 40


class Chain:
    """Reads several open scopes; writes none.

    Args:
        memories: nearest first, each scope once.
    """

    def __init__(self, memories: Sequence[Memory], counter: TokenCounter) -> None:
        self._memories = memories
        self._counter = counter

    def recall(self, asked: Question, cost: Callable[[Hit], int] | None) -> Recall:
        """What all scopes know of a question, or their newest, in one order and one budget.

        The same text in two scopes is shown once, as the nearer one's.
        """
        reply = self.found(replace(asked, with_facts=True), cost)
        for memory in self._memories:
            memory.reading.count([hit for hit in reply.hits if hit.scope == memory.scope])
        return reply

    def found(self, asked: Question, cost: Callable[[Hit], int] | None) -> Recall:
        """The same, not counted as a read."""
        end = asked.skip + asked.top_k
        deep = replace(asked, skip=0, top_k=max(end + 1, DEPTH), max_tokens=UNBOUNDED, neighbours=0)
        found = [memory.reading.found(deep, lambda _: 0) for memory in self._memories]
        known = _nearest_facts(found)
        ranked = self._ranked(asked, found)
        page = ranked[asked.skip : end]
        spread = [*known, *self._with_neighbours(page, asked.neighbours)]
        kept = fit(
            spread, asked.max_tokens, cost or self._cost,
            lambda text, tokens: excerpt(text, asked.query, tokens, self._counter.count),
        )  # fmt: skip
        own = sum(not hit.neighbour_of and hit.kind != FACT for hit in kept)
        left = len(page) - own
        more = len(ranked) > end or any(reply.cursor for reply in found)
        cursor = asked.cursor(asked.skip + own) if own and (more or left) else ""
        weak = any(reply.hits for reply in found) and all(r.weak or not r.hits for r in found)
        last = self._memories[0].settings.untrusted_last
        return Recall(
            trusted_first(kept) if last else tuple(kept),
            _mode(found),
            next((reply.degraded for reply in found if reply.degraded), ""),
            left,
            cursor,
            sum(reply.stored for reply in found),
            weak=weak,
            facts=sum(reply.facts for reply in found) if weak or not kept else 0,
            archived=sum(reply.archived for reply in found) if len(kept) < asked.top_k else 0,
            routing=next((reply.routing for reply in found if reply.routing), {}),
            confidence=max((reply.confidence for reply in found), key=LEVELS.index, default=""),
        )

    def get_facts(
        self,
        keys: Sequence[str],
        *,
        history: bool,
        as_of: str | float | None,
        known_at: str | float | None,
    ) -> list[Fact]:
        """Facts by key; of a key that several scopes know, the nearest one's.

        Each says its scope and which farther ones it hides; with ``history`` every statement of
        every scope comes.
        """
        found: dict[str, list[Fact]] = {}
        for memory in self._memories:
            for fact in memory.get_facts(keys, history=history, as_of=as_of, known_at=known_at):
                found.setdefault(fact.key, []).append(replace(fact, scope=memory.scope))
        if history:
            return [fact for _, facts in sorted(found.items()) for fact in facts]
        return [
            replace(nearest, hides=tuple(fact.scope for fact in others))
            for _, (nearest, *others) in sorted(found.items())
        ]

    def _ranked(self, asked: Question, found: Sequence[Recall]) -> list[Hit]:
        groups = self._each_once(found)
        if not asked.query:
            newest = [hit for group in groups for hit in group]
            return sorted(newest, key=_time, reverse=True)
        # Each score is the chance that the hit is what was asked for, so they can be compared; of
        # equals the nearer scope's comes first.
        return sorted((hit for group in groups for hit in group), key=lambda hit: -hit.score)

    @staticmethod
    def _each_once(found: Sequence[Recall]) -> list[list[Hit]]:
        """The hits of each scope without those whose text a nearer scope has."""
        seen: set[tuple[str, str]] = set()
        groups = []
        for reply in found:
            items = [hit for hit in reply.hits if hit.kind != FACT]
            fresh = [hit for hit in items if (hit.kind, hit.text) not in seen]
            seen |= {(hit.kind, hit.text) for hit in fresh}
            groups.append(fresh)
        return groups

    def _with_neighbours(self, page: Sequence[Hit], n: int) -> list[Hit]:
        stores = {memory.scope: memory.store for memory in self._memories}
        shown = {hit.id for hit in page}
        spread: list[Hit] = []
        for hit in page:
            own, *around = with_neighbours(stores[hit.scope], [hit], n)
            spread += [own, *(other for other in around if other.id not in shown)]
            shown |= {other.id for other in around}
        return spread

    def _cost(self, hit: Hit) -> int:
        return self._counter.count(hit.text) + 12


def _nearest_facts(found: Sequence[Recall]) -> list[Hit]:
    """The facts the scopes bring; of a key that several know, the nearest one's."""
    facts = [hit for reply in found for hit in reply.hits if hit.kind == FACT]
    return list({hit.id: hit for hit in reversed(facts)}.values())[::-1]


def _time(hit: Hit) -> float:
    return hit.created_at if hit.when is None else hit.when


def _mode(found: Sequence[Recall]) -> Literal["hybrid", "lexical", "recent", "ids"]:
    return "hybrid" if any(reply.mode == "hybrid" for reply in found) else found[0].mode


def read_chain(default: str, declared: Sequence[str]) -> tuple[str, ...]:
    """The scopes to read, nearest first, each once: what is written to is always among them.

    A default scope that was not declared is read first; ``global``, as the widest, last.
    """
    if not declared or default in declared:
        chain = [*declared] or [default]
    else:
        chain = [*declared, default] if default == "global" else [default, *declared]
    return tuple(dict.fromkeys(chain))
