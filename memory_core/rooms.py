"""The rooms of a memory, each furnished with those it needs: the one place that builds them."""

import threading
from collections.abc import Callable

from .boards import Boards
from .caretaker import Caretaker
from .compressing import Compressing
from .deciding import Deciding
from .embedding.embedder import Embedder
from .embedding.heap import release_memory
from .factbook import FactBook
from .forgetting import Forgetting
from .intake import Intake
from .ledger import Ledger
from .lifecycle.models import Model, Models
from .meaning import Meaning
from .model_table import load_models
from .quarantine import Quarantine
from .reading import Reading
from .rebalancing import Rebalancing
from .recalling import Recalling
from .records import Receipt
from .remembering import Remembering
from .reviewing import Reviewing
from .settings import Settings
from .storage.backups import Backups
from .storage.contract import Store
from .storage.sqlite import SqliteStore
from .storage.vault import Vault
from .summarising import load_summariser
from .tending import Tending
from .text.tokens import TokenCounter
from .transfer import Transfer
from .turns import Turns
from .upkeep import Upkeep
from .withdrawal import Withdrawal


class Rooms:
    """What works behind the verbs of a `Memory`.

    Args:
        remember: the memory's own `remember`, by which turns are stored.
    """

    def __init__(
        self,
        store: Store,
        embedder: Callable[[], Embedder],
        settings: Settings,
        clock: Callable[[], float],
        counter: TokenCounter,
        remember: Callable[..., Receipt],
    ) -> None:
        self._settings = settings
        self._closing = threading.Event()
        self.ledger = Ledger(store, writes=not settings.read_only)
        self.meaning = Meaning(
            store, embedder, clock=clock,
            flat_until=settings.flat_until, target=settings.target_recall,
            writes=not settings.read_only,
        )  # fmt: skip
        self.intake = Intake(settings.screening, lambda text: self.vault.knows(text))
        self.remembering = Remembering(store, self.meaning, settings, counter, clock, self.intake)
        self.facts = FactBook(store, clock, self.intake)
        self.boards = Boards(store, clock, self.intake, self.models)
        self.turns = Turns(store, settings, counter, clock, remember)
        self.compressing = Compressing(
            store, self.meaning, self.remembering, self.ledger, counter, clock, self.intake,
            load_summariser(settings.summariser),
        )  # fmt: skip
        self.upkeep = Upkeep(
            store, self.meaning, self.remembering.succeeding, self.ledger, settings, clock,
            self._closing, _backups(store, settings, clock),
        )  # fmt: skip
        self.index = Rebalancing(self.meaning, self.ledger, clock, self._closing)
        seals = Vault(settings.key_path(), keyring=settings.keyring)
        self.vault = Quarantine(
            store, seals, self.remembering, self.facts, self.ledger, self.upkeep.erase_log, clock
        )
        items = Withdrawal(store, seals, self.remembering.revive, clock, settings.undo_days)
        self.forgetting = Forgetting(
            store, items, self.facts, self.boards, self.ledger, self.upkeep, clock
        )
        self.tending = Tending(
            store, self.compressing, self.forgetting, self.ledger, settings, self.model, clock
        )
        self.reviewing = Reviewing(store, settings, self.model, clock)
        self.deciding = Deciding(
            store, self.reviewing, self.compressing, self.forgetting, self.facts, self.tending,
            self.ledger, clock,
        )  # fmt: skip
        self.caretaker = Caretaker(self.upkeep.backfill, self._round, settings.flush_seconds)
        if settings.read_only:  # nothing to take care of: no thread
            self.caretaker.stop()
        self.recalling = Recalling(store, self.meaning, settings, counter, clock, self.facts.get)
        self.reading = Reading(
            store, self.meaning, self.recalling, self.ledger, self.caretaker, settings, clock
        )
        self.transfer = Transfer(
            store, self.remembering.revive, self.intake, self.vault.withheld, clock,
            lambda: self.caretaker.call(now=True),
        )  # fmt: skip

    def models(self) -> Models:
        """The table of language models, with the user's own file over it."""
        return load_models(self._settings.models_file)

    def model(self) -> Model:
        """The language model that reads this memory, as far as the settings say."""
        return self.models().find(self._settings.model)[0]

    def _round(self) -> bool:
        """A round of the caretaker; True when there must be another."""
        again = self.upkeep.round()
        self.tending.round()
        release_memory()  # many small calls leave the heap in pieces
        return again

    def close(self) -> None:
        """Stop what works in the background and flush what waits; the store stays open."""
        self._closing.set()
        self.caretaker.stop()
        self.ledger.flush()


def _backups(store: Store, settings: Settings, clock: Callable[[], float]) -> Backups | None:
    if not isinstance(store, SqliteStore) or store.db.path is None:
        return None
    return Backups(store, keep=settings.backup_keep, hours=settings.backup_hours, clock=clock)
