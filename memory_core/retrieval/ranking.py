"""One order out of all signals: a weighted sum, the same weights for everything ever stored."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .outline import Floats
from .signals import Signals

#: Candidates whose token codes are read; they hold 94 % of LoCoMo-dev's evidence.
DEPTH = 100

#: Weight of each signal, fitted on LoCoMo-dev and BEAM-dev together, the same for every store
#: (listwise softmax, L2; see `benchmarks/README.md`).
WEIGHTS: Mapping[str, float] = {
    "meaning": 1.8, "words": 2.0, "conversation_words": 2.1, "conversation_union": 1.75,
    "conversation_meaning": 4.0, "speaker": 1.9, "period": 3.7, "when": 1.35, "how_many": 1.6,
    "asks": -0.2, "assistant": -1.6, "length": -1.2, "tokens": 17.0,
}  # fmt: skip
#: The same before token codes are read, or where there are none.
WEIGHTS_BEFORE_TOKENS: Mapping[str, float] = {
    "meaning": 7.4, "words": 3.7, "conversation_words": 2.35, "conversation_union": 2.25,
    "conversation_meaning": 3.8, "speaker": 1.95, "period": 4.3, "when": 1.75, "how_many": 1.75,
    "asks": -0.15, "assistant": -2.0, "length": -0.65,
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
