"""What a new text may do to an older one that is like it: repeat it, or take its place. Pure.

Likeness alone decides nothing: nine of ten updates are too unlike their original for any threshold
that finds repetitions, and the most alike of them are not repetitions (see `values`). What decides
is which values the two do not share, and where they stand.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ..records import TRUST_ORDER, Relation
from .values import REMEMBERED, is_content, says_the_same, words_of

#: Cosine from which two texts are looked at as repetitions, as two states of one thing, and as
#: such a pair when nothing but their likeness speaks for it.
ALIKE, RELATED, CLOSE = 0.7, 0.3, 0.6
#: Two short texts that are embedded with their dates are alike by these already: what their cosine
#: begins at, and what a cosine of 1 without dates adds to it (write-side dev pairs, r = .97).
DATED, SPREAD = 0.38, 0.59
#: Words up to which a text says one thing, so that all of it counts as the place of its value.
SHORT = 16
#: Content words around a value, on each side, that say what it is the value of, and how many of
#: them two values must share to be values of the same thing.
AROUND, SHARED = 7, 3
#: Content words of a question that must stand where a long text changed another.
ASKED = 2
#: Numbers of a text that are looked at.
VALUES = 12
#: Characters of a text that are looked at.
LOOKED_AT = 500

_MONTHS = frozenset(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_SIGNS = frozenset("€$£¥%")
_CHANGED = re.compile(
    r"\b(?:now|no longer|any ?more|moved|switched|changed|instead|replaced|since then|used to"
    r"|(?:has|have|had|'ve|'s) become|renamed|relocated|postponed|rescheduled|cancell?ed"
    r"|nicht mehr|jetzt|désormais|ahora)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d[\d.,:/-]*")


@dataclass(frozen=True, slots=True)
class Value:
    """A number in a text.

    Attributes:
        shape: what it measures, as far as it is written with it: "%", "$", "date", "ms", "".
        about: stems of the content words around it.
    """

    word: str
    shape: str
    about: frozenset[str]


@dataclass(frozen=True, slots=True)
class Statement:
    """What is compared of a text: its beginning, where it says what it has to say.

    Attributes:
        stems: of its content words.
        changes: stems of the content words around each word that speaks of a change.
    """

    words: tuple[str, ...]
    brief: bool
    stems: frozenset[str]
    values: tuple[Value, ...]
    changes: tuple[frozenset[str], ...]


def read(text: str) -> Statement:
    """A text as it is compared with others."""
    text = text[:LOOKED_AT]
    words = words_of(text)
    content = [(place, stem(word)) for place, word in enumerate(words) if is_content(word)]
    numbers = [place for place, word in enumerate(words) if word[0].isdigit()][:VALUES]
    values = [
        Value(words[place].casefold(), _shape(words, place), _around(content, place))
        for place in numbers
    ]
    changes = []
    for found in _CHANGED.finditer(text):
        changes.append(_around(content, len(words_of(text[: found.start()]))))
    stems = frozenset(said for _, said in content)
    return Statement(tuple(words), len(words) <= SHORT, stems, tuple(values), tuple(changes))


def relation(
    newer: Statement, older: Statement, cosine: float, *, dated: bool = False
) -> Relation | Literal[""]:
    """What ``newer`` does to ``older``, which was said before it.

    Args:
        cosine: of the two.
        dated: both were embedded with a date before the text.

    Returns:
        "" for nothing.
    """
    brief = newer.brief and older.brief
    if brief and dated:
        cosine = min((cosine - DATED) / SPREAD, 1.0)
    if cosine < RELATED or not newer.stems or not older.stems:  # a bare number says nothing
        return ""
    if (brief or cosine >= ALIKE) and says_the_same(newer.words, older.words):
        return "repeats" if cosine >= ALIKE else ""
    if speaks_of_change(newer, older):
        return "supersedes"
    close = brief and cosine >= CLOSE
    return "may_supersede" if close or other_value(newer, older) else ""


def may_follow(newer: str, older: str) -> bool:
    """Whether a text of one trust may take the place of a text of another: not of a greater one.

    Trust can be lost later: what compares two stored texts asks this again.
    """
    return TRUST_ORDER.index(newer) >= TRUST_ORDER.index(older)


def speaks_of_change(newer: Statement, older: Statement) -> bool:
    """Whether a text says that something is no longer so, among words that both texts have."""
    if newer.brief and older.brief:
        return bool(newer.changes)
    return any(len(near & older.stems) >= SHARED for near in newer.changes)


def other_value(newer: Statement, older: Statement) -> bool:
    """Whether both give a number for the same thing, and not the same one."""
    return any(True for _ in _conflicts(newer, older))


def at_issue(question: Statement, newer: Statement, older: Statement) -> bool:
    """Whether a question asks about what ``newer`` changed, and not about another part of it.

    A brief text that speaks of no change says less of the question than a brief one it is like,
    when a word of the question stands in that one alone.
    """
    if newer.brief and older.brief:
        return bool(newer.changes) or question.stems & older.stems <= newer.stems
    changed = [near & older.stems for near in newer.changes]
    places = [*_conflicts(newer, older), *(near for near in changed if len(near) >= SHARED)]
    return any(len(place & question.stems) >= ASKED for place in places)


def _conflicts(newer: Statement, older: Statement) -> Iterator[frozenset[str]]:
    """What each number of one text and another number of the other are both about."""
    a, b = ({value.word for value in said.values} for said in (newer, older))
    for one in newer.values:
        for two in older.values:
            about = one.about & two.about
            differ = one.word not in b and two.word not in a and one.shape == two.shape
            if differ and len(about) >= SHARED:
                yield about


@lru_cache(REMEMBERED)
def stem(word: str) -> str:
    """Enough of a word to know its other forms by."""
    return word.casefold().replace("’", "'").removesuffix("'s").rstrip("s")[:5]


def _shape(words: list[str], place: int) -> str:
    before = words[place - 1] if place else ""
    after = words[place + 1] if place + 1 < len(words) else ""
    for sign in (before, after):
        if sign in _SIGNS:
            return sign
    if before.casefold() in _MONTHS or after.casefold() in _MONTHS:
        return "date"
    return _NUMBER.sub("", words[place]).casefold()


def _around(content: Sequence[tuple[int, str]], place: int) -> frozenset[str]:
    """Stems of the content words next to a place."""
    before = [said for at, said in content if at < place][-AROUND:]
    after = [said for at, said in content if at > place][:AROUND]
    return frozenset(before + after)
