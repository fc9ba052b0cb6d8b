"""What comes in from outside is refused with the numbers."""

import numpy as np
import pytest

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.routing.arrays import checked_keys, checked_vector, checked_vectors


def test_vectors_become_unit_float32_rows() -> None:
    got = checked_vectors([[3, 4], [0, 2]], 2)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, np.array([[0.6, 0.8], [0.0, 1.0]]), rtol=1e-6)


def test_dot_keeps_lengths_and_zero() -> None:
    np.testing.assert_array_equal(checked_vectors([[3, 4], [0, 0]], 2, "dot"), [[3, 4], [0, 0]])


def test_wrong_dimension_names_both_numbers() -> None:
    with pytest.raises(InvalidArgument, match=r"one vector of 3 numbers.*\(2,\)"):
        checked_vector([1, 2], 3)
    with pytest.raises(InvalidArgument, match=r"\(n, 3\), got \(1, 2\)"):
        checked_vectors([[1, 2]], 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_finite_names_its_rows(value: float) -> None:
    with pytest.raises(InvalidArgument, match=r"1 of 3 vectors \(rows 1\)"):
        checked_vectors([[1.0, 0.0], [0.0, value], [1.0, 1.0]], 2)


def test_zero_vectors_have_no_cosine() -> None:
    with pytest.raises(InvalidArgument, match=r"zero vectors in 2 of 3 rows \(0, 2\)"):
        checked_vectors([[0, 0], [1, 0], [0, 0]], 2)


@pytest.mark.parametrize("value", ["text", [["a"]], None, [[1], [1, 2]]])
def test_what_is_no_array_of_numbers_is_refused(value: object) -> None:
    with pytest.raises(InvalidArgument, match="array of numbers"):
        checked_vectors(value, 2)  # type: ignore[arg-type]  # the point of the test


def test_ids_are_int64_and_differ() -> None:
    big = 2**63 - 1
    assert checked_keys([-5, big], 2).tolist() == [-5, big]
    with pytest.raises(InvalidArgument, match=r"2 repeated in one call: 1, 7"):
        checked_keys([7, 1, 7, 2, 1], 5)


@pytest.mark.parametrize("ids", [[1], [1.0, 2.0], ["1", "2"], [[1, 2]], [1, 2**64 - 1]])
def test_ids_of_the_wrong_kind_are_refused(ids: object) -> None:
    with pytest.raises(InvalidArgument):
        checked_keys(ids, 2)  # type: ignore[arg-type]  # the point of the test
