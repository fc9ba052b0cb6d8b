"""Exchanges as they are said: stored, kept recent for a while, looked over for facts."""

import secrets
from collections.abc import Callable, Sequence

from .abridging import has_short_form
from .draft import whole_text
from .errors import InvalidArgument
from .lifecycle.candidates import candidates
from .lifecycle.recent import Entry, Kept, RecentPolicy, manage, shorten
from .question import MAX_QUERY, MAX_TOP_K
from .records import Hit, Item, Logged, Recall, Receipt
from .retrieval.context import SUMMARY
from .retrieval.prompt import augmented
from .settings import Settings
from .storage.contract import Store
from .text.identity import clean
from .text.tokens import TokenCounter

#: Where the number of exchanges since the last thorough look is kept.
EXCHANGES = "recent_exchanges"
#: Memories that are brought for a prompt to be filled from, tokens; each is cut to its room later.
PLENTY = 25_000
#: What stands in a prompt for words that must not be stored.
HELD = "(held back)"


class Turns:
    """What `log_turn` does, and the recent turns of one scope.

    Args:
        remember: stores one turn, as `Memory.remember`.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        counter: TokenCounter,
        clock: Callable[[], float],
        remember: Callable[..., Receipt],
    ) -> None:
        self._store = store
        self._counter = counter
        self._clock = clock
        self._remember = remember
        self._max_bytes = settings.max_content
        self.policy = RecentPolicy.of(settings)

    def log(
        self,
        user: str,
        assistant: str,
        *,
        when: str | float | None,
        recall_top_k: int,
        max_tokens: int,
        recall: Callable[..., Recall],
    ) -> Logged:
        """See `Memory.log_turn`."""
        if not 0 <= recall_top_k <= MAX_TOP_K:
            raise InvalidArgument(f"recall_top_k is {recall_top_k}, expected 0 to {MAX_TOP_K}.")
        if not 16 <= max_tokens <= PLENTY:
            raise InvalidArgument(f"max_tokens is {max_tokens}, expected 16 to {PLENTY:,}.")
        words = [("user", user), *([("assistant", assistant)] if assistant.strip() else [])]
        for who, text in words:  # all of an exchange is stored or nothing
            whole_text(who, text, self._max_bytes)
        # Before it is stored: an exchange is never found for itself.
        hits = _bearing_on(user, recall_top_k, recall) if recall_top_k else []
        when = self._clock() if when is None else when  # said again is said twice
        receipts = [
            self._remember(text, kind="turn", speaker=who, source=who, when=when)
            for who, text in words
        ]
        kept = self._keep([receipt.id for receipt in receipts if receipt.status != "held"])
        said = self._store.find(receipts[0].id)  # as it was let in; None if it was held back
        prompt, shown = "", hits
        if recall_top_k:
            asked = said.text if said else HELD
            prompt, shown = augmented(
                asked, hits, max_tokens, self._counter.count, secrets.token_hex(4)
            )
        return Logged(
            tuple(receipt.id for receipt in receipts),
            tuple(candidates(said.text)) if said else (),
            tuple(shown),
            prompt,
            len(kept.stay),
            kept.tokens,
            kept.leave,
            _note(receipts, kept, self.policy),
        )

    def recent(self) -> list[tuple[Item, str]]:
        """The recent turns at this moment, oldest first, each with the text to show. No write."""
        found = {item.id: item for item, _ in self._store.recent()}
        kept = manage(self._entries(), self._clock(), self.policy, self._counter.count)
        stay = [(found[entry.id], entry) for entry in kept.stay if entry.id in found]
        return [(item, self._shown(item, entry)) for item, entry in stay]

    def _shown(self, item: Item, entry: Entry) -> str:
        text = shorten(entry.text, self.policy) if entry.shortened else entry.text
        return text + SUMMARY if has_short_form(item) else text

    def _keep(self, ids: Sequence[str]) -> Kept:
        """Take turns into the buffer and let go what its limits say, in one transaction."""
        with self._store.atomic():
            rows = {item.id: item.row for item, _ in self._store.recent()}
            short = {item.row: shortened for item, shortened in self._store.recent()}
            for id in ids:
                item = self._store.find(id)
                if item is not None:  # one that was held back is nobody's to show
                    rows[id] = item.row
            self._store.set_recent([(row, short.get(row, False)) for row in rows.values()])
            exchanges = int(self._store.meta(EXCHANGES) or 0) + 1
            thorough = exchanges >= self.policy.manage_every
            kept = manage(
                self._entries(), self._clock(), self.policy, self._counter.count, thorough=thorough
            )
            self._store.set_recent([(rows[entry.id], entry.shortened) for entry in kept.stay])
            self._store.set_meta(EXCHANGES, str(0 if thorough else exchanges))
        return kept

    def _entries(self) -> list[Entry]:
        return [
            Entry(
                id=item.id,
                text=item.summary if has_short_form(item) else item.text,
                tokens=item.summary_tokens if has_short_form(item) else item.tokens,
                at=item.created_at if item.when is None else item.when,
                accessed_at=item.accessed_at,
                access_count=item.access_count,
                priority=item.priority,
                shortened=shortened,
            )
            for item, shortened in self._store.recent()
        ]


def _bearing_on(user: str, top_k: int, recall: Callable[..., Recall]) -> list[Hit]:
    said = clean(user).strip()
    found = recall(said[:MAX_QUERY], top_k=top_k, max_tokens=PLENTY)
    return [hit for hit in found.hits if hit.text.strip() != said]


def _note(receipts: Sequence[Receipt], kept: Kept, policy: RecentPolicy) -> str:
    notes = list(dict.fromkeys(receipt.note for receipt in receipts if receipt.note))
    if kept.warning:
        notes.append(f"The recent turns have {kept.tokens:,} tokens; above {policy.max_tokens:,} "
                     "the oldest leave.")  # fmt: skip
    return " ".join(notes)
