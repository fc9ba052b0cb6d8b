"""Opening the file of a scope in a data folder, whatever has happened to it meanwhile."""

from pathlib import Path

from ..errors import DamagedFile, StorageError
from .database import NOT_TEXT
from .files import beside, identity, is_empty, set_aside, size
from .lock import WriterLock
from .registry import Registry, file_name
from .soundness import check_opened, restore_soundness
from .sqlite import SqliteStore


def open_store(
    folder: Path, registry: Registry, scope: str, *, now: float, deadline: float, doubts: str = ""
) -> SqliteStore:
    """The store of a scope; made when there is none. One that was left open by a kill is checked.

    Ids of a file that was lost or damaged are not given out again: its successor gets a new tag.

    Args:
        now: time of opening, seconds UTC.
        deadline: longest wait for another writer, seconds.
        doubts: what made its last user doubt the file: then all of it is checked.

    Raises:
        DamagedFile: it is no readable database. It was set aside; the next call starts a new file.
        StorageError: the file cannot be used.
    """
    path = folder / file_name(scope)
    tag = registry.tag(scope)
    before = identity(path)
    try:
        if registry.made(scope):
            if before is None:  # set aside by the last call, or deleted by somebody
                tag = registry.renew(scope, lost=tag)
            elif is_empty(path):
                raise DamagedFile(path, path, "it is empty")
        store = _sound(path, scope, tag, now, deadline, doubts)
    except DamagedFile as error:
        with WriterLock(path, deadline):
            # Another process may have set it aside and begun a new one, which is whole.
            kept = set_aside(path, now) if identity(path) == before else path
        raise DamagedFile(path, kept, error.reason) from error
    except StorageError:
        if before is None or identity(path) == before:
            raise
        # Another process set it aside between two of our looks at it.
        return open_store(folder, registry, scope, now=now, deadline=deadline)
    try:
        settle(store, registry)
    except BaseException:
        store.close()
        raise
    return store


def _sound(
    path: Path, scope: str, tag: str, now: float, deadline: float, doubts: str
) -> SqliteStore:
    left = size(beside(path, "-wal")) > 0
    store = SqliteStore(path, scope, tag, now=now, deadline=deadline)
    try:
        if doubts:
            restore_soundness(store)
        elif left:
            check_opened(store)
        if doubts.startswith(NOT_TEXT):
            raise store.db.damaged(doubts)
    except BaseException:
        store.db.close(fold=False)
        raise
    return store


def settle(store: SqliteStore, registry: Registry) -> None:
    """Make folder and file agree on the tag of the scope's ids."""
    found = store.meta("tag") or ""
    tag = registry.settle(store.scope, found)
    if tag != found:
        with store.atomic():
            store.set_meta("tag", tag)
