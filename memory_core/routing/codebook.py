"""The coarse quantiser: unit centroids, and which of them a vector belongs to."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidArgument
from .arrays import F32, I64, checked_vector, checked_vectors, lengths, one_of, whole
from .heuristics import centroid_count, measured_counts

#: Vectors per centroid that k-means looks at; more changes the centroids little and costs linearly.
SAMPLE_PER_CENTROID = 64
#: Vectors it looks at, at least: few centroids of high-dimensional vectors gain by more than 64.
SAMPLE_LEAST = 10_000
#: Lloyd iterations of a fit.
ITERATIONS = 10
#: Vectors compared with the centroids at once.
BATCH = 4096
#: Two dot products nearer than this (times the vector's length) are compared again in float64:
#: float32 sums depend on the batch they are computed in.
TIE = 1e-5

Init = Literal["k-means++", "random"]


class Codebook:
    """Centroids of unit length, and the routing of vectors to them. Immutable; safe to share.

    A vector's code is the centroid with the largest dot product, the lower number on a tie. It is a
    function of the vector alone: encoding one by one or in batches gives the same codes.

    Args:
        centroids: float ``(k, dim)``, ``k >= 1``; scaled to length 1.

    Attributes:
        centroids: float32 ``(k, dim)``, unit rows, read-only.

    Raises:
        InvalidArgument: not a matrix of finite, non-zero rows.
    """

    def __init__(self, centroids: ArrayLike) -> None:
        given = np.asarray(centroids)
        if given.ndim != 2 or not given.size:
            raise InvalidArgument(f"Expected centroids of shape (k, dim), got {given.shape}.")
        unit = checked_vectors(given, given.shape[1])
        # Already unit rows (a stored codebook) are kept bit for bit.
        if given.dtype == np.float32 and float(np.abs(lengths(given) - 1).max()) < 1e-6:
            unit = given.copy()
        unit.setflags(write=False)
        self.centroids: F32 = unit

    @classmethod
    def fit(
        cls,
        vectors: ArrayLike,
        k: int | str = "2sqrt",
        *,
        init: Init = "random",
        seed: int = 0,
        n_init: int = 1,
        max_iter: int = ITERATIONS,
        sample_per_centroid: int | None = None,
    ) -> "Codebook":
        """Fit centroids by k-means (scikit-learn, imported here) on a sample of the vectors.

        Args:
            vectors: ``(n, dim)``, finite and not zero; only their directions count.
            k: number of centroids, the name of a rule in `heuristics.RULES`, or ``auto``, which
                fits several and takes the cheapest (`measured_counts`).
            init: ``random`` (three times cheaper, no worse on sentence vectors) or ``k-means++``.
            seed: same vectors and seed, same centroids.
            n_init: fits from different starts; the best is kept.
            max_iter: Lloyd iterations at the most.
            sample_per_centroid: vectors looked at, per centroid; None for `sample_size`.

        Raises:
            InvalidArgument: bad vectors, a ``k`` above their number, an unknown rule or init, a
                count below 1.
        """
        given = np.asarray(vectors)
        unit = checked_vectors(given, given.shape[1] if given.ndim == 2 else 0)
        one_of("init", init, get_args(Init))
        n_init, max_iter = whole("n_init", n_init), whole("max_iter", max_iter)
        if k == "auto" and len(unit) > 1:
            k = measured_counts(unit, len(unit), seed=seed)[0].k
        count = centroid_count(1 if k == "auto" else k, len(unit))
        rng = np.random.default_rng(seed)
        sample = unit
        most = sample_size(count)
        if sample_per_centroid is not None:
            most = count * whole("sample_per_centroid", sample_per_centroid)
        if len(unit) > most:
            sample = unit[np.sort(rng.permutation(len(unit))[:most])]
        return cls(_k_means(sample, count, init, seed, n_init, max_iter, rng))

    @property
    def k(self) -> int:
        """Number of centroids."""
        return len(self.centroids)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.centroids.shape[1])

    # ------------------------------------------------------------------ routing

    def encode(self, vector: ArrayLike) -> tuple[int, float]:
        """The nearest centroid of one vector, and its quantisation error ``1 - cosine``."""
        codes, errors = self.encode_many(self._one(vector)[None])
        return int(codes[0]), float(errors[0])

    def encode_many(self, vectors: ArrayLike) -> tuple[I64, F32]:
        """Nearest centroids, int64 ``(n,)``, and errors ``1 - cosine``, float32 ``(n,)``."""
        given = checked_vectors(vectors, self.dim, "dot")
        codes = np.empty(len(given), np.int64)
        errors = np.empty(len(given), np.float32)
        for start in range(0, len(given), BATCH):
            batch = given[start : start + BATCH]
            mine = nearest_centroids(batch, self.centroids)
            codes[start : start + BATCH] = mine
            dots = np.einsum("ij,ij->i", batch, self.centroids[mine])
            errors[start : start + BATCH] = 1 - dots / np.maximum(lengths(batch), 1e-12)
        return codes, errors

    def top_centroids(self, vector: ArrayLike, n: int = 3) -> list[tuple[int, float]]:
        """The ``n`` nearest centroids with their cosines, best first, the lower number on ties."""
        if n < 1:
            raise InvalidArgument(f"Expected at least 1 centroid, got {n}.")
        unit = checked_vector(vector, self.dim)
        rough = self.centroids @ unit
        least = np.sort(rough)[-min(n, self.k)] - TIE
        close = np.flatnonzero(rough >= least)
        scores = (self.centroids[close].astype(np.float64) * unit).sum(axis=1)
        best = np.lexsort((close, -scores))[:n]
        return [(int(close[place]), float(scores[place])) for place in best]

    def qerr(self, vector: ArrayLike) -> float:
        """Quantisation error: 1 - cosine with the nearest centroid."""
        return self.encode(vector)[1]

    def conf(self, vector: ArrayLike) -> float:
        """Confidence of the routing: ``1 / (1 + qerr)``, 1 on a centroid."""
        return 1 / (1 + self.qerr(vector))

    def margin(self, vector: ArrayLike) -> float:
        """Cosine with the nearest centroid minus that with the second; 0 with one centroid."""
        best = self.top_centroids(vector, 2)
        return best[0][1] - best[1][1] if len(best) > 1 else 0.0

    # ------------------------------------------------------------------ report

    def sizes(self, codes: I64) -> I64:
        """Items per bucket, int64 ``(k,)``, of the codes of a set of vectors."""
        return np.bincount(codes, minlength=self.k)

    def gini(self, codes: I64) -> float:
        """Imbalance of the buckets: 0 when equal, near 1 when one bucket holds all."""
        return gini(self.sizes(codes))

    def dead_codes(self, codes: I64) -> list[int]:
        """Centroids no vector belongs to."""
        return [int(code) for code in np.flatnonzero(self.sizes(codes) == 0)]

    def fidelity(self, vectors: ArrayLike) -> float:
        """Mean cosine of vectors with their centroid; 0 for none."""
        _, errors = self.encode_many(vectors)
        return float(1 - errors.mean(dtype=np.float64)) if len(errors) else 0.0

    # ------------------------------------------------------------------ inside

    def _one(self, vector: ArrayLike) -> F32:
        checked_vector(vector, self.dim)  # refuses a zero vector, which has no nearest centroid
        return np.asarray(vector, np.float32)


def nearest_centroids(vectors: F32, centroids: F32) -> I64:
    """Number of the centroid with the largest dot product, int64 ``(n,)``.

    Float32 decides where it can; rows whose best two are closer than ``TIE`` are decided in
    float64, summed in a fixed order, so that the answer does not depend on the other rows.

    Args:
        vectors: float32 ``(n, dim)``.
        centroids: float32 ``(k, dim)``, unit.
    """
    if not len(vectors):
        return np.empty(0, np.int64)
    scores = vectors @ centroids.T
    codes: I64 = scores.argmax(axis=1)
    best = scores[np.arange(len(codes)), codes]
    near = scores >= (best - TIE * np.maximum(lengths(vectors), 1e-12))[:, None]
    for row, close in _rows_with_rivals(near):
        exact = (centroids[close].astype(np.float64) * vectors[row]).sum(axis=1)
        codes[row] = close[int(exact.argmax())]
    return codes


def sample_size(k: int) -> int:
    """How many vectors a fit of ``k`` centroids looks at."""
    return max(SAMPLE_PER_CENTROID * k, SAMPLE_LEAST)


def gini(sizes: I64) -> float:
    """Gini coefficient of bucket sizes, int64 ``(k,)``; 0 for none."""
    total, k = int(sizes.sum()), len(sizes)
    if not total:
        return 0.0
    ranks = 2 * np.arange(1, k + 1) - k - 1
    return float((ranks * np.sort(sizes)).sum() / (k * total))


def _rows_with_rivals(
    near: "np.ndarray[tuple[int, int], np.dtype[np.bool_]]",
) -> Iterator[tuple[int, I64]]:
    for row in np.flatnonzero(np.count_nonzero(near, axis=1) > 1):
        yield int(row), np.flatnonzero(near[row])


def _k_means(
    sample: F32,
    k: int,
    init: Init,
    seed: int,
    n_init: int,
    max_iter: int,
    rng: np.random.Generator,
) -> F32:
    """Lloyd's centres, ``(k, dim)``, not yet scaled to length 1."""
    import warnings

    # 2 s and 100 MB: only where something is fitted. The package has no types.
    from sklearn.cluster import KMeans  # type: ignore[import-untyped]
    from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]

    starts: Any = n_init  # some stubs know its other form only, "auto"
    fitted = KMeans(k, init=init, n_init=starts, max_iter=max_iter, random_state=seed)
    with warnings.catch_warnings():
        # Fewer distinct vectors than centroids is allowed: the surplus become dead codes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        centres: F32 = fitted.fit(sample).cluster_centers_.astype(np.float32)
    lost = lengths(centres) < 1e-6  # opposite vectors cancel out; any member is a better centre
    centres[lost] = sample[rng.integers(0, len(sample), int(lost.sum()))]
    return centres
