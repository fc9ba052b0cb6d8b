"""The part of a text that bears on a question, when not all of it can be shown. Pure."""

from collections.abc import Callable, Sequence
from math import log

from ..text.sentences import Span, sentences
from ..text.truncation import truncate
from .lexical import content_words

#: Stands for what was left out before.
BEFORE = "… "
#: Characters shown before the first word of the question where a sentence is too long.
LEAD = 40

Count = Callable[[str], int]


def excerpt(text: str, query: str, max_tokens: int, count: Count) -> str:
    """Neighbouring sentences about the question, as many as fit; the beginning where none is.

    The sentence with the rarest words of the question comes first, then those after and before it
    while they fit. A sentence that is too long by itself is shown from just before such a word.

    Args:
        max_tokens: budget, by ``count``.
        count: tokens of a text.
    """
    if count(text) <= max_tokens:
        return text
    spans = sentences(text)
    scores = shares([text[start:end] for start, end in spans], query)
    best = max(range(len(spans)), key=lambda n: (scores[n], -n), default=0)
    if not spans or not scores[best]:
        return truncate(text, max_tokens, count)
    first, last = _around(text, spans, best, max_tokens, count)
    end = spans[last][1]
    start = spans[first][0]
    if first == last and count(_from(text, start, end)) > max_tokens:
        start = _before_match(text, spans[best], query)
    return truncate(_from(text, start, end), max_tokens, count)


def shares(pieces: Sequence[str], query: str) -> list[float]:
    """How much of the question stands in each piece; rare words count for more."""
    folded = [piece.casefold() for piece in pieces]
    scores = [0.0] * len(pieces)
    for word in content_words(query) if query else ():
        holding = [number for number, piece in enumerate(folded) if word in piece]
        for number in holding:
            scores[number] += log(1 + len(pieces) / len(holding))
    return scores


def _around(
    text: str, spans: Sequence[Span], best: int, max_tokens: int, count: Count
) -> tuple[int, int]:
    """First and last of the sentences around the best that fit, those after it first."""
    costs = [count(text[start:end]) + 1 for start, end in spans]  # one for what joins them
    room = max_tokens - costs[best] - count(BEFORE)
    first = last = best
    while last + 1 < len(spans) and costs[last + 1] <= room:
        last += 1
        room -= costs[last]
    while first > 0 and costs[first - 1] <= room:
        first -= 1
        room -= costs[first]
    return first, last


def _before_match(text: str, span: Span, query: str) -> int:
    """Where to begin in a sentence that is too long: at a word, shortly before the first match."""
    start, end = span
    said = text[start:end].casefold()
    found = [at for word in content_words(query) if (at := said.find(word)) >= 0]
    at = start + min(found) - LEAD
    if at <= start:
        return start
    space = text.find(" ", at, at + LEAD)
    return space + 1 if space >= 0 else at


def _from(text: str, start: int, end: int) -> str:
    return text[start:end] if start == 0 else BEFORE + text[start:end]
