"""What the wording of a question tells beyond its content words."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..text.stop_words import STOP_WORDS
from .time_expressions import Period, periods

#: Speakers that are parts, not people: naming them says nothing about whose turn is meant.
ROLES = frozenset("user assistant system tool human ai bot model agent me".split())

_WHEN = re.compile(
    r"\s*(?:when\b|(?:on |in )?(?:what|which) (?:date|day|month|year|time)\b"
    r"|how (?:long|recently)\b|since when\b)",
    re.IGNORECASE,
)
_HOW_MANY = re.compile(r"\bhow (?:many|much|often|old|far|tall|big|long)\b", re.IGNORECASE)
_SEEKS_HELP = re.compile(
    r"\b(?:(?:can|could|would|will) you|how (?:do|should|can|could|would|might) (?:i|we)"
    r"|(?:should|shall) (?:i|we)|what \w+ ?(?:should|can|could) (?:i|we)|help me|show me"
    r"|any (?:good )?(?:tips|ideas|advice)|what are some)\b"
    r"|^\s*(?:please|suggest|recommend|give|write|draft|explain|help|show|plan|make|create)\b",
    re.IGNORECASE,
)
_LOOKS_BACK = re.compile(
    r"\b(?:summar\w+|recap|in order|the order|timeline|chronolog\w*|histor\w+"
    r"|(?:our|my|these|those|the) (?:conversations?|chats?|discussions?|sessions)"
    r"|i(?:['’]ve| have)? (?:brought|mentioned|said|told|asked|discussed)|(?:have|did|had) i"
    r"|over time|so far|throughout|progress\w*|evol\w+)\b",
    re.IGNORECASE,
)
_WHETHER = re.compile(r"\s*(?:have|has|had|did)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Cues:
    """Cues of one question.

    Attributes:
        speaker: the one speaker that is named, as the name is stored; "" for none or several.
        name_words: words of the question, lower case, that name a speaker.
        when: it asks for a time.
        how_many: it asks for a number.
        periods: stretches of time it speaks of.
        seeks_help: it asks for something to be done or advised, and not for what was.
        whether: it asks whether something ever happened.
    """

    speaker: str
    name_words: frozenset[str]
    when: bool
    how_many: bool
    periods: tuple[Period, ...]
    seeks_help: bool = False
    whether: bool = False


def read_cues(question: str, speakers: Iterable[str], now: float) -> Cues:
    """Read a question in the light of who has spoken and what day it is.

    Args:
        speakers: names as they are stored.
        now: time of asking, seconds UTC.
    """
    words = [word.casefold() for word in _WORD.findall(question)]
    named, said = _named(words, speakers)
    return Cues(
        speaker=named[0] if len(named) == 1 else "",
        name_words=said,
        when=bool(_WHEN.match(question)),
        how_many=bool(_HOW_MANY.search(question)),
        periods=periods(question, now),
        seeks_help=bool(_SEEKS_HELP.search(question)) and not _LOOKS_BACK.search(question),
        whether=bool(_WHETHER.match(question)),
    )


def _named(words: Sequence[str], speakers: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """The speakers a question names by any word of their names, and those words of it."""
    asked = {word for word in words if word not in STOP_WORDS and len(word) > 1}
    owners: dict[str, list[str]] = {}
    for speaker in speakers:
        if speaker.casefold() not in ROLES:
            for part in set(_WORD.findall(speaker.casefold())) & asked:
                owners.setdefault(part, []).append(speaker)
    named = dict.fromkeys(who for part in words for who in owners.get(part, []))
    best = {who: sum(who in found for found in owners.values()) for who in named}
    # Of "Ann Lee" and "Ann Ray" a question about Ann Lee names the one it says more of.
    most = [
        who
        for who in named
        if not any(
            best[other] > best[who] and any(who in f and other in f for f in owners.values())
            for other in named
        )
    ]
    return most, frozenset(owners)
