"""Token vectors to one vector per text. Pure numpy."""

import numpy as np
from numpy.typing import NDArray

from .embedder import Vectors

POOLINGS = ("mean", "cls", "max", "last", "mean_sqrt")


def pool(hidden: Vectors, mask: NDArray[np.bool_], pooling: str = "mean") -> Vectors:
    """Pool the token vectors of each text over its real tokens only.

    Args:
        hidden: float32, shape ``(n, t, d)``: token vectors, padded on any side to ``t``.
        mask: bool, shape ``(n, t)``: True at real tokens; every row has at least one.
        pooling: ``mean``, ``cls`` (first real token), ``last`` (last real token), ``max``, or
            ``mean_sqrt`` (the sum divided by the root of the count).

    Returns:
        float32, shape ``(n, d)``, not normalised. What stands at padding never changes it.
    """
    rows = np.arange(len(hidden))
    if pooling == "cls":
        return np.asarray(hidden[rows, mask.argmax(1)])
    if pooling == "last":
        return np.asarray(hidden[rows, mask.shape[1] - 1 - mask[:, ::-1].argmax(1)])
    if pooling == "max":
        return np.asarray(np.where(mask[:, :, None], hidden, -np.inf).max(1), np.float32)
    count = mask.sum(1, keepdims=True).astype(np.float32)
    total = np.where(mask[:, :, None], hidden, np.float32(0)).sum(1, dtype=np.float32)
    if pooling == "mean":
        return np.asarray(total / count, np.float32)
    if pooling == "mean_sqrt":
        return np.asarray(total / np.sqrt(count), np.float32)
    raise ValueError(f"expected a pooling of {', '.join(POOLINGS)}, got {pooling!r}")


def unit(vectors: Vectors) -> Vectors:
    """Scale each row of ``(n, d)`` to length 1; a row of zeros becomes the first axis."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    scaled[norms[:, 0] == 0, 0] = 1
    return scaled
