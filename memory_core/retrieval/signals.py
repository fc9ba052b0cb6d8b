"""What speaks for an item, each signal a number that means the same in every store.

What each brought on BEAM-dev: `benchmarks/README.md`, "Evidence recall".
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from ..records import ASKS, COUNTED, DENIES, PREFERS, TIMED
from .cues import Cues
from .outline import NONE, Floats, Ints, Outline
from .time_expressions import within
from .words import Matches, coverage, in_conversation, with_previous

Signals: TypeAlias = Mapping[str, Floats]

#: Turns of a conversation whose scores make the conversation's.
BEST = 3
#: Letters of a word with its space; log of the length, words, up to which a text is short.
LETTERS, SHORT = 6.0, 3.5


def lexical_signals(outline: Outline, matches: Matches) -> dict[str, Floats]:
    """What the words say, for all items: float64 ``(n,)`` each, 0 to 1.

    - ``words``: share of the question in the item or the turn before it.
    - ``conversation_words``: mean share of the three best turns of its conversation.
    - ``conversation_union``: share of the question anywhere in its conversation.
    """
    weights, items = matches.weights, matches.items
    return {
        "words": coverage(weights, with_previous(items, outline)),
        "conversation_words": best_of_conversation(coverage(weights, items), outline),
        "conversation_union": coverage(weights, in_conversation(items, outline)),
    }


def cue_signals(outline: Outline, matches: Matches, cues: Cues) -> dict[str, Floats]:
    """What the wording of the question asks of an item, for all items: ``(n,)`` each, 0 to 1.

    - ``speaker``: the one named speaker's turn; of what nobody said, what mentions the name.
    - ``period``: happened in the time the question speaks of.
    - ``when``: says when, and the question asks for that.
    - ``how_many``: says how many, and the question asks for that.
    - ``preference``: says how something is to be done, and the question asks for help: what a
      person wants bears on the answer though it need not resemble the question. The assistant's
      own words do not count.
    - ``denial``: share of the question in a text that says of something that it never happened,
      when the question asks whether it did: whoever told both at different times said it once in
      many words and once in few. Not the assistant's own.
    - ``asks``: is itself a question.
    - ``length``: how far it is longer than 30 words (its longest chunk), a logarithm: more words
      match more by chance.
    - ``assistant``: an assistant's own words, which seldom are what is known of the user.
    """
    n = len(outline.items)
    nothing = np.zeros(n)
    silent = ("speaker", "period", "when", "how_many", "preference", "denial")
    signals: dict[str, Floats] = {name: nothing for name in silent}
    if cues.speaker:
        theirs = outline.speaker == outline.names[cues.speaker]
        mentioned = (outline.speaker == NONE) & matches.having(cues.name_words)
        signals["speaker"] = (theirs | mentioned).astype(float)
    if cues.periods:
        signals["period"] = within(outline.at, cues.periods).astype(float)
    if cues.when:
        signals["when"] = _shows(outline, TIMED)
    if cues.how_many:
        signals["how_many"] = _shows(outline, COUNTED)
    signals["asks"] = _shows(outline, ASKS)
    assistant = outline.names.get("assistant", NONE - 1)
    signals["assistant"] = (outline.speaker == assistant).astype(float)
    if cues.seeks_help:
        signals["preference"] = _shows(outline, PREFERS) * (outline.speaker != assistant)
    if cues.whether:
        denies = _shows(outline, DENIES) * (outline.speaker != assistant)
        signals["denial"] = denies * coverage(matches.weights, matches.items)
    signals["length"] = np.maximum(np.log1p(outline.longest / LETTERS) - SHORT, 0.0)
    return signals


def meaning_signals(
    outline: Outline, cosine: Floats, pool: Ints, words: Floats
) -> dict[str, Floats]:
    """What the vectors say, for the items of a pool: ``(p,)`` each.

    - ``meaning``: cosine of the question with the item's nearest chunk; without a vector
      its words stand for it.
    - ``conversation_meaning``: mean of the three nearest turns of its conversation.

    Args:
        cosine: ``(n,)``, nan where it was not looked at.
        pool: places of the items.
        words: ``(p,)``, share of the question in each of them.
    """
    known = cosine[~np.isnan(cosine)]
    if not len(known):
        nothing = np.zeros(len(pool))
        return dict.fromkeys(("meaning", "conversation_meaning"), nothing)
    filled = np.where(np.isnan(cosine), known.min(), cosine)
    own = stood_for(cosine[pool], words)
    together = best_of_conversation(filled, outline)[pool]
    return {"meaning": own, "conversation_meaning": together}


def stood_for(values: Floats, words: Floats) -> Floats:
    """Values in which nan, what was not measured yet, is as high as the item's words reach.

    Args:
        values: ``(p,)``, not all nan.
        words: ``(p,)``, share of the question in each item.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values))
    guessed = known.min() + words * (known.max() - known.min())
    return np.where(np.isnan(values), guessed, values)


def best_of_conversation(values: Floats, outline: Outline) -> Floats:
    """Mean of the `BEST` greatest values, -1 to 1, of each item's conversation, ``(n,)``.

    A conversation of fewer turns counts with those it has; an item in none with its own value.
    """
    said, begins = outline.said, outline.begins
    if not len(said):
        return values
    turns = values[said]
    least = turns.min()  # most are: only the others need an order
    more = np.flatnonzero(turns > least)
    groups = outline.conversation[said[more]]
    # By conversation, the greatest first; these ascend, so that they stay as they are.
    order = np.argsort(4 * groups - turns[more])
    first = np.searchsorted(groups, np.arange(len(begins)))
    top = np.arange(len(more)) - first[groups] < BEST
    gains = np.bincount(groups[top], turns[more[order[top]]] - least, minlength=len(begins))
    means = least + gains / np.minimum(outline.turns, BEST)
    spread = values.copy()
    spread[said] = means[outline.conversation[said]]
    return spread


def _shows(outline: Outline, trait: int) -> Floats:
    return np.asarray((outline.traits & trait) != 0, np.float64)
