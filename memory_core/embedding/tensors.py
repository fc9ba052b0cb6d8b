"""Reading a safetensors file: 8 bytes of header length, a JSON header, raw little-endian data.

The format: https://github.com/huggingface/safetensors#format
"""

import json
from pathlib import Path

import numpy as np

from ..errors import EmbedderError
from .embedder import Vectors


def read_tensors(path: Path) -> dict[str, Vectors]:
    """All tensors of a safetensors file as float32; F64, F32, F16 and BF16 are read.

    Raises:
        EmbedderError: the file is damaged or holds other types.
    """
    raw = path.read_bytes()
    try:
        start = 8 + int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:start])
        return {
            name: _tensor(raw[start:], entry["dtype"], entry["shape"], entry["data_offsets"])
            for name, entry in header.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EmbedderError(
            f"{path} is not a readable safetensors file ({error!r}). Fetch the model again."
        ) from error


def _tensor(data: bytes, dtype: str, shape: list[int], offsets: list[int]) -> Vectors:
    part = data[offsets[0] : offsets[1]]
    if dtype == "BF16":  # the upper half of a float32
        wide = np.frombuffer(part, "<u2").astype(np.uint32) << 16
        return wide.view(np.float32).reshape(shape)
    plain = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]
    return np.frombuffer(part, plain).astype(np.float32).reshape(shape)
