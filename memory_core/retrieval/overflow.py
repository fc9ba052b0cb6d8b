"""A text that does not fit, in pieces that do: those that bear on the question first. Pure."""

from collections.abc import Callable, Sequence

from ..text.chunking import Span, chunk, rough_pieces
from .excerpt import excerpt, shares
from .lexical import content_words

#: Tokens of a piece and of what two neighbours share (Advanced Memory Management, config.yaml).
LIMIT, OVERLAP = 1024, 128
#: Stands where something between two pieces was left out.
GAP = " … "
#: Pieces shorter than this, tokens, would tell little: one part of the text is shown instead.
LEAST = 48

Count = Callable[[str], int]


def overflow(
    text: str, query: str, count: Count, *, limit: int = LIMIT, overlap: int = OVERLAP
) -> list[Span]:
    """Spans of the pieces of a text, those that hold the question's words first.

    Together they cover every character. Pieces that bear equally stay in order. Ends for any limit
    and overlap: below 1 and above half of the limit they count as these.

    Args:
        limit: most tokens of a piece, by ``count``; one character may have more.
        overlap: tokens two neighbours share, about.
    """
    limit = max(1, limit)
    spans = [
        fine
        for span in chunk(text, rough_pieces(text), limit=limit, overlap=overlap)
        for fine in _within(text, span, limit, count)
    ]
    scores = shares([text[start:end] for start, end in spans], query)
    order = sorted(range(len(spans)), key=lambda number: (-scores[number], number))
    return [spans[number] for number in order]


def focused(text: str, query: str, max_tokens: int, count: Count) -> str:
    """The parts of a text that bear on a question, in their order, within a budget.

    One part where hardly anything fits, see `excerpt`; the beginning where nothing bears on it.

    Args:
        max_tokens: budget, by ``count``.
    """
    if count(text) <= max_tokens:
        return text
    limit = min(LIMIT, max_tokens // 3)
    words = content_words(query) if query else []
    if limit < LEAST or not any(word in text.casefold() for word in words):
        return excerpt(text, query, max_tokens, count)
    chosen: list[Span] = []
    for span in overflow(text, query, count, limit=limit, overlap=0):
        said = _joined(text, [*chosen, span])
        if count(said) > max_tokens:
            break
        chosen.append(span)
    return _joined(text, chosen) if chosen else excerpt(text, query, max_tokens, count)


def _within(text: str, span: Span, limit: int, count: Count) -> list[Span]:
    """The span, halved until each part has at most so many tokens."""
    done: list[Span] = []
    waiting = [span]
    while waiting:
        start, end = waiting.pop()
        if end - start <= 1 or count(text[start:end]) <= limit:
            done.append((start, end))
        else:
            middle = (start + end) // 2
            waiting += [(middle, end), (start, middle)]
    return done


def _joined(text: str, spans: Sequence[Span]) -> str:
    """The spans in order, a gap where something between them, before or after, is left out."""
    parts: list[str] = []
    last = 0
    for start, end in sorted(spans):
        if start > last:
            parts.append(GAP.lstrip() if not parts else GAP)
        parts.append(text[max(start, last) : end].strip() if start > last else text[last:end])
        last = max(last, end)
    return "".join(parts).rstrip()
