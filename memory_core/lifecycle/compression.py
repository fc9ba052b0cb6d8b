"""How short a text becomes, and what may not be lost on the way.

A strategy is a share of the text's own tokens. Sentences are chosen by `extractive`; every name,
number, date and address that no chosen sentence holds is listed behind them. Where these alone are
more than the share, they win: a short text that has lost its numbers is worth less than a longer
one that has them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ..records import STRATEGIES
from .extractive import Count, summarise

#: Share of the text's tokens (Advanced Memory Management, model_context.json).
SHARES: dict[str, float] = dict(zip(STRATEGIES, (0.1, 0.25, 0.5), strict=True))
#: How far from its share a summary may be before the reply says so.
TOLERANCE = 0.2
#: Fewer tokens than this hold no sentence.
_LEAST = 6
#: Texts of fewer tokens are not cut: what would be left of them are words without a sentence.
SHORTEST = 40
#: Tokens for the beginning of a text of which otherwise only a list would remain.
_BEGINNING = 24
_STEPS = 7  # halvings of the room for sentences, at the most
_TAIL = "Also: "

_MONTH = (
    "(?:january|february|march|april|may|june|july|august|september|october|november|december"
    "|januar|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|mars|avril|juin|juillet"
    "|août|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|junio|julio|agosto"
    "|septiembre|octubre|noviembre|diciembre|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)"
)
_NAME = r"(?:[A-ZÀ-ÖØ-ÞŁŚŠŻŽČА-ЯЁ][’'])?[A-ZÀ-ÖØ-ÞŁŚŠŻŽČА-ЯЁ][\w-]{1,64}"  # O'Brien, not I'm
#: Runs are bounded, so that no text makes the search more than linear.
_PROTECTED = re.compile(
    r"(?P<url>(?:https?://|www\.)[^\s<>\"'`]{1,2000}|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,4})"
    rf"|(?P<date>\b\d{{1,2}}(?:st|nd|rd|th|\.)? (?i:{_MONTH})\b(?:,? \d{{4}}\b)?"
    rf"|\b(?i:{_MONTH})\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}}\b)?|\b(?i:{_MONTH}) \d{{4}}\b)"
    r"|(?P<number>[€$£¥]?[0-9]+(?:[.,:/-][0-9]+){0,20}(?:\s?[%€$£¥])?)"
    rf"|(?P<name>(?<=[\w,;)»”'\"-] ){_NAME}(?: {_NAME}){{0,5}})"
)


@dataclass(frozen=True, slots=True)
class Shortened:
    """A text made shorter.

    Attributes:
        text: the summary; the text itself when nothing could be saved.
        tokens: of it.
        protected_won: whether names, numbers, dates and addresses alone are more than the share.
        by: who made it: sentences of the text, or a model of this machine.
    """

    text: str
    tokens: int
    protected_won: bool = False
    by: Literal["extractive", "local"] = "extractive"


def protected(text: str) -> list[str]:
    """Names, numbers, dates and addresses of a text as they stand in it, each once, in order.

    A capitalised word at the beginning of a sentence counts as a name only if it also stands
    elsewhere: most of them are none. Linear in the length of the text.
    """
    found = (match[0].rstrip(".,;:!?)]}»”'’\"") for match in _PROTECTED.finditer(text))
    return list(dict.fromkeys(term for term in found if term))


def shorten(text: str, strategy: str, count: Count) -> Shortened:
    """The text at the share of the strategy, with everything protected in it.

    Args:
        text: any text.
        strategy: one of `STRATEGIES`.
        count: tokens of a text.
    """
    whole = count(text)
    if whole < SHORTEST:
        return Shortened(text, whole)
    share = max(1, round(SHARES[strategy] * whole))
    terms = protected(text)

    def with_room(room: int) -> Shortened:
        said = summarise(text, room, count) if room >= _LEAST else ""
        kept = set(protected(said))
        left = [term for term in terms if term not in kept and not _stands(term, said)]
        both = "\n".join(filter(None, [said, _TAIL + "; ".join(left) if left else ""]))
        return Shortened(both, count(both))

    barest = with_room(0)
    fits = barest.tokens <= share * (1 + TOLERANCE)
    best = _fullest(with_room, share, barest) if fits else barest
    if best is barest and terms:
        best = replace(with_room(_BEGINNING), protected_won=True)
    return best if best.text and best.tokens < whole else Shortened(text, whole)


def _fullest(with_room: Callable[[int], Shortened], share: int, barest: Shortened) -> Shortened:
    """The most that fits in the share: the more room sentences get, the less is left to list."""
    best, low, high, room = barest, 0, share, share
    for _ in range(_STEPS):
        tried = with_room(room)
        if best.tokens < tried.tokens <= share * (1 + TOLERANCE / 2):
            best = tried
        if best.tokens >= share * (1 - TOLERANCE / 2):
            break
        if tried.tokens <= share:
            low = room
        else:
            high = room
        if low >= high - 1:
            break
        room = (low + high) // 2
    return best


def _stands(term: str, said: str) -> bool:
    """Whether a short summary holds the term although it was read differently there."""
    return len(said) < 20_000 and term in said
