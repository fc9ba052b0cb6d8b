"""Cut a text into chunks an embedding model can read whole."""

import re
from collections.abc import Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]

_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_ROUGH = re.compile(rf"[{_CJK}]|[^\W{_CJK}]{{1,4}}|[^\w\s]")

# How good a place between two pieces is to cut, best last.
INSIDE, WORD, LINE, SENTENCE, PARAGRAPH = range(5)
_FULL_STOPS = ".!?…"
_WIDE_STOPS = "。！？｡"
_CLOSERS = "\"'”’»)]」』）"


def chunk(text: str, pieces: Sequence[Span], *, limit: int = 254, overlap: int = 32) -> list[Span]:
    """Character spans ``(start, end)`` of the chunks, in order.

    Together they cover every character: the first starts at 0, the last ends at ``len(text)``, and
    none starts behind the end of the one before. A chunk ends at the best place in the second half
    of its room: a paragraph, else a sentence, else a line, else a word; the last of its kind.
    The next one starts at the first sentence (else word) within the overlap. O(n).

    Args:
        text: any text; the empty one is one chunk, ``(0, 0)``.
        pieces: character spans of the word pieces, in order, not overlapping.
        limit: most pieces of a chunk; below 1 counts as 1.
        overlap: most pieces two neighbours share; above half the limit counts as half.
    """
    limit = max(1, limit)
    overlap = min(max(0, overlap), limit // 2)
    # A chunk grows beyond what it shares by a quarter of its room at least: work stays linear.
    least = max(limit // 2, overlap + max(1, limit // 4))
    chunks = []
    first, start = 0, 0
    while len(pieces) - first > limit:
        cut = _best_cut(text, pieces, first + least, first + limit)
        chunks.append((start, pieces[cut][0]))
        first = _restart(text, pieces, max(first + 1, cut - overlap), cut)
        start = pieces[first][0]
    return [*chunks, (start, len(text))]


def rough_pieces(text: str) -> list[Span]:
    """Word pieces guessed without a model: four letters or digits, one CJK letter, one sign."""
    return [match.span() for match in _ROUGH.finditer(text)]


def _best_cut(text: str, pieces: Sequence[Span], least: int, most: int) -> int:
    """Index of the piece to cut before: of the best places between the bounds, the last."""
    best, found = -1, most
    for index in range(most, least - 1, -1):
        quality = _quality(text, pieces, index)
        if quality > best:
            best, found = quality, index
            if quality == PARAGRAPH:
                break
    return found


def _restart(text: str, pieces: Sequence[Span], earliest: int, cut: int) -> int:
    """Index of the piece the next chunk starts with: the first good place in the overlap."""
    words = []
    for index in range(earliest, cut):
        quality = _quality(text, pieces, index)
        if quality >= LINE:
            return index
        if quality == WORD:
            words.append(index)
    return words[0] if words else earliest


def _quality(text: str, pieces: Sequence[Span], index: int) -> int:
    """How good a place to cut the one before piece ``index`` (≥ 1) is."""
    end, start = pieces[index - 1][1], pieces[index][0]
    gap = text[end:start]
    if "\n" in gap:
        if gap.count("\n") > 1:
            return PARAGRAPH
        return SENTENCE if _stops(text, end, _FULL_STOPS + _WIDE_STOPS) else LINE
    if _stops(text, end, _FULL_STOPS if gap else _WIDE_STOPS) and text[start] not in _CLOSERS:
        return SENTENCE
    return WORD if gap else INSIDE


def _stops(text: str, end: int, stops: str) -> bool:
    """Whether what ends at ``end`` is a full stop, a closing quote or bracket perhaps behind it."""
    at = end - 1
    if at > 0 and text[at] in _CLOSERS:
        at -= 1
    return at >= 0 and text[at] in stops
