"""Bring two rankings together: by meaning (cosine) and by words (BM25)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that may be a hit.

    Attributes:
        item: row of the item.
        chunk: row of its best chunk.
        score: fused score.
        cosine: of that chunk; None when it has no vector.
        bm25: of that chunk; 0.0 when no word matched.
    """

    item: int
    chunk: int
    score: float
    cosine: float | None
    bm25: float


def fuse(
    dense: Sequence[tuple[int, int, float]],
    lexical: Sequence[tuple[int, int, float]],
    cosines: Mapping[int, float],
    *,
    lexical_weight: float,
) -> list[Candidate]:
    """All candidates, best first: ``z(cosine) + lexical_weight * z(bm25)`` of an item's best chunk.

    Both scores are standardised over the candidate chunks, so that one weight serves every store.
    A chunk without a vector takes the mean cosine: it is neither favoured nor punished. On
    conversations this beats reciprocal rank fusion by five to eleven points of recall at 5.

    Args:
        dense: ``(item, chunk, cosine)``, each item with its nearest chunk; empty in lexical mode.
        lexical: ``(item, chunk, bm25)``; an item may come with several chunks.
        cosines: of the lexical chunks, as far as they have vectors.
    """
    item_of = {chunk: item for item, chunk, _ in (*lexical, *dense)}
    cosine = {**cosines, **{chunk: score for _, chunk, score in dense}}
    words = {chunk: score for _, chunk, score in lexical}
    chunks = list(item_of)
    scores = _standard(np.array([cosine.get(chunk, np.nan) for chunk in chunks]))
    scores = scores + lexical_weight * _standard(np.array([words.get(c, 0.0) for c in chunks]))
    ranked: dict[int, Candidate] = {}
    for k in sorted(range(len(chunks)), key=lambda k: (-scores[k], chunks[k])):
        item, chunk = item_of[chunks[k]], chunks[k]
        if item not in ranked:
            bm25 = words.get(chunk, 0.0)
            ranked[item] = Candidate(item, chunk, float(scores[k]), cosine.get(chunk), bm25)
    return list(ranked.values())


def _standard(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores minus their mean, over their deviation; missing ones become 0 (the mean)."""
    known = scores[~np.isnan(scores)]
    if not len(known):
        return np.zeros(len(scores))
    standard: NDArray[np.float64] = (scores - known.mean()) / (known.std() + 1e-9)
    return np.nan_to_num(standard, nan=0.0)
