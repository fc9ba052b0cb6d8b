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


#: Smallest spread of cosines that counts as a full scale: in a store of a few memories the best
#: may hardly be nearer than the worst, and a matching word must then decide.
LEAST_SPREAD = 0.3
#: What a matching word says of the missing cosine of a chunk without a vector.
BY_WORDS = 0.5


def fuse(
    dense: Sequence[tuple[int, int, float]],
    lexical: Sequence[tuple[int, int, float]],
    cosines: Mapping[int, float],
    *,
    lexical_weight: float,
) -> Iterator[Candidate]:
    """Candidates, best first: scaled cosine + ``lexical_weight`` * scaled BM25 of the best chunk.

    Both are scaled to 0..1 over the candidate chunks, so that one weight serves every store and a
    chance match in a small one cannot outweigh meaning. On LoCoMo-dev this finds as much as the sum
    of z-scores and five points more of recall at 5 than reciprocal rank fusion with k = 60.

    Args:
        dense: ``(item, chunk, cosine)``, each item with its nearest chunk; empty in lexical mode.
        lexical: ``(item, chunk, bm25)``; an item may come with several chunks.
        cosines: of the lexical chunks, as far as they have vectors.
    """
    item_of = {chunk: item for item, chunk, _ in (*lexical, *dense)}
    cosine = {**cosines, **{chunk: score for _, chunk, score in dense}}
    words = {chunk: score for _, chunk, score in lexical}
    chunks = list(item_of)
    by_words = _scaled(np.array([words.get(chunk, 0.0) for chunk in chunks]), low=0.0, least=1e-9)
    by_meaning = _scaled(np.array([cosine.get(chunk, np.nan) for chunk in chunks]))
    by_meaning = np.where(np.isnan(by_meaning), BY_WORDS * by_words, by_meaning)
    scores = by_meaning + lexical_weight * by_words
    seen: set[int] = set()
    for k in np.lexsort((np.array(chunks), -scores)).tolist():
        chunk = chunks[k]
        item = item_of[chunk]
        if item not in seen:
            seen.add(item)
            bm25 = words.get(chunk, 0.0)
            yield Candidate(item, chunk, float(scores[k]), cosine.get(chunk), bm25)


def _scaled(
    scores: NDArray[np.float64], low: float | None = None, least: float = LEAST_SPREAD
) -> NDArray[np.float64]:
    """Scores from 0 (the lowest, or ``low``) to 1 (the highest); missing ones stay NaN."""
    known = scores[~np.isnan(scores)]
    if not len(known):
        return scores
    bottom = known.min() if low is None else low
    scaled: NDArray[np.float64] = (scores - bottom) / max(float(known.max()) - bottom, least)
    return scaled
