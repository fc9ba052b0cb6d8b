"""One-bit codes of residuals (RaBitQ), and how an inner product is estimated from them.

Source: J. Gao, C. Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound
for Approximate Nearest Neighbor Search", SIGMOD 2024 (arXiv 2405.12497). A vector is its centroid
plus a residual ``r``; the residual is rotated at random and only the signs ``s`` of its ``D``
components are kept (section 3.1). With ``r'`` the rotated residual and ``q'`` the rotated query,

    <r, q>  ~  a * sum_i s_i q'_i        a = |r|^2 / sum_i |r'_i|

is unbiased (Theorem 3.2, written without its normalisations: ``a`` is ``|r| / (<o-bar, o> sqrt D)``
there). The query is rounded to 4 bits per component and the sum becomes popcounts (section 3.3);
here on the 16 levels ``(u - 7.5) * step``, symmetric about 0, so that with exclusive-or in place of
the paper's and the count of set bits cancels out and need not be stored:

    sum_i s_i q'_i  =  step / 2 * (15 D - 2 sum_j 2^j popcount(code xor plane_j))
"""

from dataclasses import dataclass

import numpy as np

from ..errors import InvalidArgument
from .arrays import F32, U16, U64
from .sums import turned

#: Bits per word of a code; vectors are padded with zeros to a multiple of it before rotating.
WORD = 64
#: Bits per component of a rotated query.
QUERY_BITS = 4
#: ``a`` is at most |r| <= 2 for unit vectors and centroids; stored as uint16 in steps of this.
FACTOR_UNIT = np.float32(2 / 65535)
#: Rounds of a rotation: the second one mixes what a single Kronecker product keeps apart.
ROUNDS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Rotation:
    """A random orthogonal map of ``dim`` to ``size`` components, in a few kB instead of ``size^2``.

    ``size`` is ``dim`` rounded up to a multiple of 64 (zeros are appended). One round flips signs,
    lays the components out as an ``(a, b)`` matrix with ``a * b == size`` and multiplies it by
    orthogonal matrices from both sides. On sentence vectors the estimates are as good as those of a
    dense random matrix, at 9 kB instead of 590 kB for 384 components.

    Attributes:
        dim: components of the vectors it takes.
        signs: float32 ``(2, a * b)``, +1 or -1.
        left: float32 ``(2, a, a)``, orthogonal.
        right: float32 ``(2, b, b)``, orthogonal.
    """

    dim: int
    signs: F32
    left: F32
    right: F32

    @classmethod
    def random(cls, dim: int, seed: int = 0) -> "Rotation":
        """The rotation of a seed. Stored with the index, so that it outlives changes of numpy's."""
        if dim < 1:
            raise InvalidArgument(f"Expected at least 1 dimension, got {dim}.")
        size = -(-dim // WORD) * WORD
        rows = max(a for a in range(1, int(size**0.5) + 1) if size % a == 0)
        rng = np.random.default_rng(seed)
        signs = rng.choice(np.array([-1, 1], np.float32), (ROUNDS, size))
        left = np.stack([_orthogonal(rows, rng) for _ in range(ROUNDS)])
        right = np.stack([_orthogonal(size // rows, rng) for _ in range(ROUNDS)])
        return cls(dim, signs, left, right)

    @property
    def size(self) -> int:
        """Components of a rotated vector, a multiple of 64."""
        return int(self.signs.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of the factors."""
        return self.signs.nbytes + self.left.nbytes + self.right.nbytes

    def apply(self, vector: F32) -> F32:
        """Rotate one vector: float32 ``(dim,)`` -> ``(size,)``."""
        return turned(self.signs, self.left, self.right, vector)

    def matrix(self) -> F32:
        """The same map as a dense float32 ``(dim, size)``: ``vectors @ matrix`` rotates a batch."""
        turned = np.eye(self.dim, self.size, dtype=np.float32)
        shape = (self.dim, self.left.shape[1], self.right.shape[1])
        for signs, left, right in zip(self.signs, self.left, self.right, strict=True):
            turned = (left @ (turned * signs).reshape(shape) @ right).reshape(self.dim, self.size)
        return turned


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """One-bit codes of ``n`` residuals.

    Attributes:
        bits: uint64 ``(n, size / 64)``; bit ``i`` of word ``w`` is set where component
            ``64 w + i`` of the rotated residual is positive.
        factors: float32 ``(n,)``, the ``a`` of the module's formula, 0 for a zero residual.
    """

    bits: U64
    factors: F32


def encode_residuals(rotated: F32) -> Codes:
    """Codes of rotated residuals, float32 ``(n, size)`` with ``size`` a multiple of 64."""
    packed = np.packbits(rotated > 0, axis=1, bitorder="little")
    bits = np.ascontiguousarray(packed).view("<u8").astype(np.uint64, copy=False)
    squares: F32 = np.einsum("ij,ij->i", rotated, rotated)
    sums: F32 = np.abs(rotated).sum(axis=1)
    factors = np.divide(squares, sums, out=np.zeros_like(sums), where=sums > 0)
    return Codes(bits, factors)


def stored_factors(factors: F32) -> U16:
    """Factors as uint16, in steps of ``FACTOR_UNIT`` (relative error 0.03 % at the usual 0.05)."""
    return np.rint(np.minimum(factors, 2) / FACTOR_UNIT).astype(np.uint16)


def estimate(codes: Codes, query: F32) -> F32:
    """Estimated inner products of the residuals with a rotated, unrounded query.

    The estimator in floating point, without its fast form: what the scan is tested against.

    Args:
        codes: of ``n`` residuals.
        query: float32 ``(size,)``, rotated.

    Returns:
        float32 ``(n,)``.
    """
    signs = np.unpackbits(codes.bits.astype("<u8").view(np.uint8), axis=1, bitorder="little")
    sums: F32 = (2 * signs.astype(np.float32) - 1) @ query
    return codes.factors * sums


def _orthogonal(n: int, rng: np.random.Generator) -> F32:
    """A random orthogonal float32 ``(n, n)``, uniform: the signs of R's diagonal are fixed."""
    q, r = np.linalg.qr(rng.standard_normal((n, n)))
    turned: F32 = (q * np.sign(np.diag(r))).astype(np.float32)
    return turned
