"""Vectors to index."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

Draw = Callable[..., NDArray[np.float32]]


@pytest.fixture
def draw() -> Draw:
    """Unit vectors around a few directions; the same for the same arguments."""

    def drawn(
        n: int, dim: int = 32, *, seed: int = 0, centres: int = 12, spread: float = 0.6
    ) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        around = np.random.default_rng(99).normal(size=(centres, dim))
        around /= np.linalg.norm(around, axis=1, keepdims=True)
        noise = rng.normal(size=(n, dim)) * spread / dim**0.5
        vectors = around[rng.integers(0, centres, n)] + noise
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit.astype(np.float32)

    return drawn
