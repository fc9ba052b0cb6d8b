"""Late interaction: each word of the question meets the word of the text that is nearest to it.

MaxSim of ColBERT (Khattab and Zaharia 2020), section 3.2, over token vectors of the sentence model
itself, the text's as 1-bit codes, the question's weighted by how much its words tell.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .lexical import WORD

Float32s = NDArray[np.float32]


def max_sim(question: Float32s, weights: Float32s, codes: Sequence[bytes]) -> NDArray[np.float64]:
    """Weighted mean over the question's tokens of their best match in each text.

    Args:
        question: float32 ``(t, bits)``, projected tokens.
        weights: float32 ``(t,)``, how much each tells; not all 0.
        codes: of each text its tokens' codes, ``bits / 8`` bytes each, at least one.

    Returns:
        float64 ``(n,)``: about 0 for unrelated texts, 0.5 for the question itself.
    """
    told = weights > 0
    asked = question[told]
    width = question.shape[1] // 8
    bits = np.unpackbits(np.frombuffer(b"".join(codes), np.uint8)).reshape(-1, width * 8)
    # q . (2 b - 1) = 2 q . b - sum(q)
    close = bits.astype(np.float32) @ asked.T
    sizes = np.fromiter(map(len, codes), np.intp, len(codes)) // width
    starts = np.cumsum(sizes) - sizes
    best = np.maximum.reduceat(close, starts, axis=0)
    best = (2 * best - asked.sum(1)) / np.sqrt(np.float32(question.shape[1]))
    share = weights[told] / weights[told].sum()
    return np.asarray(best @ share, np.float64)


#: Weight of a function word's tokens, and of a sign's. They are not looked up, yet "when" and "who"
#: lie near to what answers them. An idf of 2 is that of a word in every seventh text.
FUNCTION_WORD, SIGN = 2.0, 1.0


def token_weights(
    question: str, spans: Sequence[tuple[int, int]], words: Sequence[str], idf: NDArray[np.float64]
) -> Float32s:
    """The weight of each word piece of a question: the idf of the content word it lies in.

    Args:
        spans: characters of each piece in the question.
        words: its content words, lower case.
        idf: ``(w,)``, weight of each.
    """
    weight_of = dict(zip(words, idf.tolist(), strict=True))
    told = np.full(len(question) + 1, SIGN, np.float32)
    for found in WORD.finditer(question.lower()):
        told[found.start() : found.end()] = weight_of.get(found.group(), FUNCTION_WORD)
    return np.array([told[start:end].max(initial=0.0) for start, end in spans], np.float32)
