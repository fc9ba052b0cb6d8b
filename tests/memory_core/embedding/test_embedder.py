"""What every embedder's vectors are checked for."""

from typing import Any

import numpy as np
import pytest

from routemem.memory_core.embedding.embedder import check_vectors
from routemem.memory_core.errors import EmbedderError


def test_good_vectors_pass_as_float32() -> None:
    checked = check_vectors(np.eye(3), 3, 3, "model")  # type: ignore[arg-type]  # float64
    assert checked.dtype == np.float32
    assert np.array_equal(checked, np.eye(3))
    assert check_vectors(np.zeros((0, 3), np.float32), 0, 3, "model").shape == (0, 3)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.ones(3), r"shape \(3,\), expected \(2, 3\)"),
        (np.ones((2, 4)), r"shape \(2, 4\), expected \(2, 3\)"),
        (np.ones((3, 3)), r"shape \(3, 3\), expected \(2, 3\)"),
        (np.ones((2, 3), int), "int64 vectors, expected float32"),
        (np.array([[1, 0, 0], [0, np.nan, 0]]), "NaN"),
        (np.array([[1, 0, 0], [0, np.inf, 0]]), "infinite"),
        (np.array([[1, 0, 0], [0, 3, 0]]) * 1.0, "length 1.000 to 3.000, expected 1"),
        (np.array([[1, 0, 0], [0, 0, 0]]) * 1.0, "length 0.000 to 1.000, expected 1"),
    ],
)
def test_wrong_vectors_are_refused_with_what_came_and_what_was_expected(
    vectors: Any, said: str
) -> None:
    with pytest.raises(EmbedderError, match=said) as refused:
        check_vectors(vectors, 2, 3, "some-model")
    assert str(refused.value).startswith("some-model returned ")
