"""Carrying memories between scopes, to files and back; and emptying a scope."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO

from ..course import ALONE, Course
from ..errors import InvalidArgument
from ..memory import Memory
from ..records import Trust
from ..storage.data_folder import make_private
from ..storage.registry import Registry, file_name
from ..text.times import iso
from ..transfer import Exported, Imported
from ..transfer.bundle import check
from ..transfer.files import ENDING, free_name, read_from, write_new
from .emptying import Emptied, clear, confirmation
from .moving import Moved, move
from .naming import NamedScopes


class Carrying:
    """What concerns scopes as a whole, as far as they may be named.

    Args:
        exports: the folder that exports go to, and that a model may import from.
    """

    def __init__(self, scopes: NamedScopes, exports: Path) -> None:
        self._scopes = scopes
        self.exports = exports

    def move(self, refs: Sequence[str], to: str, *, scope: str = "") -> list[Moved]:
        """Move memories, cards and facts into another scope; they keep their ids.

        Args:
            refs: ids wherever they are, and keys in ``scope``.
            to: the other scope.

        Raises:
            InvalidArgument: no id, or they are there already.
            NotFound: an id, key or scope is not there; nothing was moved.
            Conflict: a summary or fact would be parted from what it was made of.
        """
        groups = self._scopes.by_scope(refs, scope)
        if not groups:
            raise InvalidArgument("ids is empty: name what to move.")
        target = self._scopes.open(to)
        return [move(memory, target, found, self._registry) for memory, found in groups]

    def promote(self, scope: str, to: str) -> Moved:
        """Move everything a scope holds into another, as at the end of a session worth keeping.

        Raises:
            InvalidArgument: both are the same.
            NotFound: there is no such scope.
        """
        return move(self._scopes.look(scope), self._scopes.open(to), [], self._registry)

    def export(
        self, scope: str = "", path: Path | None = None, *, course: Course = ALONE
    ) -> tuple[Path, Exported]:
        """Write a scope as a bundle to a file that is not there yet.

        Args:
            path: None for one in the folder ``exports`` of the data folder, named by scope and
                time.

        Raises:
            InvalidArgument: the file is there already.
            NotFound: there is no such scope.
            StorageError: it cannot be written.
            Stopped: there is no file.
        """
        memory = self._scopes.look(scope)
        if path is None:
            make_private(self.exports)
            stamp = iso(self._scopes.clock())[:19].replace(":", "").replace("-", "")
            name = f"{Path(file_name(memory.scope)).stem}-{stamp}{ENDING}"
            path = free_name(self.exports / name)
        return path, write_new(path, partial(memory.transfer.export, course=course))

    def import_(
        self,
        path: Path,
        scope: str = "",
        *,
        trust: Trust = "verified",
        course: Course = ALONE,
    ) -> Imported:
        """Take a bundle into a scope; see `Transfer.restore`.

        Raises:
            InvalidBundle: the file is no whole bundle; nothing was changed.
            NotFound: there is no such file or scope.
            Stopped: what came in so far stays; the same import again completes it.
        """

        def take_in(file: IO[bytes]) -> Imported:
            head = check(file, course)
            memory = self._scopes.open(scope)
            self._settle(memory, head.tag)
            return memory.transfer.restore(file, trust=trust, course=course, checked=head)

        return read_from(path, take_in)

    def _settle(self, memory: Memory, tag: str) -> None:
        """Give a scope that never held anything the tag of a bundle: its ids can stay then."""
        registry = self._scopes.registry
        if memory.store.meta("last_id") is None and registry.scope_of(tag) is None:
            settled = registry.settle(memory.scope, tag)
            with memory.store.atomic():
                memory.store.set_meta("tag", settled)

    def clear(self, scope: str, confirm: str = "") -> tuple[str, Emptied | None]:
        """Empty a scope, in two steps.

        Args:
            confirm: nothing, or what the first call returned.

        Returns:
            The word that confirms it, with nothing done; or "" and what was done.

        Raises:
            Conflict: the word does not fit; nothing was changed.
            NotFound: there is no such scope.
        """
        memory = self._scopes.look(scope)
        if not confirm:
            return confirmation(memory), None
        return "", clear(memory, confirm)

    def _registry(self) -> Registry:
        return self._scopes.registry
