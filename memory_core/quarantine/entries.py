"""Entries of the quarantine: sealed, bound to their scope, known again by a mark."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import Conflict, NotFound, StorageError
from ..ledger import Ledger
from ..lifecycle.reasons import said_again
from ..records import Quarantined
from ..storage.contract import Held, Store
from ..storage.ids import bare
from ..storage.vault import Vault


class Entries:
    """Seals, finds and opens what is held of one scope.

    A payload is bound to its id, scope and version: under another it cannot be opened.
    """

    def __init__(
        self, store: Store, vault: Vault, ledger: Ledger, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._vault = vault
        self._ledger = ledger
        self._clock = clock

    def ready(self) -> None:
        """Have the key at hand. It may ask the system's keyring: not under the writer lock."""
        self._vault.ready()

    def draw_up(
        self,
        id: str,
        what: str,
        said: str,
        payload: Mapping[str, Any],
        reason: str,
        context_type: str,
        origin: str,
        part_of: str,
    ) -> Held:
        """A sealed entry, not stored yet; the next version of what was held under this id."""
        before = self._store.held(id)
        version = 1 if before is None else before.version + 1
        plain = json.dumps(payload, ensure_ascii=True).encode()
        sealed = self._vault.seal(plain, self._binding(id, version))
        mark = self.mark(said)
        return Held(
            id, version, "held", what, context_type, reason, origin, self._clock(), part_of, mark,
            sealed,
        )  # fmt: skip

    def same(self, said: str) -> Held | None:
        """The entry that holds this text; the key is only asked for where anything is held."""
        if not self._store.any_held():
            return None
        try:
            return self._store.held_as(self.mark(said))
        except StorageError:  # the key is gone: nothing can be compared any more
            return None

    def has(self, ref: str) -> bool:
        """Whether an id is held at this moment."""
        held = self._store.held(bare(ref))
        return held is not None and held.state == "held"

    def get(self, ref: str) -> Held:
        """The entry of an id.

        Raises:
            NotFound: the id was never held.
            Conflict: it is not held any more.
        """
        held = self._store.held(bare(ref))
        if held is None:
            raise NotFound(f"Nothing is held as {ref[:40]!r}: routemem vault list names what is.")
        if held.state != "held" or held.sealed is None:
            raise Conflict(f"{held.id} is not held any more: it was {held.state}.")
        return held

    def opened(self, held: Held) -> Any:
        """The payload.

        Raises:
            StorageError: the key is gone.
        """
        assert held.sealed is not None
        return json.loads(self._vault.open(held.sealed, self._binding(held.id, held.version)))

    def mark(self, said: str) -> bytes:
        """What a text is known by without its words."""
        return self._vault.mark(said_again(said))

    def note(self, op: str, held: Held) -> None:
        """Leave an audit row, without content."""
        self._ledger.note(op, at=self._clock(), id=held.id, detail=held.what)

    def told(self, held: Held) -> Quarantined:
        """What may be said of an entry."""
        return Quarantined(
            held.id, self._store.scope, held.what, held.context_type, held.reason, held.origin,
            held.at, held.part_of,
        )  # fmt: skip

    def _binding(self, id: str, version: int) -> str:
        return f"{self._store.scope}\0{id}\0quarantine\0{version}"
