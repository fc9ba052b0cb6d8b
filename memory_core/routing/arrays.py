"""Array types of this folder, and the checks on what comes in from outside."""

import math
import operator
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidArgument

F16: TypeAlias = NDArray[np.float16]
F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I8: TypeAlias = NDArray[np.int8]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]
U16: TypeAlias = NDArray[np.uint16]
U32: TypeAlias = NDArray[np.uint32]
U64: TypeAlias = NDArray[np.uint64]
Bools: TypeAlias = NDArray[np.bool_]
#: Level-0 rows as stored: float32, float16, or int8 with a scale per row.
Rows: TypeAlias = NDArray[Any]

#: Sums of squares up to here were added up without overflow.
_LARGEST = 3e38

#: Counts from outside are at most this; sums of a few of them still fit int64.
MOST = 2**31 - 1

Metric: TypeAlias = Literal["cosine", "dot"]


def checked_vector(vector: ArrayLike, dim: int, metric: Metric = "cosine") -> F32:
    """One vector from outside as float32 ``(dim,)``; of length 1 if the metric is cosine.

    Raises:
        InvalidArgument: not one vector of this dimension, NaN or infinite, or (cosine) zero.
    """
    given = _float32(vector)
    if given.shape != (dim,):
        raise InvalidArgument(
            f"Expected one vector of {dim} numbers, got an array of shape {given.shape}. Use the "
            "embedder the index was made for."
        )
    with np.errstate(over="ignore"):  # what overflows is refused
        square = float(given.dot(given))
    if 1e-24 <= square < _LARGEST:  # all is well, which is told sooner for one vector than for many
        return given if metric == "dot" else given * np.float32(1 / math.sqrt(square))
    checked: F32 = checked_vectors(given[None], dim, metric)[0]
    return checked


def checked_vectors(vectors: ArrayLike, dim: int, metric: Metric = "cosine") -> F32:
    """Vectors from outside as float32 ``(n, dim)``; of length 1 if the metric is cosine.

    Raises:
        InvalidArgument: as `checked_rows`.
    """
    given, sizes = checked_rows(vectors, dim, metric)
    if sizes is None:
        return given
    scaled: F32 = given / sizes[:, None]
    return scaled


def checked_rows(vectors: ArrayLike, dim: int, metric: Metric = "cosine") -> tuple[F32, F32 | None]:
    """Vectors from outside as float32 ``(n, dim)``, and what each is yet to be divided by.

    Dividing while they are stored saves writing all of them twice.

    Returns:
        The vectors as they came, and their lengths, float32 ``(n,)``, or None if the metric is dot.

    Raises:
        InvalidArgument: wrong shape, NaN or infinite values, or (cosine) zero vectors; the text
            names the shape or the first rows concerned.
    """
    given = _float32(vectors)
    if given.ndim != 2 or given.shape[1] != dim:
        raise InvalidArgument(
            f"Expected vectors of shape (n, {dim}), got {given.shape}. Use the embedder the index "
            "was made for, one row per vector."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", given, given)  # one pass: any NaN or infinity survives it
    bad = np.flatnonzero(~np.isfinite(squares))
    if len(bad):
        raise InvalidArgument(
            f"Expected finite numbers, got NaN, infinite or overflowing values in {len(bad)} of "
            f"{len(given)} vectors (rows {_some(bad)}). Leave them out."
        )
    if metric == "dot":
        return given, None
    bad = np.flatnonzero(squares < 1e-24)
    if len(bad):
        raise InvalidArgument(
            f"Expected vectors with a direction, got zero vectors in {len(bad)} of {len(given)} "
            f"rows ({_some(bad)}). A zero vector has no cosine: leave it out."
        )
    return given, np.sqrt(squares)


def checked_keys(keys: ArrayLike, n: int) -> I64:
    """Ids from outside as int64 ``(n,)``.

    Raises:
        InvalidArgument: not ``n`` whole numbers in the range of int64, or one given twice.
    """
    given = np.asarray(keys)
    if given.size == 0:
        given = given.astype(np.int64)
    if given.dtype.kind not in "iu" or given.shape != (n,):
        raise InvalidArgument(
            f"Expected {n} whole numbers as ids, one per vector, got {given.dtype} of shape "
            f"{given.shape}."
        )
    if given.dtype == np.uint64 and n and int(given.max()) > np.iinfo(np.int64).max:
        raise InvalidArgument(f"Expected ids below 2**63, got {int(given.max())}.")
    known = given.astype(np.int64, copy=False)
    if n > 1 and not bool((known[1:] > known[:-1]).all()):
        values, counts = np.unique(known, return_counts=True)
        if len(values) < n:
            raise InvalidArgument(
                f"Expected ids that differ, got {n - len(values)} repeated in one call: "
                f"{_some(values[counts > 1])}."
            )
    return known


def asked_keys(keys: ArrayLike) -> I64:
    """Ids to look for as int64 ``(n,)``, in the order they came; one may come twice.

    Raises:
        InvalidArgument: not whole numbers in the range of int64.
    """
    given = np.atleast_1d(np.asarray(keys))
    if given.ndim == 1 and given.dtype == np.int64:
        return given
    if given.size and (given.ndim > 1 or given.dtype.kind not in "iu"):
        raise InvalidArgument(
            f"Expected whole numbers as ids, got {given.dtype} of shape {given.shape}. Give one "
            "list or array of them."
        )
    distinct = np.unique(given)
    checked_keys(distinct, len(distinct))  # below 2**63 too
    return given.reshape(-1).astype(np.int64)


def whole(name: str, value: object, least: int = 1, most: int = MOST) -> int:
    """A count from outside: a whole number of Python's or of numpy's.

    Raises:
        InvalidArgument: not a whole number, or out of range; the text has both.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # what it refuses is caught
    except TypeError:
        raise InvalidArgument(f"Expected {name} as a whole number, got {value!r}.") from None
    if number < least:
        raise InvalidArgument(f"Expected {name} of at least {least}, got {number}.")
    if number > most:
        raise InvalidArgument(f"Expected {name} of at most {most}, got {number}.")
    return number


def one_of(name: str, value: str, options: Sequence[str]) -> None:
    """Raise unless a word is one of the options.

    Raises:
        InvalidArgument: names them.
    """
    if value not in options:
        raise InvalidArgument(f"Expected {name} to be one of {', '.join(options)}, got {value!r}.")


def lengths(vectors: F32) -> F32:
    """Euclidean lengths, float32 ``(n,)``, of the rows of ``(n, dim)``."""
    squares: F32 = np.einsum("ij,ij->i", vectors, vectors)
    return np.sqrt(squares)


def _float32(value: ArrayLike) -> F32:
    if type(value) is np.ndarray and value.dtype == np.float32 and value.flags.c_contiguous:
        return value
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "fiu":
            raise TypeError(f"{given.dtype} values")
        with np.errstate(over="ignore"):  # what overflows is refused as infinite
            return np.ascontiguousarray(given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"Expected an array of numbers, got {error}.") from None


def _some(numbers: NDArray[Any] | Sequence[int], most: int = 5) -> str:
    shown = ", ".join(str(int(number)) for number in numbers[:most])
    return shown + (", …" if len(numbers) > most else "")
