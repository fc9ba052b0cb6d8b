"""One order for what several scopes found. Pure.

A score that a scope gives says how a hit compares with the others of that scope: BM25 weighs a word
by how rare it is there, so a word that is in every memory of a small scope counts for nothing in
it. Here the words are weighed by all the scopes together, and cosines are as they are; the order
that each scope found is kept.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

#: BM25's saturation and length normalisation (Robertson and Zaragoza 2009), as in FTS5.
K1, B = 1.2, 0.75
#: Smallest spread of cosines that counts as a full scale.
LEAST_SPREAD = 0.3
#: What a matching word says of the missing cosine of a hit without a vector.
BY_WORDS = 0.5


def bm25(
    terms: Sequence[str],
    passages: Sequence[Sequence[str]],
    frequencies: Mapping[str, int],
    total: int,
) -> list[float]:
    """BM25 of each passage, by the statistics of all scopes.

    Args:
        terms: stems of the question.
        passages: stems of each passage, in any order, repeated as they occur.
        frequencies: in how many passages of all scopes a term stands.
        total: how many passages all scopes have.
    """
    average = sum(map(len, passages)) / max(1, len(passages)) or 1.0
    weights = {term: _rarity(frequencies.get(term, 0), total) for term in terms}
    scores = []
    for passage in passages:
        counts = Counter(passage)
        norm = K1 * (1 - B + B * len(passage) / average)
        scores.append(
            sum(
                weight * counts[term] * (K1 + 1) / (counts[term] + norm)
                for term, weight in weights.items()
            )
        )
    return scores


def _rarity(frequency: int, total: int) -> float:
    """Inverse document frequency; never below 0."""
    return math.log(1 + max(0.0, total - frequency + 0.5) / (frequency + 0.5))


def joint(
    cosines: Sequence[float | None], by_words: Sequence[float], lexical_weight: float
) -> list[float]:
    """Scaled cosine + ``lexical_weight`` * scaled BM25, over the hits of all scopes."""
    known = [cosine for cosine in cosines if cosine is not None]
    low = min(known, default=0.0)
    spread = max(max(known, default=0.0) - low, LEAST_SPREAD)
    most = max(by_words, default=0.0) or 1.0
    return [
        (BY_WORDS * words / most if cosine is None else (cosine - low) / spread)
        + lexical_weight * words / most
        for cosine, words in zip(cosines, by_words, strict=True)
    ]


def interleave(groups: Sequence[Sequence[float]]) -> list[tuple[int, int, float]]:
    """Merge ranked groups by their scores, each group staying in its own order.

    A hit that its scope ranked before a better scored one is worth at least as much as that one.

    Returns:
        ``(group, place in the group, score)``, best first; of equals the earlier group's.
    """
    raised = []
    for number, scores in enumerate(groups):
        best = -math.inf
        for place in reversed(range(len(scores))):
            best = max(best, scores[place])
            raised.append((number, place, best))
    return sorted(raised, key=lambda each: (-each[2], each[0], each[1]))
