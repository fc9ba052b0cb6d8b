"""The Dense module of sentence-transformers: one linear layer on the pooled vector."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EmbedderError
from .embedder import Vectors
from .tensors import read_tensors

USE_EXTRA = 'Use it through the extra: pip install "routemem[sentence-transformers]"'
_ACTIVATIONS: dict[str, Callable[[Vectors], Vectors]] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, np.float32(0)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A linear layer: ``activation(x @ weight.T + bias)``.

    Attributes:
        weight: float32, shape ``(out, in)``.
        bias: float32, shape ``(out,)``.
        activation: Identity, Tanh or ReLU.
    """

    weight: Vectors
    bias: Vectors
    activation: str = "Tanh"

    def __call__(self, x: Vectors) -> Vectors:
        """Map float32 ``(n, in)`` to float32 ``(n, out)``."""
        return _ACTIVATIONS[self.activation](x @ self.weight.T + self.bias)


def read_dense(folder: Path, config: dict[str, Any]) -> Dense:
    """Read the layer in ``folder`` (``model.safetensors``) that ``config`` describes.

    Raises:
        EmbedderError: the weights are missing, a pickle or damaged, or the layer is more than a
            linear map with a known activation.
    """
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise EmbedderError(
            f"Expected model.safetensors in {folder}, found none (pytorch_model.bin is a pickle "
            f"and is not read here). {USE_EXTRA}"
        )
    activation = str(config.get("activation_function", "Tanh")).rpartition(".")[2]
    on_sentence = config.get("module_input_name", "sentence_embedding") == "sentence_embedding"
    if activation not in _ACTIVATIONS or config.get("use_residual") or not on_sentence:
        raise EmbedderError(
            f"Expected in {folder} a linear layer on the sentence vector with one of "
            f"{', '.join(_ACTIVATIONS)}, got {config}. {USE_EXTRA}"
        )
    tensors = read_tensors(weights)
    weight = tensors.get("linear.weight")
    if weight is None or weight.ndim != 2:
        raise EmbedderError(f"{weights} has no matrix linear.weight. Fetch the model again.")
    return Dense(weight, tensors.get("linear.bias", np.zeros(len(weight), np.float32)), activation)
