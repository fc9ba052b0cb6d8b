"""What makes two memories the same memory."""

import hashlib
import unicodedata

from ..records import Item


def clean(text: str) -> str:
    """The text with unpaired surrogates, which no encoding can hold, replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def digest(item: Item) -> bytes:
    """SHA-256 of kind and text (NFC, trailing space off, case kept); for turns also who and when.

    The same words said by another person, or on another day, are another turn.
    """
    parts = [item.kind, unicodedata.normalize("NFC", item.text).rstrip()]
    if item.kind == "turn":
        parts += [item.speaker, "" if item.when is None else repr(item.when)]
    return hashlib.sha256("\0".join(parts).encode()).digest()
