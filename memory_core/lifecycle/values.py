"""Whether two texts that look alike say the same. Pure.

Likeness of words or vectors never decides alone: "the fare is 20 euros" and "the fare is 30 euros"
are alike and contradict each other. What two texts do not share must carry no value.
"""

import re
from collections import Counter
from collections.abc import Sequence, Set
from functools import lru_cache

from ..text.stop_words import STOP_WORDS

#: Words whose nature is kept: a text is compared with dozens, which are made of the same words.
REMEMBERED = 4096

_WORD = re.compile(r"\w+(?:['’.,:/-]\w+)*|[€$£¥%]")
_NEGATION = frozenset(
    "no not never none nothing nobody neither nor without cannot n't nicht kein keine keinen nie "
    "ohne pas jamais aucun sans sin nunca ningún не нет без".split()
)
_OPPOSED = frozenset(
    "on off true false yes all any only more less before after up down open closed "
    "enabled disabled enable disable increase decrease add remove start stop "
    "left right first last am pm".split()
)


def vocabulary(text: str) -> frozenset[str]:
    """The distinct words of a text, case ignored."""
    return frozenset(map(str.casefold, _WORD.findall(text)))


def likeness(one: Set[str], two: Set[str]) -> float:
    """Shared words of two texts by all of them (Jaccard), 0 to 1.

    Takes the `vocabulary` of each, so that comparing many with each other reads a text once.
    """
    shared = len(one & two)
    return shared / (len(one) + len(two) - shared) if one or two else 1.0


def same_values(one: Sequence[str], two: Sequence[str]) -> bool:
    """Whether every word that only one of two texts has may be left out without a loss.

    Numbers, names, negations and opposites may not. Takes the `words_of` each.
    """
    return not (_adds_value(one, _folded(two)) or _adds_value(two, _folded(one)))


def says_the_same(one: Sequence[str], two: Sequence[str]) -> bool:
    """Whether one of two texts is the other in other words: `same_values`, and no word was changed
    for another that may be a value too.

    "I'm vegan" and "I'm keto" share all numbers and names, having none. So when both have words of
    their own, a value they share must stand behind these, as in "my home is in Paris" and "I live
    in Paris".
    """
    if not same_values(one, two):
        return False
    folded_one, folded_two = _folded(one), _folded(two)
    odd_one, odd_two = _last_odd(one, folded_two), _last_odd(two, folded_one)
    if odd_one < 0 or odd_two < 0:
        return True
    return _last_value(one, folded_two) > odd_one and _last_value(two, folded_one) > odd_two


def asks_for_older(question: Sequence[str], newer: Sequence[str], older: Sequence[str]) -> bool:
    """Whether a question names a number or name that only the older of two texts has.

    A number that it has more often counts too, as in "parcel 7 in aisle 7" against "parcel 5 in
    aisle 7". Takes the `words_of` each.
    """
    asked = {
        word.casefold()
        for place, word in enumerate(question)
        if word[0].isdigit() or (word[0].isupper() and place and is_content(word))
    }
    new, old = (Counter(map(str.casefold, words)) for words in (newer, older))
    return any(old[w] > new[w] and (w[0].isdigit() or not new[w]) for w in asked)


def words_of(text: str) -> list[str]:
    """The words, numbers and currency signs of a text, in order."""
    return _WORD.findall(text)


@lru_cache(REMEMBERED)
def is_content(word: str) -> bool:
    """Whether a word says what is spoken of: no number, sign or function word."""
    return word[0].isalpha() and len(word) > 1 and _bare(word) not in STOP_WORDS


@lru_cache(REMEMBERED)
def carries_value(word: str, *, first: bool) -> bool:
    """Whether leaving the word out may change what is said.

    Args:
        first: it begins its text, where a capital says nothing.
    """
    plain = word.casefold().replace("’", "'")
    return (
        any(character.isdigit() for character in word)
        or not word[0].isalpha()
        or (word[0].isupper() and not first)
        or plain in _NEGATION
        or plain in _OPPOSED
        or plain.endswith("n't")
    )


def _folded(words: Sequence[str]) -> set[str]:
    return set(map(str.casefold, words))


def _adds_value(words: Sequence[str], other: set[str]) -> bool:
    """Whether a word that the other text does not have carries a value."""
    return any(
        word.casefold() not in other and carries_value(word, first=place == 0)
        for place, word in enumerate(words)
    )


def _last_odd(words: Sequence[str], other: set[str]) -> int:
    """Place of the last content word that the other text does not have; -1 for none."""
    odd = [k for k, w in enumerate(words) if is_content(w) and w.casefold() not in other]
    return odd[-1] if odd else -1


def _last_value(words: Sequence[str], other: set[str]) -> int:
    """Place of the last value that the other text has too; -1 for none."""
    shared = [
        k for k, w in enumerate(words) if w.casefold() in other and carries_value(w, first=k == 0)
    ]
    return shared[-1] if shared else -1


def _bare(word: str) -> str:
    """``what's`` is ``what``."""
    return re.split("['’]", word.casefold())[0]
