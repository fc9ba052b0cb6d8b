"""Fit hits into a token budget that holds."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..records import Hit

#: No text is cut below this, tokens: half a dozen words of each would say nothing of any.
LEAST = 96
#: No text of so many tokens is cut at all: the few that would save are not worth its end.
WHOLE = 128


def fit(
    hits: Sequence[Hit],
    budget: int,
    cost: Callable[[Hit], int],
    cut: Callable[[str, int], str],
) -> list[Hit]:
    """The hits that fit, in order, long ones cut so that the others have room.

    Each hit may take what is left over divided by the hits still to come, but ``LEAST`` in any
    case, and all it needs up to ``WHOLE``: one long text cannot push the rest out, short ones are
    shown whole, and what they leave unused goes on to the next. Stops at the first hit that does
    not fit even cut; only the first of all is cut to less.

    Args:
        budget: tokens for all hits together.
        cost: tokens of a hit as the reader gets it, its dressing included.
        cut: shortens a text to at most so many tokens.
    """
    kept: list[Hit] = []
    for number, hit in enumerate(hits):
        share, paid = budget // (len(hits) - number), cost(hit)
        if paid > share:
            dressing = cost(replace(hit, text=""))
            room = paid - dressing if paid - dressing <= WHOLE and paid <= budget else LEAST
            share = max(share, room + dressing)
        if paid > min(share, budget):
            if share > budget and kept:
                break
            shown = cut_to(hit, min(share, budget), cost, cut)
            if shown is None:
                break
            hit, paid = shown, cost(shown)
        kept.append(hit)
        budget -= paid
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
