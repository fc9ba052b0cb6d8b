"""Compress: a short form is shown from now on, the whole text stays, found by all of its words."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from .abridging import PART, as_hit, beginning
from .course import ALONE, Course
from .draft import one_of
from .errors import Conflict, InvalidArgument, NotFound, SummariserError, Withheld
from .intake import Intake
from .ledger import Ledger
from .lifecycle.compression import SHARES, Shortened, shorten
from .lifecycle.plan import Policy, Subject, compressible, rank
from .meaning import Meaning
from .records import STRATEGIES, TRUST_ORDER, Compressed, Hit, Item
from .remembering import Remembering
from .storage.contract import Store
from .storage.ids import bare
from .summarising import Summariser
from .text.identity import clean
from .text.tokens import TokenCounter

log = logging.getLogger("routemem")
#: Fewest tokens a local model is given for a summary.
LEAST = 32
#: Most ids of one call.
MOST = 100
Maker = Literal["model", "extractive", "local"]


class Compressing:
    """What `Memory.compress` does to the items of one scope."""

    def __init__(
        self,
        store: Store,
        meaning: Meaning,
        remembering: Remembering,
        ledger: Ledger,
        counter: TokenCounter,
        clock: Callable[[], float],
        intake: Intake,
        summariser: Summariser | None = None,
    ) -> None:
        self._store = store
        self._meaning = meaning
        self._remembering = remembering
        self._ledger = ledger
        self._counter = counter
        self._clock = clock
        self._intake = intake
        self._summariser = summariser

    def compress(
        self, ids: Sequence[str], summary: str, strategy: str, course: Course = ALONE
    ) -> list[Compressed]:
        """See `Memory.compress`."""
        one_of("strategy", strategy, STRATEGIES)
        items = self.found(ids)
        outside = any(item.trust == "untrusted" for item in items)
        said = self._intake.text(clean(summary).strip(), untrusted=outside)
        if said and len(items) > 1:
            return [self._sum_up(items, said)]
        done: list[Compressed] = []
        for item in items:
            if course.stopped():
                break
            done.append(self._one(item, said, strategy))
            course.at(len(done), len(items))
        return done

    def candidates(self, max_tokens: int, policy: Policy) -> list[Hit]:
        """Items worth compressing, those given up first first, within a token budget.

        They come whole, but for those that are larger than the budget: of them the beginning.
        """
        now = self._clock()
        worth = [
            subject
            for subject in self._store.subjects(None)
            if not subject.pinned and compressible(subject, policy)
        ]
        chosen: list[Subject] = []
        room = max_tokens
        for subject in sorted(worth, key=lambda subject: rank(now, subject, policy)):
            price = subject.tokens if subject.tokens <= max_tokens else max_tokens // PART
            if price <= room:
                chosen.append(subject)
                room -= price
            if len(chosen) >= MOST:
                break
        found = (self._store.find(subject.id) for subject in chosen)
        hits = [as_hit(item, self._store.scope, score=0.0) for item in found if item]
        count = self._counter.count
        return [
            hit if hit.tokens <= max_tokens else beginning(hit, max_tokens, count) for hit in hits
        ]

    def found(self, ids: Sequence[str]) -> list[Item]:
        """The items of ids and keys, each once, if every one of them may be compressed.

        Raises:
            InvalidArgument: too many.
            NotFound: an id names nothing; nothing was changed.
            Conflict: one is pinned or archived; nothing was changed.
        """
        refs = list(dict.fromkeys(bare(ref) for ref in ids if bare(ref)))
        if len(refs) > MOST:
            raise InvalidArgument(f"{len(refs)} ids, at most {MOST} are accepted.")
        found = {ref: self._store.find(ref) for ref in refs}
        unknown = [repr(ref[:40]) for ref, item in found.items() if item is None]
        if unknown:
            raise NotFound(
                f"No memory {', '.join(unknown[:5])}. Nothing was changed. Find ids with recall."
            )
        items = {item.id: item for item in found.values() if item is not None}
        for item in items.values():
            check_compressible(item)
        return list(items.values())

    def short_form(self, id: str) -> Shortened | None:
        """The words a policy would show for an item; None when it is gone or nothing is saved."""
        item = self._store.find(id)
        if item is None:
            return None
        if item.summary and item.summary_tokens < item.tokens:
            return Shortened(item.summary, item.summary_tokens)
        short = self._by_model(item.text, "balanced")
        short = short or shorten(item.text, "balanced", self._counter.count)
        return short if short.tokens < item.tokens else None

    def _by_model(self, text: str, strategy: str) -> Shortened | None:
        """What the local model makes of a text; None without one, or when it is of no use."""
        if self._summariser is None:
            return None
        tokens = max(LEAST, int(SHARES[strategy] * self._counter.count(text)))
        try:
            said = self._intake.text(clean(self._summariser(text, tokens)).strip())
        except (SummariserError, Withheld) as error:
            log.warning("summarised by sentences of the text: %s", error)
            return None
        cost = self._counter.count(said)
        useful = bool(said) and cost < self._counter.count(text)
        return Shortened(said, cost, by="local") if useful else None

    def leave(self, id: str) -> None:
        """Remember of an item that nothing can be saved: its summary would cost what it costs."""
        with self._store.atomic():
            item = self._store.find(id)
            if item is not None and item.state == "active" and not item.summary:
                self._store.amend(replace(item, summary_tokens=item.tokens))

    def by_itself(self, id: str, short: Shortened, why: str) -> bool:
        """Compress an item for a policy; False when it was changed meanwhile."""
        with self._store.atomic():
            item = self._store.find(id)
            if item is None or item.pinned or item.state != "active":
                return False
            by = (item.summary == short.text and item.summary_by) or short.by
            self._store.amend(self._shortened(item, short.text, by, short.tokens))
            self._noted(item, f"{why}; {by} {item.tokens}>{short.tokens}", op="hygiene:compress")
        return True

    # ------------------------------------------------------------------ one item

    def _one(self, item: Item, summary: str, strategy: str) -> Compressed:
        by: Maker = "model" if summary else "extractive"
        note = ""
        if summary:
            tokens = self.check_summary(item, summary)
        else:
            made = self._by_model(item.text, strategy)
            short = made or shorten(item.text, strategy, self._counter.count)
            by = short.by
            summary, tokens = short.text, short.tokens
            if tokens >= item.tokens:
                why = "Too short to save anything: it stays as it is."
                return Compressed(item.id, "", item.tokens, item.tokens, note=why)
            if short.protected_won:
                note = (
                    f"Names, numbers, dates and addresses alone are more than {strategy} "
                    f"({SHARES[strategy]:g}) allows: all were kept."
                )
        with self._store.atomic():
            now = self._same(item)
            self._store.amend(self._shortened(now, summary, by, tokens))
            self._noted(item, f"{by} {item.tokens}>{tokens}")
        return Compressed(item.id, by, item.tokens, tokens, note=note)

    def check_summary(self, item: Item, summary: str) -> int:
        """Tokens of a summary that may be shown for an item; 0 for "".

        Raises:
            InvalidArgument: it is no shorter than the text.
        """
        tokens = self._counter.count(summary)
        if tokens >= item.tokens:
            raise InvalidArgument(
                f"The summary has {tokens} tokens and the text of {item.id} {item.tokens}: "
                "pass a shorter one. Nothing was changed."
            )
        return tokens

    # ------------------------------------------------------------------ several items

    def _sum_up(self, items: Sequence[Item], summary: str) -> Compressed:
        """One summary item that stands for several; it is trusted as the least trusted of them."""
        before = sum(item.tokens for item in items)
        draft = self._remembering.draft(
            summary, kind="summary", priority=max(item.priority for item in items), tags=(),
            source="assistant", speaker="", when=_only(item.when for item in items), pinned=False,
            metadata={}, key="",
        )  # fmt: skip
        if draft.tokens >= before:
            raise InvalidArgument(
                f"The summary has {draft.tokens} tokens and what it sums up {before}: pass a "
                "shorter one. Nothing was changed."
            )
        trust = min((item.trust for item in items), key=TRUST_ORDER.index)
        draft = replace(draft, trust=min(draft.trust, trust, key=TRUST_ORDER.index))
        chunks = self._remembering.cut(draft)
        vectors = self._meaning.embed(draft, chunks[:8])
        with self._store.atomic():
            now = [self._same(item) for item in items]
            receipt = self._remembering.place(draft, chunks, vectors, "")
            made = self._store.find(receipt.id)
            if made is None or made.row in {item.row for item in now}:
                raise Conflict(f"{receipt.id} holds exactly this text: name the others without it.")
            if made.trust != draft.trust:  # the same words were there: they gain no trust here
                least = min(made.trust, draft.trust, key=TRUST_ORDER.index)
                self._store.amend(replace(made, trust=least))
            self._store.link(made.id, [item.id for item in items])
            for item in now:
                self._store.amend(self._shortened(item, "", "", 0))
                self._noted(item, f"model, summed up in {made.id}")
        sources = tuple(item.id for item in items)
        return Compressed(made.id, "model", before, draft.tokens, sources)

    # ------------------------------------------------------------------ both

    def _same(self, item: Item) -> Item:
        """The item as it is now, inside the transaction, if it still is what was read."""
        now = self._store.find(item.id)
        if now is None or now.digest != item.digest:
            raise Conflict(f"{item.id} was changed meanwhile: recall it and try again.")
        check_compressible(now)
        return now

    def _shortened(self, item: Item, summary: str, by: str, tokens: int) -> Item:
        now = self._clock()
        return replace(
            item, state="compressed", summary=summary, summary_by=by, summary_tokens=tokens,
            updated_at=now,
        )  # fmt: skip

    def _noted(self, item: Item, detail: str, op: str = "compress") -> None:
        self._ledger.note(op, at=self._clock(), id=item.id, detail=detail)
        self._ledger.flush()  # in the same transaction: no change without its row


def check_compressible(item: Item) -> None:
    """Raise unless the item may be compressed.

    Raises:
        Conflict: it is pinned, archived or held back.
    """
    if item.pinned:
        raise Conflict(f"{item.id} is pinned, so it stays whole. Nothing was changed.")
    if item.state not in ("active", "compressed"):
        raise Conflict(
            f"{item.id} is {item.state}: bring it back first with forget, mode restore. "
            "Nothing was changed."
        )


def _only(times: Iterable[float | None]) -> float | None:
    """The time that all share, or None."""
    found = set(times)
    return found.pop() if len(found) == 1 else None
