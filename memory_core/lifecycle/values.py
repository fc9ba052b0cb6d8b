"""Whether two texts that look alike say the same. Pure.

Likeness of words or vectors never decides alone: "the fare is 20 euros" and "the fare is 30 euros"
are alike and contradict each other. What two texts do not share must carry no value.
"""

import re

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


def likeness(one: str, two: str) -> float:
    """Shared words of two texts by all their words, case ignored (Jaccard), 0 to 1."""
    a, b = ({word.casefold() for word in _WORD.findall(text)} for text in (one, two))
    return len(a & b) / len(a | b) if a | b else 1.0


def same_values(one: str, two: str) -> bool:
    """Whether every word that only one of the texts has may be left out without a loss.

    Numbers, names, negations and opposites may not.
    """
    a, b = (_WORD.findall(text) for text in (one, two))
    folded_a, folded_b = ({word.casefold() for word in words} for words in (a, b))
    odd = [(k, w) for k, w in enumerate(a) if w.casefold() not in folded_b]
    odd += [(k, w) for k, w in enumerate(b) if w.casefold() not in folded_a]
    return not any(_carries_value(word, first=k == 0) for k, word in odd)


def _carries_value(word: str, *, first: bool) -> bool:
    plain = word.casefold().replace("’", "'")
    return (
        any(character.isdigit() for character in word)
        or not word[0].isalpha()
        or (word[0].isupper() and not first)
        or plain in _NEGATION
        or plain in _OPPOSED
        or plain.endswith("n't")
    )
