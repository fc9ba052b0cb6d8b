"""One-bit codes: the rotation, the estimator and its bound."""

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.routing.codes import (
    FACTOR_UNIT,
    Rotation,
    encode_residuals,
    estimate,
    stored_factors,
)


def error_bound(rotated: NDArray[np.float32], epsilon: float = 1.9) -> NDArray[np.float64]:
    """How far an estimate may be off for a unit query: the bound of the paper's Theorem 3.2."""
    size = rotated.shape[1]
    norms = np.linalg.norm(rotated, axis=1)
    fits = np.abs(rotated).sum(axis=1) / (norms * size**0.5)  # <o-bar, o>
    bound: NDArray[np.float64] = norms * np.sqrt(1 / fits**2 - 1) * epsilon / (size - 1) ** 0.5
    return bound


@pytest.mark.parametrize("dim", [1, 3, 64, 100, 384, 768, 1000])
def test_a_rotation_keeps_lengths_and_angles(dim: int) -> None:
    rotation = Rotation.random(dim, 7)
    assert rotation.size % 64 == 0
    assert 0 <= rotation.size - dim < 64
    matrix = rotation.matrix()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(dim), atol=2e-6)


def test_one_vector_turns_as_in_a_batch() -> None:
    rotation = Rotation.random(100, 1)
    vectors = np.random.default_rng(0).normal(size=(5, 100)).astype(np.float32)
    for vector, turned in zip(vectors, vectors @ rotation.matrix(), strict=True):
        np.testing.assert_allclose(rotation.apply(vector), turned, atol=1e-5)


def test_a_rotation_spreads_a_single_component_over_all() -> None:
    for axis in (0, 5, 383):
        turned = Rotation.random(384, 2).apply(np.eye(384, dtype=np.float32)[axis])
        assert np.abs(turned).max() < 0.35
        assert (np.abs(turned) > 1e-3).mean() > 0.9


def test_seeds_make_rotations() -> None:
    one, same, other = (Rotation.random(64, seed).matrix() for seed in (1, 1, 2))
    assert one.tobytes() == same.tobytes() != other.tobytes()
    with pytest.raises(InvalidArgument, match="1 dimension"):
        Rotation.random(0)


def test_a_rotation_of_384_takes_less_than_ten_thousand_bytes() -> None:
    assert Rotation.random(384).nbytes < 10_000


def test_bits_are_signs_in_little_endian_words() -> None:
    rotated = np.full((1, 128), -1, np.float32)
    rotated[0, [0, 63, 65]] = 1
    codes = encode_residuals(rotated)
    assert codes.bits.tolist() == [[1 | 1 << 63, 2]]
    assert codes.bits.dtype == np.uint64


def test_a_residual_with_equal_components_is_coded_without_loss() -> None:
    rotated = np.where(np.arange(64) % 3, 0.25, -0.25).astype(np.float32)[None]
    codes = encode_residuals(rotated)
    assert codes.factors[0] == pytest.approx(0.25)
    query = np.random.default_rng(1).normal(size=64).astype(np.float32)
    np.testing.assert_allclose(estimate(codes, query), rotated @ query, rtol=1e-5)
    assert error_bound(rotated)[0] == pytest.approx(0, abs=1e-3)


def test_a_zero_residual_is_estimated_as_zero() -> None:
    codes = encode_residuals(np.zeros((1, 64), np.float32))
    assert estimate(codes, np.ones(64, np.float32)).tolist() == [0]


def test_estimates_are_unbiased_and_rarely_outside_their_bound() -> None:
    rng = np.random.default_rng(3)
    rotation = Rotation.random(384, 5)
    residuals = (rng.normal(size=(4000, 384)) * 0.03).astype(np.float32)
    rotated = residuals @ rotation.matrix()
    codes = encode_residuals(rotated)
    query = rng.normal(size=384).astype(np.float32)
    query /= np.linalg.norm(query)
    errors = estimate(codes, rotation.apply(query)) - residuals @ query
    assert abs(errors.mean()) < 0.002
    bound = error_bound(rotated)
    assert 0.02 < (np.abs(errors) > bound).mean() < 0.08  # 1.9 standard deviations: 5.7 %
    assert (np.abs(errors) > 2 * bound).mean() < 0.001


def test_stored_factors_are_close_and_bounded() -> None:
    factors = np.array([0, 1e-6, 0.045, 1.5, 2, 7], np.float32)
    got = stored_factors(factors) * FACTOR_UNIT
    np.testing.assert_allclose(got, [0, 0, 0.045, 1.5, 2, 2], atol=float(FACTOR_UNIT) / 2)
