"""Whether two texts that look alike say the same. Pure.

Likeness of words or vectors never decides alone: "the fare is 20 euros" and "the fare is 30 euros"
are alike and contradict each other. What two texts do not share must carry no value.
"""

import re
from collections import Counter
from collections.abc import Set

from ..text.stop_words import STOP_WORDS

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


def same_values(one: str, two: str) -> bool:
    """Whether every word that only one of the texts has may be left out without a loss.

    Numbers, names, negations and opposites may not.
    """
    a, b = (_WORD.findall(text) for text in (one, two))
    folded_a, folded_b = ({word.casefold() for word in words} for words in (a, b))
    odd = [(k, w) for k, w in enumerate(a) if w.casefold() not in folded_b]
    odd += [(k, w) for k, w in enumerate(b) if w.casefold() not in folded_a]
    return not any(carries_value(word, first=k == 0) for k, word in odd)


def says_the_same(one: str, two: str) -> bool:
    """Whether one of two texts is the other in other words: `same_values`, and no word was changed
    for another that may be a value too.

    "I'm vegan" and "I'm keto" share all numbers and names, having none. So when both have words of
    their own, a value they share must stand behind these, as in "my home is in Paris" and "I live
    in Paris".
    """
    if not same_values(one, two):
        return False
    a, b = words_of(one), words_of(two)
    folded_a, folded_b = ({word.casefold() for word in words} for words in (a, b))
    odd_a, odd_b = _last_odd(a, folded_b), _last_odd(b, folded_a)
    if odd_a < 0 or odd_b < 0:
        return True
    return _last_value(a, folded_b) > odd_a and _last_value(b, folded_a) > odd_b


def asks_for_older(question: str, newer: str, older: str) -> bool:
    """Whether a question names a number or name that only the older of two texts has.

    A number that it has more often counts too, as in "parcel 7 in aisle 7" against "parcel 5 in
    aisle 7".
    """
    asked = {
        word.casefold()
        for place, word in enumerate(words_of(question))
        if word[0].isdigit() or (word[0].isupper() and place and is_content(word))
    }
    new, old = (Counter(word.casefold() for word in words_of(text)) for text in (newer, older))
    return any(old[w] > new[w] and (w[0].isdigit() or not new[w]) for w in asked)


def words_of(text: str) -> list[str]:
    """The words, numbers and currency signs of a text, in order."""
    return _WORD.findall(text)


def is_content(word: str) -> bool:
    """Whether a word says what is spoken of: no number, sign or function word."""
    return word[0].isalpha() and len(word) > 1 and _bare(word) not in STOP_WORDS


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


def _last_odd(words: list[str], other: set[str]) -> int:
    """Place of the last content word that the other text does not have; -1 for none."""
    odd = [k for k, w in enumerate(words) if is_content(w) and w.casefold() not in other]
    return odd[-1] if odd else -1


def _last_value(words: list[str], other: set[str]) -> int:
    """Place of the last value that the other text has too; -1 for none."""
    shared = [
        k for k, w in enumerate(words) if w.casefold() in other and carries_value(w, first=k == 0)
    ]
    return shared[-1] if shared else -1


def _bare(word: str) -> str:
    """``what's`` is ``what``."""
    return re.split("['’]", word.casefold())[0]
