"""The order of what took another's place: the newer first; both when a change is asked about. Pure.

A similarity has no preference for what is true now: on BEAM-dev's updates it puts the newer message
first in four cases of ten.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

#: Places from the top among which a pair is put in order; further down it is left as it is. With
#: 10 of them BEAM-dev's R@1 loses 3 points more and no further update comes first.
MOVED = 5
_CHANGE = re.compile(
    r"\b(?:chang(?:e|ed|es|ing)|before|previous(?:ly)?|earlier|former(?:ly)?|original(?:ly)?"
    r"|initial(?:ly)?|used to|history|over time|evol(?:ve|ved|ution)|no longer|contradict\w*)\b",
    re.IGNORECASE,
)


def asks_of_change(question: str) -> bool:
    """Whether a question is about how something was or became, and not only about how it is."""
    return bool(_CHANGE.search(question))


def newer_first(order: Sequence[int], pairs: Iterable[tuple[int, int]]) -> list[int]:
    """The order with the newer of a pair right before the older, where both are near the top.

    Args:
        order: items, best first, each once.
        pairs: ``(newer, older)``; what follows itself in a circle is left as it is.
    """
    top = order[:MOVED]
    newer = _partners(top, pairs)
    placed: dict[int, None] = {}

    def place(item: int, above: frozenset[int]) -> None:
        for other in newer[item]:
            if other not in placed and other not in above:
                place(other, above | {item})
        placed.setdefault(item)

    for item in top:
        place(item, frozenset())
    return [*placed, *order[MOVED:]]


def together(order: Sequence[int], pairs: Iterable[tuple[int, int]]) -> list[int]:
    """The order with the best partner of each item near the top right behind it.

    Args:
        order: items, best first, each once.
        pairs: ``(newer, older)``; either brings the other.
    """
    both = [*pairs]
    partners = _partners(order, [*both, *((older, newer) for newer, older in both)])
    placed: dict[int, None] = {}
    for item in order[:MOVED]:
        placed.setdefault(item)
        if partners[item]:
            placed.setdefault(partners[item][0])
    return list(dict.fromkeys([*placed, *order]))


def _partners(order: Sequence[int], pairs: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """For each second of a pair the firsts, as far as both are in the order, best first."""
    places = {item: place for place, item in enumerate(order)}
    found: defaultdict[int, list[int]] = defaultdict(list)
    for one, other in pairs:
        if one in places and other in places:
            found[other].append(one)
    for several in found.values():
        several.sort(key=places.__getitem__)
    return found
