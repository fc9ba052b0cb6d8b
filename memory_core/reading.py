"""Reading memories: what bears on a question, or whole items by id; and counting the reads."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from .caretaker import Caretaker
from .ledger import Ledger
from .meaning import Meaning
from .question import Question
from .recalling import Recalling
from .records import Hit, Recall
from .retrieval.fence import trusted_first
from .settings import Settings
from .storage.contract import Store


class Reading:
    """Answers checked questions from one scope."""

    def __init__(
        self,
        store: Store,
        meaning: Meaning,
        recalling: Recalling,
        ledger: Ledger,
        caretaker: Caretaker,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._meaning = meaning
        self._recalling = recalling
        self._ledger = ledger
        self._caretaker = caretaker
        self._settings = settings
        self._clock = clock
        self._awake = False

    def recall(self, asked: Question, cost: Callable[[Hit], int] | None) -> Recall:
        """What there is for a question, counted as read."""
        if asked.ids:
            found = [(ref, self.whole(ref, full=asked.full)) for ref in asked.ids]
            return self.pages(asked, found, cost)
        reply = self.found(replace(asked, with_facts=True), cost)
        self.count(reply.hits)
        last = self._settings.untrusted_last
        return replace(reply, hits=trusted_first(reply.hits)) if last else reply

    def found(self, asked: Question, cost: Callable[[Hit], int] | None) -> Recall:
        """What there is for a question without ids; not counted."""
        vector = self._meaning.question(asked.query) if asked.query else None
        with self._store.reading():
            if not asked.query:
                return self._with_archive(self._recalling.newest(asked, cost), asked)
            reply = self._with_archive(self._recalling.search(asked, vector, cost), asked)
        if vector is not None and self._meaning.calibrates:
            self._ledger.keep_query(vector.vector, vector.model)
        return reply

    def _with_archive(self, reply: Recall, asked: Question) -> Recall:
        """The reply, with how many archived items it passed over when it has room for more."""
        if asked.where.archived or reply.left_out or len(reply.hits) >= asked.top_k:
            return reply
        return replace(reply, archived=self._store.count_archived())

    def count(self, hits: Sequence[Hit]) -> None:
        """Count a read of each of these items, and have the caretaker look in."""
        self._ledger.touch([hit.id for hit in hits], self._clock())
        # The first call of a process also embeds what an earlier one had to leave.
        self._caretaker.call(now=not self._awake)
        self._awake = True

    def whole(self, ref: str, *, full: bool = True) -> Hit | None:
        """The item of an id or key, counted as a read; None for neither.

        Args:
            full: a compressed one with its whole text; without, with what is shown for it.
        """
        hit = self._recalling.whole(ref, full=full)
        if hit is not None:
            self._ledger.touch([hit.id], self._clock())
            self._caretaker.call()
        return hit

    def pages(
        self,
        asked: Question,
        found: Sequence[tuple[str, Hit | None]],
        cost: Callable[[Hit], int] | None,
    ) -> Recall:
        """Items found by id, perhaps in several scopes, as pages within the budget."""
        return self._recalling.read(asked, found, cost)

    def lookup(self, text: str, *, kind: str = "") -> list[str]:
        """Ids of the items that hold exactly this text, without embedding anything.

        Args:
            kind: of this kind only; "" for any.
        """
        return self._recalling.lookup(text, kind)
