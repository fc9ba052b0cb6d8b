"""The levels of a hierarchy: what is kept of a vector, and how it is compared with a query."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

import numpy as np

from . import hgns
from .arrays import F32, I64, Rows, lengths
from .codes import Rotation, encode_residuals, stored_factors
from .kernel import LANES, compare_all, estimates, prepare, rerank
from .pack import stored_form

Reduction: TypeAlias = Literal["bit", "pca", "random", "hgns-global", "hgns"]

#: Shares of the components that levels 1 and 2 keep, and the fewest.
FRACTION_1, FRACTION_2 = 0.33, 0.083
LEAST_1, LEAST_2 = 32, 8


def level_dims(dim: int) -> dict[int, int]:
    """Components of each level: 384 -> ``{0: 384, 1: 126, 2: 31}``."""
    one = min(max(LEAST_1, int(dim * FRACTION_1)), dim - 1)
    two = min(max(LEAST_2, int(dim * FRACTION_2)), one - 1)
    return {0: dim, 1: one, 2: two}


class Level(Protocol):
    """One level of ``n`` vectors."""

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept of the vectors."""
        ...

    def append(self, vectors: F32) -> None:
        """Add vectors, float32 ``(m, dim)``, unit."""
        ...

    def scores(self, query: F32, rows: I64 | None) -> F32:
        """Similarity of some rows (None: all) with a unit query, float32, about -1 to 1."""
        ...


class Full:
    """Level 0, or level 1 of ``bit``: all components, float32 or int8."""

    def __init__(self, dim: int, form: Literal["fp32", "int8"] = "fp32") -> None:
        self._form: Literal["fp32", "int8"] = form
        self._rows, self._scales = stored_form(np.empty((0, dim), np.float32), form)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows."""
        return self._rows.nbytes + self._scales.nbytes

    def append(self, vectors: F32) -> None:
        """See `Level`."""
        rows, scales = stored_form(vectors, self._form)
        self._rows = np.concatenate([self._rows, rows])
        self._scales = np.concatenate([self._scales, scales])

    def scores(self, query: F32, rows: I64 | None) -> F32:
        """Inner products."""
        if rows is None:
            return compare_all(self._rows, self._scales, query)
        return rerank(self._rows, self._scales, rows, query)


class Reduced:
    """Fewer components, the same function of every vector; compared by cosine."""

    def __init__(self, reduce: Callable[[F32], F32], m: int) -> None:
        self._reduce = reduce
        self._rows = np.empty((0, m), np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows."""
        return self._rows.nbytes

    def append(self, vectors: F32) -> None:
        """See `Level`."""
        self._rows = np.concatenate([self._rows, _unit(self._reduce(vectors))])

    def scores(self, query: F32, rows: I64 | None) -> F32:
        """Cosines of the reduced vectors."""
        reduced = _unit(self._reduce(query[None]))[0]
        scores: F32 = (self._rows if rows is None else self._rows[rows]) @ reduced
        return scores


class Salient:
    """The components each vector is most salient in, compared where query and vector share them."""

    def __init__(self, m: int) -> None:
        self._m = m
        self._values = np.empty((0, m), np.float32)
        self._dims = np.empty((0, m), np.uint16)

    @property
    def nbytes(self) -> int:
        """Bytes of values and component numbers."""
        return self._values.nbytes + self._dims.nbytes

    def append(self, vectors: F32) -> None:
        """See `Level`."""
        dims = hgns.salient(vectors, self._m)
        self._values = np.concatenate([self._values, np.take_along_axis(vectors, dims, axis=1)])
        self._dims = np.concatenate([self._dims, dims.astype(np.uint16)])

    def scores(self, query: F32, rows: I64 | None) -> F32:
        """Aligned cosines."""
        values: Rows = self._values if rows is None else self._values[rows]
        dims = self._dims if rows is None else self._dims[rows]
        mine = hgns.salient(query, self._m)
        return hgns.aligned_similarities(values, dims.astype(np.int64), query, mine)


class Signs:
    """One bit per component of the rotated vector, less the mean; compared by estimate."""

    def __init__(self, mean: F32, seed: int) -> None:
        self._mean = mean
        self._rotation = Rotation.random(len(mean), seed)
        self._matrix = self._rotation.matrix()
        self._bits = np.empty((0, self._rotation.size // 64), np.uint64)
        self._factors = np.empty(0, np.uint16)

    @property
    def nbytes(self) -> int:
        """Bytes of codes and factors."""
        return self._bits.nbytes + self._factors.nbytes

    def append(self, vectors: F32) -> None:
        """See `Level`."""
        residuals: F32 = np.subtract(vectors, self._mean)
        codes = encode_residuals(residuals @ self._matrix)
        self._bits = np.concatenate([self._bits, codes.bits])
        self._factors = np.concatenate([self._factors, stored_factors(codes.factors)])

    def scores(self, query: F32, rows: I64 | None) -> F32:
        """Estimated inner products."""
        bits, factors = self._bits, self._factors
        if rows is not None:
            bits, factors = bits[rows], factors[rows]
        n, spare = len(bits), -len(bits) % LANES
        codes = np.pad(bits, ((0, spare), (0, 0))).reshape(-1, LANES, bits.shape[1])
        live = np.full(len(codes), 255, np.uint8)
        base = np.full(len(codes), self._mean @ query, np.float32)
        estimated = estimates(
            np.ascontiguousarray(codes.transpose(0, 2, 1)),
            np.pad(factors, (0, spare)).reshape(-1, LANES),
            np.empty((0, LANES), np.float32),
            live,
            base,
            None,
            prepare(query, self._rotation),
        )
        return estimated[:n]


def levels_for(reduction: Reduction, sample: F32, seed: int) -> dict[int, Level]:
    """Empty levels 0, 1 and 2, fitted to a sample where the reduction needs it.

    Args:
        reduction: ``bit`` has int8 rows on level 1 and signs on level 2; ``hgns`` each vector's own
            salient components on level 1 and pooled segments on level 2; the others keep a share of
            the components or of projections (`level_dims`).
        sample: float32 ``(m, dim)``, unit.
        seed: of random projections and rotations.
    """
    dim = sample.shape[1]
    full, one, two = (level_dims(dim)[level] for level in (0, 1, 2))
    if reduction == "bit":
        mean: F32 = sample.mean(axis=0, dtype=np.float32)
        return {0: Full(full), 1: Full(full, "int8"), 2: Signs(mean, seed)}
    if reduction == "hgns":
        return {
            0: Full(full),
            1: Salient(one),
            2: Reduced(lambda rows: hgns.pooled(rows, two), two),
        }
    if reduction == "hgns-global":
        order = np.argsort(-np.abs(hgns.multilevel_gradient(sample)).mean(axis=0), kind="stable")
        return {0: Full(full), 1: _picked(np.sort(order[:one])), 2: _picked(np.sort(order[:two]))}
    if reduction == "pca":
        _, vectors = np.linalg.eigh(sample.T.astype(np.float64) @ sample)
        basis = np.ascontiguousarray(vectors[:, ::-1], np.float32)  # largest eigenvalue first
    else:
        draw = np.random.default_rng(seed).standard_normal((dim, dim))
        basis = np.linalg.qr(draw)[0].astype(np.float32)
    return {0: Full(full), 1: _projected(basis[:, :one]), 2: _projected(basis[:, :two])}


def _projected(basis: F32) -> Reduced:
    return Reduced(lambda rows: rows @ basis, basis.shape[1])


def _picked(dims: I64) -> Reduced:
    return Reduced(lambda rows: rows[:, dims], len(dims))


def _unit(rows: F32) -> F32:
    sizes = np.maximum(lengths(rows), np.float32(1e-12))
    unit: F32 = np.divide(rows, sizes[:, None])
    return unit
