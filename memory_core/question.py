"""What a recall asks for, checked."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from .draft import one_of, short, tag_names
from .errors import InvalidArgument
from .records import KINDS, Filter
from .storage.ids import bare
from .text.identity import clean
from .text.times import parse_span

MAX_TOP_K = 50
MAX_QUERY = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """A checked recall.

    Attributes:
        skip: hits already shown, from the cursor; for ``ids`` the number of finished ids.
        full: compressed items come whole, not as their summary.
        offset: for ``ids``: first character to show of the next one.
        signature: ties a cursor to its question.
        with_facts: facts whose key the question names come first.
    """

    query: str
    ids: tuple[str, ...]
    where: Filter
    top_k: int
    max_tokens: int
    threshold: float
    neighbours: int
    explain: bool
    skip: int
    offset: int
    signature: str
    full: bool = False
    with_facts: bool = False

    def cursor(self, skip: int, offset: int = 0) -> str:
        """The cursor from which the next page goes on."""
        return f"{skip}.{offset}.{self.signature}"


def ask(
    query: str,
    *,
    ids: Sequence[str] = (),
    top_k: int = 8,
    max_tokens: int = 1500,
    kinds: Sequence[str] = (),
    tags: Sequence[str] = (),
    speaker: str = "",
    since: str = "",
    until: str = "",
    threshold: float = 0.0,
    include_archived: bool = False,
    neighbours: int = 0,
    explain: bool = False,
    cursor: str = "",
    full: bool = False,
    scope: str = "",
) -> Question:
    """Check the arguments of a recall.

    Raises:
        InvalidArgument: one is outside what is accepted.
    """
    for name, value, least, most in (
        ("top_k", top_k, 1, MAX_TOP_K),
        ("max_tokens", max_tokens, 16, 25_000),
        ("threshold", threshold, 0, 1),
        ("neighbours", neighbours, 0, 5),
        ("the query's length", len(query), 0, MAX_QUERY),
        ("the number of ids", len(ids), 0, 100),
    ):
        if not least <= value <= most:
            raise InvalidArgument(f"{name} is {value}, expected {least} to {most}.")
    where = Filter(
        kinds=tuple(one_of("kinds", kind, KINDS) for kind in kinds),
        tags=tag_names(tags),
        speaker=short("speaker", speaker),
        since=parse_span(since)[0] if since.strip() else None,
        until=parse_span(until)[1] if until.strip() else None,
        archived=include_archived,
    )
    if where.since is not None and where.until is not None and where.since >= where.until:
        raise InvalidArgument(f"since ({since}) is after until ({until}): swap them.")
    wanted = tuple(dict.fromkeys(bare(ref) for ref in ids if bare(ref)))
    plain = clean(query).strip()
    said = repr((plain, wanted, where, threshold, scope, full))
    signature = hashlib.sha256(said.encode()).hexdigest()[:8]
    skip, offset = _position(cursor.strip(), signature)
    return Question(
        plain, wanted, where, top_k, max_tokens, threshold, neighbours, explain, skip, offset,
        signature, full,
    )  # fmt: skip


def _position(cursor: str, signature: str) -> tuple[int, int]:
    if not cursor:
        return 0, 0
    skip, _, rest = cursor.partition(".")
    offset, _, signed = rest.partition(".")
    whole = skip.isdecimal() and offset.isdecimal() and max(len(skip), len(offset)) < 10
    if not (whole and signed == signature):
        raise InvalidArgument(
            f"cursor {cursor[:40]!r} does not belong to this question: repeat the call that gave "
            "it with the same query, ids and filters, adding only the cursor."
        )
    return int(skip), int(offset)
