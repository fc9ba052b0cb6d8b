"""Carrying memories between scopes, to files and back; and emptying a scope."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..course import ALONE, Course
from ..errors import InvalidArgument
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
        head = read_from(path, lambda file: check(file, course))
        memory = self._scopes.open(scope)
        if (
            memory.store.meta("last_id") is None
            and self._scopes.registry.scope_of(head.tag) is None
        ):
            tag = self._scopes.registry.settle(
                memory.scope, head.tag
            )  # then ids can stay as they are
            with memory.store.atomic():
                memory.store.set_meta("tag", tag)
        return read_from(
            path, lambda file: memory.transfer.restore(file, trust=trust, course=course)
        )

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
