"""Fit hits into a token budget that holds."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..records import Hit

#: A text shorter than this, tokens, is not worth showing cut.
LEAST = 24


def fit(
    hits: Sequence[Hit],
    budget: int,
    cost: Callable[[Hit], int],
    cut: Callable[[str, int], str],
) -> list[Hit]:
    """The hits that fit, in order, long ones cut so that the others have room.

    Each hit may take what is left over divided by the hits still to come, so one long text cannot
    push the rest out, and what short ones leave unused goes on to the next. Stops at the first hit
    that does not fit even cut.

    Args:
        budget: tokens for all hits together.
        cost: tokens of a hit as the reader gets it, its dressing included.
        cut: shortens a text to at most so many tokens.
    """
    kept: list[Hit] = []
    for number, hit in enumerate(hits):
        share = max(
            budget // (len(hits) - number), min(budget, LEAST + cost(replace(hit, text="")))
        )
        shown = hit if cost(hit) <= share else cut_to(hit, share, cost, cut)
        if shown is None:
            break
        kept.append(shown)
        budget -= cost(shown)
    return kept


def cut_to(
    hit: Hit, share: int, cost: Callable[[Hit], int], cut: Callable[[str, int], str]
) -> Hit | None:
    """The hit with its text cut so that it costs at most ``share``; None if hardly any remains."""
    room = share - cost(replace(hit, text="", whole=False))
    while room >= 1:
        shown = replace(hit, text=cut(hit.text, room), whole=False)
        paid = cost(shown)
        if paid <= share:
            return shown if shown.text else None
        # Escapes and quotes can make the dressed text dearer than the bare one.
        room = min(room - 1, room * share // paid)
    return None
