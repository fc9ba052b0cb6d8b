"""Memory: one open scope. The place where the rooms meet."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .briefing import Briefing
from .course import ALONE, Course
from .deciding import Outcome
from .embedding.embedder import Embedder
from .embedding.lazy import LazyEmbedder
from .errors import Withheld
from .factbook import fact_key
from .lifecycle.actions import Action, Unread
from .lifecycle.budget import policy_of
from .lifecycle.models import Model
from .question import ask
from .records import (
    Compressed,
    Context,
    Fact,
    FactChange,
    Forgotten,
    Hit,
    Item,
    Logged,
    Quarantined,
    Recall,
    Receipt,
    Status,
    Utilisation,
)
from .reviewing import Review
from .rooms import Rooms
from .settings import Settings
from .storage.contract import Store
from .storage.sqlite import SqliteStore
from .text.tokens import TokenCounter


class Memory:
    """Everything one scope remembers. Safe to use from several threads and several processes.

    Args:
        store: where it is kept; closed with the memory.
        embedder: gives the embedding model, loading it on first use.
        settings: every tunable.
        clock: gives the time, seconds UTC.
        counter: counts tokens.

    Attributes:
        reading: the same as `recall`, for those who read several scopes.
        upkeep: what an operator does: collect, embed again, give back copies.
        tending: hygiene and budget: what the policy would do, and doing it.
        boards: tasks, agents, questions to a person.
        index: how the vectors lie, and changing it on purpose.
        vault: what is held in quarantine: list, show, release, purge. A person's decisions.
        transfer: export, import, emptying.
    """

    def __init__(
        self,
        store: Store,
        embedder: Callable[[], Embedder],
        *,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
        counter: TokenCounter | None = None,
    ) -> None:
        self.scope = store.scope
        self.store = store
        self.settings = settings or Settings()
        self.counter = counter or TokenCounter.load(self.settings.token_counter)
        self._clock = clock
        self._rooms = Rooms(store, embedder, self.settings, clock, self.counter, self.remember)
        self.reading = self._rooms.reading
        self.upkeep = self._rooms.upkeep
        self.tending = self._rooms.tending
        self.boards = self._rooms.boards
        self.index = self._rooms.index
        self.vault = self._rooms.vault
        self.transfer = self._rooms.transfer

    @classmethod
    def open(
        cls,
        path: str | Path | None,
        *,
        scope: str = "global",
        embedder: str | Embedder = "bundled",
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> "Memory":
        """Open one scope file (made if missing), or a memory that leaves no file with None.

        Several scopes in one folder, with ids that are unique across them: see `Scopes`.

        Raises:
            StorageError: the file cannot be used; its subclasses say why.
        """
        settings = settings or Settings()
        store = SqliteStore(
            None if path is None else Path(path),
            scope,
            "m",
            now=clock(),
            deadline=settings.write_deadline,
        )
        return cls(store, LazyEmbedder.of(embedder), settings=settings, clock=clock)

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Flush what waits and close the file. Safe to call twice."""
        try:
            self._rooms.close()
        finally:
            self.store.close()

    # ------------------------------------------------------------------ remember

    def remember(
        self,
        content: str,
        *,
        kind: str = "note",
        priority: int | None = None,
        tags: Sequence[str] = (),
        source: str = "assistant",
        speaker: str = "",
        when: str | float | None = None,
        pinned: bool | None = None,
        metadata: Mapping[str, Any] | None = None,
        id: str = "",
        key: str = "",
    ) -> Receipt:
        """Store one thing. Durable when this returns; the same thing twice is stored once.

        What must not be stored (a secret, hidden text, orders in a text from outside) is held in
        quarantine instead, and the receipt says so; see the setting ``screening``. The receipt also
        names what it seems to repeat and whose place it may take: nothing is merged by itself.

        Args:
            content: the text, any length up to ``settings.max_content`` bytes; kept as it is.
            priority: 0 to 10, 10 is kept longest; None: 5, or as what is replaced.
            pinned: never compressed, archived or deleted by a policy; None: not, or as what is
                replaced.
            when: when it happened: ISO text or seconds UTC.
            id: replace this item (an id or a key) instead of adding one; fields left at their
                defaults stay as they are.
            key: the caller's own name; a retry with the same key does not store twice, a new text
                under the same key replaces the old one.

        Raises:
            InvalidArgument: a field is outside what is accepted.
            NotFound: ``id`` names nothing.
            Conflict: the new text of ``id`` is already another item.
            WriteTimeout, DiskFull: nothing was stored.
        """
        stated = [
            n for n, given in (("priority", priority), ("pinned", pinned)) if given is not None
        ]
        try:
            item = self._rooms.remembering.draft(
                content, kind=kind, priority=5 if priority is None else priority, tags=tags,
                source=source, speaker=speaker, when=when, pinned=bool(pinned),
                metadata=metadata or {}, key=key,
            )  # fmt: skip
            item = self._rooms.remembering.in_place_of(item, id, stated)
        except Withheld as refused:
            return self.vault.receipt(refused, id, stated)
        if known := self._rooms.remembering.known(item, id):
            return known
        chunks = self._rooms.remembering.cut(item)
        embedded = self._rooms.meaning.embed(item, chunks[: self.settings.embed_at_once])
        related = self._rooms.remembering.succeeding.related(item, embedded)
        with self.store.atomic():
            receipt = self._rooms.remembering.place(item, chunks, embedded, id, stated, related)
            self._rooms.ledger.flush()
        if self.tending.wrote() or receipt.pending:
            self._rooms.caretaker.call(now=bool(receipt.pending))
        return receipt

    # ------------------------------------------------------------------ recall

    def recall(
        self,
        query: str = "",
        *,
        ids: Sequence[str] = (),
        top_k: int = 8,
        max_tokens: int = 1500,
        kinds: Sequence[str] = (),
        tags: Sequence[str] = (),
        speaker: str = "",
        since: str = "",
        until: str = "",
        threshold: float = 0.0,
        include_archived: bool = False,
        neighbours: int = 0,
        explain: bool = False,
        cursor: str = "",
        full: bool = False,
        cost: Callable[[Hit], int] | None = None,
    ) -> Recall:
        """Find what bears on a question, or read items by id, within a token budget.

        With ``ids`` their whole texts come, in pages; with neither ``ids`` nor ``query`` the
        newest items. Filters are exact and applied before ranking.

        Args:
            threshold: least cosine; 0 drops nothing.
            since: from this day or moment on (ISO); event time, else when it was stored.
            until: up to and including this day or moment.
            neighbours: turns before and after each hit that is a turn, 0 to 5.
            cursor: from the last reply to the same question.
            full: compressed items come with their own text, not with their summary.
            cost: tokens of a hit as its reader gets it; the bare text and a few by default.

        Raises:
            InvalidArgument: an argument is outside what is accepted.
        """
        asked = ask(
            query, ids=ids, top_k=top_k, max_tokens=max_tokens, kinds=kinds, tags=tags,
            speaker=speaker, since=since, until=until, threshold=threshold,
            include_archived=include_archived, neighbours=neighbours, explain=explain,
            cursor=cursor, full=full, scope=self.scope,
        )  # fmt: skip
        return self._rooms.reading.recall(asked, cost)

    # ------------------------------------------------------------------ conversation

    def log_turn(
        self,
        user: str,
        assistant: str = "",
        *,
        when: str | float | None = None,
        recall_top_k: int = 0,
        max_tokens: int = 1500,
        recall: Callable[..., Recall] | None = None,
    ) -> Logged:
        """Store an exchange word for word; it joins the turns a context always shows.

        Args:
            recall_top_k: also recall so many memories for the user's words, 0 to 50; never the
                exchange itself.
            max_tokens: of the augmented prompt made of them.
            recall: what finds them; this memory's own `recall` by default.

        Raises:
            InvalidArgument: the user said nothing, or a text is too long.
        """
        return self._rooms.turns.log(
            user, assistant, when=when, recall_top_k=recall_top_k, max_tokens=max_tokens,
            recall=recall or self.recall,
        )  # fmt: skip

    def recent(self) -> list[tuple[Item, str]]:
        """The turns a context always shows now, oldest first, each with the text it shows."""
        return self._rooms.turns.recent()

    def get_context(
        self,
        query: str = "",
        *,
        max_tokens: int = 3000,
        model: str = "",
        include: Sequence[str] = (),
        cost: Callable[[str], int] | None = None,
    ) -> Context:
        """A block of text for a prompt: facts, pinned, recent turns, what bears on the question.

        What is too long is cut; what finds no room is named in one line with its id.

        Args:
            query: the question; the newest memories without one.
            max_tokens: most tokens; never more than 0.85 of what the model can read.
            model: the model it is for; ``settings.model`` by default.
            include: only these: facts, pinned, recent, relevant, hints; all by default.
            cost: tokens of a text as its reader gets it; the bare text by default.

        Raises:
            InvalidArgument: an argument is outside what is accepted.
        """
        reader, note = self.reader(model)
        briefing = Briefing([self], self.get_facts, self.reading.found, self.counter)
        context = briefing.context(query, max_tokens, reader, include, cost)
        return replace(context, note=note)

    def reader(self, model: str = "") -> tuple[Model, str]:
        """The language model that reads this memory, and a warning when its name is unknown."""
        return self._rooms.models().find(model or self.settings.model)

    # ------------------------------------------------------------------ compress

    def compress(
        self,
        ids: Sequence[str],
        *,
        summary: str = "",
        strategy: str = "balanced",
        course: Course = ALONE,
    ) -> list[Compressed]:
        """Show items by a short form from now on; they are still found by all of their words.

        `forget` with mode ``restore`` undoes it. Several ids with one summary become one summary
        item that stands for all of them and is trusted as the least trusted of them.

        Args:
            ids: ids and keys, up to 100.
            summary: the words to show; without, telling sentences of each text are chosen.
            strategy: share of the tokens to keep when sentences are chosen: "aggressive" .1,
                "balanced" .25 or "conservative" .5. Names, numbers, dates and addresses are kept
                even where they alone are more.
            course: hears of each item; stopped, the others stay as they are.

        Raises:
            InvalidArgument: the summary is not shorter than what it sums up.
            NotFound: an id names nothing; nothing was changed.
            Conflict: an item is pinned, archived, or changed in this moment; nothing was changed.
            Withheld: the summary holds what must not be stored; nothing was changed.
        """
        done = self._rooms.compressing.compress(ids, summary, strategy, course)
        self._rooms.caretaker.call(now=bool(summary))
        return done

    def check_compressible(self, ids: Sequence[str]) -> None:
        """Raise unless every one names an item that may be compressed; as `compress` does."""
        self._rooms.compressing.found(ids)

    def compressible(self, *, max_tokens: int = 1500) -> list[Hit]:
        """Items worth compressing, those given up first first, within a token budget.

        They come whole, but for those that are larger than the budget: of them the beginning.
        """
        return self._rooms.compressing.candidates(
            max_tokens, policy_of(self.settings, self._rooms.model())
        )

    # ------------------------------------------------------------------ review

    def review(self, focus: str = "budget", *, limit: int = 20) -> Review:
        """Propose what to keep, delete, compress or promote, with reasons; changes nothing.

        Args:
            focus: "budget" (least needed first), "stale" (longest unread), "duplicates",
                "superseded" (a later memory speaks of a change) or "facts" (what could be one).
            limit: most proposals, 1 to 50.

        Raises:
            InvalidArgument: focus or limit is not accepted.
        """
        return self._rooms.reviewing.review(focus, limit)

    def apply_review(
        self,
        token: str,
        actions: Sequence[Action | Unread],
        *,
        dry_run: bool = False,
        move: Callable[[str, str], object],
    ) -> list[Outcome]:
        """Do what was decided about the memories of a review; each action is checked by itself.

        Args:
            token: of the review, for a day, in the process that gave it.
            dry_run: only tell what would be done.
            move: moves an item (id) into another scope (name): `Scopes.move`.

        Raises:
            Conflict: the token is not known here; nothing was changed.
        """
        done = self._rooms.deciding.apply(token, actions, dry_run=dry_run, move=move)
        self._rooms.caretaker.call()
        return done

    # ------------------------------------------------------------------ forget

    def forget(
        self, ids: Sequence[str], *, mode: str = "archive", reason: str = ""
    ) -> list[Forgotten]:
        """Hide (archive), bring back (restore), delete (undo for some days) or purge.

        ``delete`` and ``purge`` remove every plain byte from every file, whatever the number of
        copies. Forgetting what is gone already succeeds. A fact is named by its key: ``archive``
        ends what is true now and what was to come (the id of a statement: that one alone),
        ``delete`` and ``purge`` erase the key's whole history, without undo. A task, agent or
        question can only be erased, without undo.

        Args:
            ids: ids and keys of items, keys of facts or ids of their statements, ids of cards.

        Raises:
            NotFound: an id names nothing; nothing was changed.
            Conflict: a restore comes too late, or the text is stored again meanwhile.
        """
        done = self._rooms.forgetting.forget(ids, mode, reason)
        self._rooms.caretaker.call(now=mode == "restore")
        return done

    def now(self) -> float:
        """The time by this memory's clock, seconds UTC."""
        return self._clock()

    def check_known(self, ids: Sequence[str]) -> None:
        """Raise unless every one names an item, an item that was deleted, or a fact.

        Raises:
            NotFound: naming those that do not.
        """
        self._rooms.forgetting.check_known(ids)

    # ------------------------------------------------------------------ quarantine

    def quarantine(
        self,
        ids: Sequence[str] = (),
        *,
        content: str = "",
        reason: str,
        context_type: str = "sensitive",
    ) -> list[Quarantined]:
        """Take memories and facts out of everything until a person decides; `vault` has them.

        Their text stays only as ciphertext, under a key outside the data folder. What was derived
        from them is held with them.

        Args:
            ids: ids and keys of items, keys of facts.
            content: a text that must not be stored; what holds it already is taken out as well.
            reason: why; kept without the words of what is held.
            context_type: kind of content, a word.

        Raises:
            InvalidArgument: neither ids nor content.
            NotFound: an id names nothing; nothing was changed.
            StorageError: there is no place for a key; nothing was changed.
        """
        held = self.vault.take(ids, content, reason, context_type)
        self._rooms.caretaker.call()
        return held

    def release(self, id: str) -> list[Receipt]:
        """Put back what is held. Only for a person's answer.

        Raises:
            NotFound: the id was never held.
            Conflict: it is not held any more, or it is held with something else.
            StorageError: the key is gone; it can only be purged.
        """
        receipts = self.vault.release(id)
        self._rooms.caretaker.call(now=True)
        return receipts

    # ------------------------------------------------------------------ facts

    def set_fact(
        self,
        key: str,
        value: Any,
        *,
        confidence: float = 1.0,
        source: str = "assistant",
        valid_from: str | float | None = None,
    ) -> FactChange:
        """State that a key has a value, from now or from ``valid_from`` on.

        The old value stays in the history. The same value again raises the confidence. A
        statement about an earlier time closes the intervals it falls into.

        Args:
            value: any JSON value; keeps its type.

        Raises:
            InvalidArgument: key, value, confidence or source is not accepted.
            Conflict: it comes from outside and would end what does not; nothing was changed.
        """
        try:
            return self._rooms.facts.set(
                key, value, confidence=confidence, source=source, valid_from=valid_from
            )
        except Withheld as refused:
            return self.vault.fact_change(refused)

    def set_facts(self, facts: Sequence[Mapping[str, Any]]) -> list[FactChange]:
        """State several facts, all or none; each a mapping of arguments of `set_fact`.

        Raises:
            InvalidArgument: one is not accepted; nothing was recorded.
        """
        return self._rooms.facts.set_all(facts)

    def merge_facts(self, facts: Sequence[Fact]) -> int:
        """Take in the statements of another memory; at each time the newest is believed.

        Both histories are kept; statements that are known already change nothing.

        Args:
            facts: as another memory's ``store.facts()`` or `get_facts` with history gives them.

        Returns:
            How many statements are new here.

        Raises:
            Withheld: one holds what must not be stored; nothing was changed.
        """
        return self._rooms.facts.merge(facts)

    def get_facts(
        self,
        keys: Sequence[str] = (),
        *,
        history: bool = False,
        as_of: str | float | None = None,
        known_at: str | float | None = None,
    ) -> list[Fact]:
        """Facts by key, ordered by key and time; all with no keys.

        Args:
            keys: exact, or a prefix ending in ``*``.
            history: every believed statement, not only what is true at one time.
            as_of: what was true then (a day means its end); now by default.
            known_at: what was believed then.
        """
        return self._rooms.facts.get(keys, history=history, as_of=as_of, known_at=known_at)

    def get_fact(self, key: str, default: Any = None) -> Any:
        """The value that is true now, or ``default``."""
        facts = self._rooms.facts.get([fact_key(key)], history=False, as_of=None, known_at=None)
        return facts[0].value if facts else default

    # ------------------------------------------------------------------ upkeep

    def utilisation(self) -> Utilisation:
        """How much of the model's context the memory would fill now; cheap, nothing is scanned."""
        model = self._rooms.model()
        return Utilisation(self.store.shown(), model.context, model.trigger, model.name)

    def find(self, ref: str) -> Item | None:
        """The item of an id or key, every field; not counted as a read."""
        return self.store.find(ref)

    def note(self, op: str, *, ms: float, ok: bool) -> None:
        """Leave an audit row of a call: what, how long in milliseconds, whether it went well."""
        self._rooms.ledger.note(op, at=self._clock(), ms=ms, ok=ok)
        self._rooms.caretaker.call()

    def status(self) -> Status:
        """Counts, mode and sizes of this scope."""
        return self.upkeep.status(self.counter)
