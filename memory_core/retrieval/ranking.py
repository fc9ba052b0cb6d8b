"""One order out of all signals: a weighted sum, the same weights for everything ever stored."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .outline import Floats
from .signals import Signals

#: Candidates whose token codes are read; they hold 94 % of LoCoMo-dev's evidence.
DEPTH = 100

#: Weight of each signal, fitted on LoCoMo-dev and BEAM-dev together, the same for every store
#: (listwise softmax, L2; see `benchmarks/README.md`). ``denial`` was added to these by
#: hand: 14 questions of BEAM-dev and 4 of LoCoMo-dev have it.
WEIGHTS: Mapping[str, float] = {
    "meaning": 1.3, "words": 1.85, "conversation_words": 2.3, "conversation_union": 1.5,
    "conversation_meaning": 3.65, "speaker": 2.15, "period": 3.05, "when": 1.55, "how_many": 1.55,
    "preference": 4.1, "denial": 2.5, "asks": -0.1, "assistant": -1.6, "length": -1.0,
    "tokens": 18.3,
}  # fmt: skip
#: The same before token codes are read, or where there are none.
WEIGHTS_BEFORE_TOKENS: Mapping[str, float] = {
    "meaning": 7.55, "words": 3.75, "conversation_words": 2.5, "conversation_union": 2.2,
    "conversation_meaning": 3.5, "speaker": 1.9, "period": 4.55, "when": 2.05, "how_many": 1.7,
    "preference": 3.95, "denial": 2.5, "asks": -0.05, "assistant": -1.95, "length": -0.35,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that may be a hit.

    Attributes:
        item: row of the item.
        chunk: row of its best chunk.
        score: chance that it is what was asked for, by all signals together.
        cosine: of its nearest chunk; None when it has no vector.
        signals: by name.
    """

    item: int
    chunk: int
    score: float
    cosine: float | None
    signals: Mapping[str, float]


def weighted(signals: Signals, weights: Mapping[str, float]) -> Floats:
    """The weighted sum of the signals that are there, ``(p,)``."""
    return np.asarray(sum(weights[name] * signals[name] for name in signals if name in weights))


def best(scores: Floats, n: int) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Places of the ``n`` greatest scores, best first; equal ones in order."""
    if 0 < n < len(scores) // 4:
        least = np.partition(scores, len(scores) - n)[len(scores) - n]
        chosen = np.flatnonzero(scores >= least)
        return np.asarray(chosen[np.argsort(-scores[chosen], kind="stable")[:n]])
    return np.argsort(-scores, kind="stable")[:n]
