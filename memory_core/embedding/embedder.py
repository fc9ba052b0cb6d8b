"""What an embedder is: texts in, unit vectors out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError

Vectors: TypeAlias = NDArray[np.float32]
Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """The result of one ``encode`` call.

    Attributes:
        vectors: float32, shape ``(n, dim)``, each row of length 1, in the order of the texts.
        tokens: one float32 array of shape ``(t_i, dim)`` per text, the contextual vectors of its
            word pieces without the special tokens, not normalised; empty arrays where the
            embedder has none.
        token_ids: one int32 array of shape ``(t_i,)`` per text: the vocabulary ids of ``tokens``.
    """

    vectors: Vectors
    tokens: tuple[Vectors, ...] = ()
    token_ids: tuple[NDArray[np.int32], ...] = ()


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into unit vectors. Safe to call from several threads.

    Attributes:
        id: name and version of the model; vectors of different ids are never compared.
        dim: length of a vector.
        max_tokens: word pieces read of one text, special tokens included; the rest is ignored.
    """

    @property
    def id(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Embed the texts. A text's vector does not depend on the other texts of the call.

        Raises:
            EmbedderError: the model cannot be run.
        """
        ...

    def pieces(self, text: str) -> list[Span]:
        """Character spans ``(start, end)`` of the text's word pieces, in order, not truncated."""
        ...


def check_vectors(vectors: Vectors, n: int, dim: int, embedder: str) -> Vectors:
    """Return the vectors as float32 of shape ``(n, dim)``, or say what is wrong with them.

    Raises:
        EmbedderError: wrong shape, not finite, or not of length 1.
    """
    got = np.asarray(vectors)
    if got.shape != (n, dim):
        raise EmbedderError(
            f"{embedder} returned vectors of shape {got.shape}, expected ({n}, {dim})."
        )
    if not np.issubdtype(got.dtype, np.floating):
        raise EmbedderError(f"{embedder} returned {got.dtype} vectors, expected float32.")
    if not np.isfinite(got).all():
        raise EmbedderError(f"{embedder} returned NaN or infinite values.")
    norms = np.linalg.norm(got, axis=1)
    if n and np.abs(norms - 1).max() > 1e-3:
        raise EmbedderError(
            f"{embedder} returned vectors of length {norms.min():.3f} to {norms.max():.3f}, "
            "expected 1: normalise them."
        )
    return got.astype(np.float32, copy=False)
