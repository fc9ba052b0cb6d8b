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
    """SHA-256 of kind, text (NFC, trailing space off, case kept), who said it and when.

    The same words said by another person, or on another day, are another memory.
    """
    text = unicodedata.normalize("NFC", item.text).rstrip()
    parts = [item.kind, text, item.speaker, "" if item.when is None else repr(item.when)]
    return hashlib.sha256("\0".join(parts).encode()).digest()
