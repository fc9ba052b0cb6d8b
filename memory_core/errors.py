"""Every error the library raises on purpose.

::

    RoutememError
    ├── InvalidArgument      a value is outside what the call accepts
    │   ├── InvalidScope     a scope name is malformed
    │   ├── InvalidTime      a date or time could not be read
    │   └── InvalidBundle    a file is no whole export
    ├── NotFound             an id, key or scope does not exist (or is not allowed: same answer)
    ├── NotAllowed           the server was started so that this is off
    ├── Conflict             the state of the thing forbids the action
    ├── Withheld             a text must not be stored as it is
    ├── Stopped              whoever started a long work has ended it
    ├── EmbedderError        the embedding model cannot be used
    │   └── EmbedderMismatch the stored vectors were made by another model
    ├── TooManyCalls         so many calls of one caller wait that no other is taken
    ├── SummariserError      the local model that writes summaries cannot be used
    └── StorageError         the scope file cannot be used as asked
        ├── WriteTimeout     another process held the writer lock too long
        ├── DamagedFile      the file is not a readable database; it was set aside
        ├── NewerSchema      the file was written by a newer Routemem
        ├── ForeignFile      the file belongs to another scope
        ├── DiskFull         the disk or the quota is full; nothing was changed
        └── TooManyScopes    so many are in use that no other can be opened now

Each class has a stable ``code`` that the server puts in front of the message. Messages say what was
expected, what came, and the next step.
"""

from pathlib import Path


class RoutememError(Exception):
    """Base of all errors raised on purpose. ``code`` is stable across releases."""

    code = "error"


class InvalidArgument(RoutememError, ValueError):
    """A value is outside what the call accepts."""

    code = "invalid_argument"


class InvalidScope(InvalidArgument):
    """A scope name is malformed."""

    code = "invalid_scope"


class InvalidTime(InvalidArgument):
    """A date or time could not be read."""

    code = "invalid_time"


class InvalidBundle(InvalidArgument):
    """A file is no whole export. Nothing was changed."""

    code = "invalid_bundle"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"This is no bundle that can be imported: {reason}. Nothing was changed. Export again "
            "with `routemem export`, or take another copy of the file."
        )


class NotFound(RoutememError, LookupError):
    """An id, key or scope does not exist, or is not allowed: the answer is the same."""

    code = "not_found"


class NotAllowed(RoutememError):
    """The server was started so that this is off."""

    code = "not_allowed"


class Conflict(RoutememError):
    """The state of the thing forbids the action."""

    code = "conflict"


class Withheld(RoutememError):
    """A text must not be stored as it is; nothing was stored.

    Attributes:
        found: the names of what was found in it, never the content.
        draft: what would have been stored, for those who hold it in quarantine; else None.
        known_as: the text by which it is known when it comes again; what is harmless in itself, and
            was refused for what stood beside it, may come in without that.
    """

    code = "withheld"

    def __init__(self, found: str, draft: object, known_as: str = "") -> None:
        super().__init__(
            f"The text holds what must not be stored ({found}); nothing was changed. Leave that "
            "out and try again."
        )
        self.found, self.draft, self.known_as = found, draft, known_as


class Stopped(RoutememError):
    """Whoever started a long work has ended it; the message says what is done."""

    code = "stopped"


class EmbedderError(RoutememError):
    """The embedding model cannot be used. Memories are still stored and found by text."""

    code = "embedder_unavailable"


class EmbedderMismatch(EmbedderError):
    """The stored vectors were made by another model.

    Attributes:
        stored: id of the model that made the stored vectors.
        running: id of the model in use.
    """

    code = "embedder_mismatch"

    def __init__(self, stored: str, running: str) -> None:
        super().__init__(
            f"The vectors of this scope were made by {stored!r}, this process runs {running!r}. "
            "Search goes on by text; run `routemem reindex` to embed every memory again."
        )
        self.stored, self.running = stored, running


class TooManyCalls(RoutememError):
    """So many calls of one caller wait already that no other is taken. Nothing was done."""

    code = "too_many_calls"


class SummariserError(RoutememError):
    """The local model that writes summaries cannot be used. Sentences of the text do instead."""

    code = "summariser_unavailable"


class StorageError(RoutememError):
    """The scope file cannot be used as asked."""

    code = "storage_error"


class WriteTimeout(StorageError):
    """Another process held the writer lock too long. Nothing was changed."""

    code = "write_timeout"

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(
            f"Another process held the write lock of {path.name} for {seconds:g} s; nothing was "
            "changed. Try again."
        )
        self.path, self.seconds = path, seconds


class DamagedFile(StorageError):
    """A scope file is not a readable database.

    Attributes:
        path: where the file was.
        kept_as: where the damaged file is now; it is never overwritten.
    """

    code = "damaged_file"

    def __init__(self, path: Path, kept_as: Path, reason: str) -> None:
        aside = kept_as != path
        where = f"kept as {kept_as.name}" if aside else "left where it is"
        after = (
            "The next call starts a new file for this scope; `routemem doctor --repair` brings "
            "back what can still be read, `routemem restore` the last backup."
            if aside
            else "It is not written to any more; the next call looks at all of it."
        )
        super().__init__(
            f"{path.name} is damaged ({reason}); it was {where} in {path.parent}. Nothing in it "
            f"was overwritten. {after}"
        )
        self.path, self.kept_as, self.reason = path, kept_as, reason


class NewerSchema(StorageError):
    """A scope file was written by a newer Routemem. It was opened read-only and not changed."""

    code = "newer_schema"

    def __init__(self, path: Path, unknown: list[str]) -> None:
        super().__init__(
            f"{path.name} was written by a newer Routemem (unknown migrations: "
            f"{', '.join(unknown)}). It was not changed. Upgrade: pip install -U routemem"
        )
        self.path, self.unknown = path, unknown


class ForeignFile(StorageError):
    """A scope file says it belongs to another scope. It was not changed."""

    code = "foreign_file"

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(
            f"{path.name} should belong to scope {expected!r} but says {found!r}. It was not "
            "changed. Move it out of the data folder if it was copied there by mistake."
        )
        self.path, self.expected, self.found = path, expected, found


class DiskFull(StorageError):
    """The disk or the quota is full. The transaction was rolled back; reading goes on."""

    code = "disk_full"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"No space left to write {path.name}; nothing was changed and reading goes on. Free "
            "some space, then try again."
        )
        self.path = path


class TooManyScopes(StorageError):
    """So many scopes are in use that no other can be opened at this moment."""

    code = "too_many_scopes"
