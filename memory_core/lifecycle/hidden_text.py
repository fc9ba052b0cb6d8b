"""Characters a reader does not see and a model does: where they are harmless, and where not.

Joiners belong to emoji and to many scripts, direction marks to texts that run from right to left,
a byte order mark to the beginning of a file. What is left hides or reorders text.
"""

import re
import unicodedata
from collections.abc import Iterator

#: Cheap first look: any character of the groups below.
_ANY = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]+"
)
_OVERRIDES = "\u202d\u202e"
_DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
_JOINERS = "\u200c\u200d"
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
#: Longest run of harmless invisible characters inside one word or emoji.
_RUN = 2


def hidden(text: str) -> Iterator[tuple[int, int, str]]:
    """Spans of characters that hide or reorder text, with the name of what they do."""
    if text.isascii():
        return
    flags = {match.end() - 1: match.start() for match in _FLAG.finditer(text)}
    from_right: bool | None = None
    for match in _ANY.finditer(text):
        start, end = match.span()
        if end - 1 in flags and flags[end - 1] == start - 1:
            continue  # the flag of a region: its letters are tags
        if any(c in _DIRECTIONS for c in match[0]) and from_right is None:
            from_right = _has_right_to_left(text)
        if name := _what(text, start, end, bool(from_right)):
            yield start, end, name


def _what(text: str, start: int, end: int, from_right: bool) -> str:
    run = text[start:end]
    if any("\U000e0000" <= c <= "\U000e007f" for c in run):
        return "hidden tag characters"
    if any(c in _OVERRIDES for c in run):
        return "text with its direction overridden"
    if any(c in _DIRECTIONS for c in run):
        return "" if from_right and len(run) <= _RUN + 1 else "direction characters"
    if start == 0 and run == "\ufeff":
        return ""
    before, after = text[start - 1 : start], text[end : end + 1]
    if all(c in _JOINERS or _SELECTORS.match(c) for c in run):
        selectors = len(_SELECTORS.findall(run))
        odd = selectors > 1 or len(run) > _RUN or (_is_latin(before) and _is_latin(after))
        return "invisible characters" if odd else ""
    if run == "\u00ad":
        return ""  # where a word may be broken
    odd = len(run) > 1 or (_is_latin(before) and _is_latin(after))
    return "invisible characters" if odd else ""


def _is_latin(letter: str) -> bool:
    return letter.isalnum() and (letter.isascii() or "LATIN" in unicodedata.name(letter, ""))


def _has_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)
