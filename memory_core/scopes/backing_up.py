"""Backing up the scopes of a data folder, and putting one back, even where its file is damaged."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import DamagedFile, InvalidArgument
from ..memory import Memory
from ..storage.backups import Backup, Backups
from ..storage.opening import settle
from ..storage.sqlite import SqliteStore
from .several import Scopes


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        backup: what the scope holds now.
        replaced: what it held before, kept as a backup; None when that could not be read.
        damaged: name under which a damaged file was set aside; "" when it was whole.
    """

    scope: str
    backup: Backup
    replaced: Backup | None
    damaged: str = ""


def back_up(scopes: Scopes, names: Sequence[str]) -> list[tuple[str, Backup]]:
    """Back up scopes now.

    Raises:
        NotFound: there is no such scope.
        StorageError: a backup cannot be written.
    """
    done = []
    for name in names:
        made = backups_of(scopes.look(name)).make()
        if made is not None:
            done.append((name, made))
    return done


def restore(scopes: Scopes, scope: str = "", name: str = "") -> Restored:
    """Put a backup in the place of a scope; see `Backups.restore`.

    Args:
        name: of the backup; the newest for "".

    Raises:
        NotFound: there is no such backup.
        StorageError: the backup does not pass its check; nothing was changed.
    """
    damaged = ""
    try:
        memory = scopes.open(scope)
    except DamagedFile as error:  # it is set aside now, and a new file can be made
        damaged = error.kept_as.name
        memory = scopes.open(scope)
    backups = backups_of(memory)
    backup = backups.find(name)
    replaced = backups.restore(backup)
    if isinstance(memory.store, SqliteStore):
        settle(memory.store, scopes.registry)
    return Restored(memory.scope, backup, None if damaged else replaced, damaged)


def backups_of(memory: Memory) -> Backups:
    """The backups of an open scope.

    Raises:
        InvalidArgument: nothing was ever stored in it.
    """
    if memory.upkeep.backups is None:
        raise InvalidArgument(f"{memory.scope} holds nothing yet, so there is nothing to back up.")
    return memory.upkeep.backups
