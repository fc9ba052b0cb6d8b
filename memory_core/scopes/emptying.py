"""Emptying a scope: at a person's or model's confirmed word, or when a session is over.

What was in it can be brought back for some days: until then a bundle of it lies in the scope's own
file, sealed like every deleted memory, and worth nothing without the key.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import Conflict
from ..memory import Memory
from ..storage.clearing import is_spent
from ..storage.contract import Tombstone
from ..storage.files import remove
from ..storage.ids import make_id
from ..storage.sqlite import SqliteStore
from ..storage.vault import Vault
from ..transfer.importing import Imported

DAY = 86_400.0
HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class Emptied:
    """What emptying did.

    Attributes:
        items: memories there were.
        undo_until: until when all of it can be brought back, seconds UTC; None for never.
        erasure: "done", or "pending" while a reader holds the log or a backup cannot be removed.
    """

    scope: str
    items: int
    undo_until: float | None
    erasure: str


def confirmation(memory: Memory) -> str:
    """The word that confirms emptying the scope as it is now; another one after any change."""
    seen = f"{memory.scope}\0{memory.store.meta('store')}\0{memory.store.changes(0).seq}"
    facts = f"{memory.store.last_write()}\0{memory.store.count_facts()}"
    return hashlib.sha256(f"{seen}\0{facts}".encode()).hexdigest()[:8]


def clear(memory: Memory, confirm: str) -> Emptied:
    """Erase everything in a scope but what is held in quarantine.

    Args:
        confirm: what `confirmation` gave.

    Raises:
        Conflict: the word is another one: something was written meanwhile, or it was made up.
    """
    if confirm.strip().lower() != confirmation(memory):
        raise Conflict(
            f"{confirm[:20]!r} does not confirm clearing {memory.scope} as it is now; nothing was "
            "changed. Ask for the confirmation again without one, and tell the user what would go."
        )
    done = _empty(memory, "clear_scope", lambda: True)
    assert done is not None
    return done


def is_over(memory: Memory, now: float) -> bool:
    """Whether a session was last written to longer ago than the settings keep it."""
    hours = memory.settings.session_hours
    if not memory.scope.startswith("session:") or not hours:
        return False
    last = memory.store.last_write()
    return bool(last) and now - last >= hours * HOUR


def expire(memory: Memory, now: float) -> Emptied | None:
    """Empty a session that is over; None when it is not."""
    if not is_over(memory, now):
        return None
    return _empty(memory, "session_expired", lambda: is_over(memory, now))


def discard(memory: Memory, now: float) -> bool:
    """Remove the file of a session that has long been empty; False when it has not, or cannot be.

    Whoever has it open makes a new one at the next call.
    """
    store = memory.store
    hours = memory.settings.session_hours
    if not (memory.scope.startswith("session:") and hours and isinstance(store, SqliteStore)):
        return False
    store.drop_expired(now)
    before = now - hours * HOUR
    if store.db.path is None or not is_spent(store.db, before):
        return False
    with store.atomic():  # nobody writes meanwhile
        return is_spent(store.db, before) and remove(store.db.path)


def bring_back(memory: Memory) -> Imported:
    """Undo the last emptying, as far as it is not over; what was written since then stays.

    Raises:
        Conflict: nothing was emptied, or the time to undo it is over.
        StorageError: the key is gone.
    """
    grave = memory.store.tombstone(_grave(memory))
    if grave is None or grave.sealed is None:
        raise Conflict(f"{memory.scope}: there is nothing to bring back, or its time is over.")
    bundle = _vault(memory).open(grave.sealed, _binding(memory))
    done = memory.transfer.restore(io.BytesIO(bundle), keep_ids=True)
    with memory.store.atomic():
        memory.store.unbury(grave.id)
    return done


def _empty(memory: Memory, op: str, still: Callable[[], bool]) -> Emptied | None:
    vault = _vault(memory)
    vault.ready()  # may ask the system's keyring: not while the writer lock is held
    now = memory.now()
    until = now + memory.settings.undo_days * DAY
    with memory.store.atomic():
        if not still():
            return None  # another process wrote to it in this moment
        bundle = io.BytesIO()
        memory.transfer.export(bundle)
        sealed = vault.seal(bundle.getvalue(), _binding(memory))
        items = memory.store.clear()
        memory.store.bury(Tombstone(_grave(memory), "emptied", until, sealed), now)
        memory.store.note([(now, op, "", 0.0, True, f"{items} memories")])
    return Emptied(memory.scope, items, until, memory.upkeep.erase_log().word)


def _grave(memory: Memory) -> str:
    return make_id(memory.store.meta("tag") or "m", 0)  # counts begin at 1


def _binding(memory: Memory) -> str:
    return f"{memory.scope}\0bundle"


def _vault(memory: Memory) -> Vault:
    return Vault(memory.settings.key_path(), keyring=memory.settings.keyring)
