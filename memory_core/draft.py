"""From a caller's words to an item that may be stored, or an error that says what is wrong."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from .errors import InvalidArgument, InvalidTime
from .records import KINDS, ORIGINS, TRUST_OF_ORIGIN, Item, Kind, Origin
from .storage.ids import tag_of
from .text.identity import clean, digest
from .text.times import parse_moment
from .text.traits import traits_of

MAX_TAGS = 32
MAX_NAME = 200
MAX_METADATA = 65_536


def draft_item(
    content: str,
    *,
    kind: str,
    priority: int,
    tags: Sequence[str],
    source: str,
    speaker: str,
    when: str | float | None,
    pinned: bool,
    metadata: Mapping[str, Any],
    key: str,
    now: float,
    max_bytes: int,
) -> Item:
    """An item that is not stored yet, every field checked.

    Raises:
        InvalidArgument: a field is outside what is accepted; nothing was stored.
    """
    text = whole_text("content", content, max_bytes)
    if not 0 <= priority <= 10:
        raise InvalidArgument(f"priority is {priority}, expected 0 to 10 (10 is kept longest).")
    if tag_of(key):
        raise InvalidArgument(f"key {key!r} looks like an id: choose a name of another form.")
    item = Item(
        text=text,
        kind=cast(Kind, one_of("kind", kind, KINDS)),
        speaker=short("speaker", speaker),
        when=moment(when),
        origin=cast(Origin, one_of("source", source, ORIGINS)),
        trust=TRUST_OF_ORIGIN[source],
        tags=tag_names(tags),
        metadata=checked_metadata(metadata),
        priority=priority,
        pinned=pinned,
        key=short("key", key),
        created_at=now,
        updated_at=now,
        accessed_at=now,
        traits=traits_of(text),
    )
    return replace(item, digest=digest(item))


def tag_names(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags as they are stored and compared: trimmed, case folded, each once."""
    names = sorted({clean(tag).strip().casefold() for tag in tags} - {""})
    if len(names) > MAX_TAGS:
        raise InvalidArgument(f"{len(names)} tags, at most {MAX_TAGS} are accepted.")
    return tuple(short("tag", name) for name in names)


def joined_tags(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Old tags and as many new ones as an item may have."""
    fresh = [tag for tag in new if tag not in old]
    return tuple(sorted([*old, *fresh[: max(0, MAX_TAGS - len(old))]]))


def joined_metadata(old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    """Old metadata with the new laid over; the old alone when both together are too large."""
    both = {**old, **new}
    return both if len(json.dumps(both)) <= MAX_METADATA else old


def one_of(field: str, value: str, allowed: Sequence[str]) -> str:
    """The value, if it is one of those allowed."""
    if value not in allowed:
        raise InvalidArgument(f"{field} is {value!r}, expected one of: {', '.join(allowed)}.")
    return value


def whole_text(field: str, value: str, max_bytes: int) -> str:
    """A text to remember, as it may be stored."""
    text = clean(value)
    size = len(text.encode())
    if not text.strip():
        raise InvalidArgument(f"{field} is empty: pass the text to remember.")
    if size > max_bytes:
        raise InvalidArgument(
            f"{field} has {size:,} bytes, at most {max_bytes:,} are accepted: store it in parts."
        )
    return text


def short(field: str, value: str) -> str:
    """A one-line name, trimmed."""
    value = clean(value).strip()
    if len(value) > MAX_NAME or "\n" in value:
        raise InvalidArgument(
            f"{field} must be one line of at most {MAX_NAME} characters, got {len(value)}."
        )
    return value


def moment(when: str | float | None) -> float | None:
    """Seconds since the epoch, UTC; None for "" and None."""
    if when is None or isinstance(when, float | int):
        if when is not None and not math.isfinite(when):
            raise InvalidTime(f"when is {when}, expected seconds since the epoch or an ISO date.")
        return None if when is None else float(when)
    return parse_moment(when) if when.strip() else None


def checked_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that is plain JSON."""
    try:
        said = clean(json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"metadata must be a JSON object: {error}.") from error
    if len(said) > MAX_METADATA:
        raise InvalidArgument(f"metadata has {len(said):,} bytes, at most {MAX_METADATA:,}.")
    plain: dict[str, Any] = json.loads(said)
    return plain
