"""Token vectors as 128 bits each: small enough to keep, close enough for late interaction.

A vector is centred, projected to 128 dimensions and reduced to their signs; a question's tokens
stay floating point (asymmetric comparison). For the bundled model the projection is the principal
components of token vectors of made-up sentences (`scripts/make_token_basis.py`); for any other
model a fixed random rotation, which on LoCoMo-dev loses two points of recall at 5 of late
interaction alone against the fitted one.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .embedder import Embedder, Vectors

Codes: TypeAlias = NDArray[np.uint8]

#: Bits of a token's code.
BITS = 128
BASIS = Path(__file__).parent / "minilm" / "token_basis.f16"
#: The embedder whose token vectors `BASIS` was fitted to, whatever its version.
FITTED = "all-MiniLM-L6-v2/"


@dataclass(frozen=True, slots=True, eq=False)
class TokenCoder:
    """Turns token vectors into codes, and a question's into what is compared with codes.

    Attributes:
        id: name of the projection; codes of different ids are never compared.
        mean: float32 ``(dim,)``, taken off every unit token vector.
        basis: float32 ``(bits, dim)``.
    """

    id: str
    mean: Vectors
    basis: Vectors

    @classmethod
    def of(cls, embedder: Embedder) -> "TokenCoder":
        """The coder for an embedder's token vectors."""
        return _coder(embedder.id.startswith(FITTED), embedder.dim)

    def codes(self, tokens: Vectors) -> Codes:
        """Codes of float32 ``(t, dim)`` token vectors: uint8 ``(t, 16)``; ``(0, 16)`` for none."""
        if not tokens.size:
            return np.zeros((0, BITS // 8), np.uint8)
        return np.packbits(self.projected(tokens) > 0, axis=1)

    def projected(self, tokens: Vectors) -> Vectors:
        """Float32 ``(t, dim)`` token vectors, made unit, centred and projected: ``(t, 128)``."""
        norms = np.linalg.norm(tokens, axis=1, keepdims=True)
        centred = tokens / np.maximum(norms, 1e-9) - self.mean
        return np.asarray(centred @ self.basis.T, np.float32)


@cache
def _coder(fitted: bool, dim: int) -> TokenCoder:
    if fitted:
        rows = np.fromfile(BASIS, "<f2").astype(np.float32).reshape(1 + BITS, -1)
        if rows.shape[1] == dim:
            return TokenCoder("pca128-1", rows[0], rows[1:])
    # Orthogonal where there is room for it: rows of a random rotation.
    drawn = np.random.default_rng(128).standard_normal((max(dim, BITS), max(dim, BITS)))
    rotation = np.linalg.qr(drawn)[0][:BITS, :dim]
    scale = np.sqrt(max(dim, BITS) / dim)
    return TokenCoder(
        f"random128/{dim}",
        np.zeros(dim, np.float32),
        np.ascontiguousarray(rotation * scale, dtype=np.float32),
    )
