"""Find the sentences of a text."""

import re
from itertools import pairwise

Span = tuple[int, int]

_ENDS = re.compile(
    r"(?P<stop>[.!?…]+[\"'”’»)\]]*)"  # counts when white space follows
    r"|[。！？｡]+[」』）”’]*"
    r"|\n\s*"
)
# Lower case, without the dot. A dot after one of these, an initial or a short number ends nothing.
_ABBREVIATIONS = frozenset(
    "al approx bzw ca cf corp dr etc evtl fig ggf hr inc inkl jr lt ltd mme mr mrs ms mt nr pp "
    "prof resp rev sr sra st usw vgl vol vs zzgl".split()
)
_ENUMERATED = re.compile(r"[^\W\d_]|[0-9]{1,2}|(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}")  # J, 3, e.g, U.S
_WORD = re.compile(r"[\w.]+\Z")


def sentences(text: str) -> list[Span]:
    """Spans ``(start, end)`` of the sentences, in order, without white space at either end.

    A line break ends a sentence too, unless the next line goes on in lower case, as wrapped prose
    does; an empty line always does. Linear in the length of the text.
    """
    ends = [0, *(match.end() for match in _ENDS.finditer(text) if _ends(text, match)), len(text)]
    return [span for start, end in pairwise(ends) if (span := _trimmed(text, start, end))]


def _ends(text: str, match: re.Match[str]) -> bool:
    end = match.end()
    after = text[end : end + 1]
    if match["stop"] is not None:
        return after.isspace() and not _abbreviated(text, match)
    return match[0].count("\n") != 1 or not after.islower()


def _abbreviated(text: str, match: re.Match[str]) -> bool:
    """Whether the stop belongs to the word before it, or the sentence goes on after an ellipsis."""
    if match[0] in ("...", "…"):
        return text[match.end() + 1 : match.end() + 2].islower()
    if match[0] != ".":
        return False
    word = _WORD.search(text[max(0, match.start() - 12) : match.start()])
    if word is None:
        return False
    return word[0].lower() in _ABBREVIATIONS or _ENUMERATED.fullmatch(word[0]) is not None


def _trimmed(text: str, start: int, end: int) -> Span | None:
    shown = text[start:end]
    start += len(shown) - len(shown.lstrip())
    end = start + len(shown.strip())
    return (start, end) if start < end else None
