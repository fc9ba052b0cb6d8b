"""Reading safetensors."""

import json
from pathlib import Path

import numpy as np
import pytest

from routemem.memory_core.embedding.tensors import read_tensors
from routemem.memory_core.errors import EmbedderError


def test_float_types_are_read_as_float32(tmp_path: Path) -> None:
    values = np.array([[1.5, -2.0, 0.25]])
    # bfloat16 by hand: the upper half of the float32.
    upper = (values.astype("<f4").view("<u4") >> 16).astype("<u2")
    arrays = {
        "F64": values.astype("<f8"),
        "F32": values.astype("<f4"),
        "F16": values.astype("<f2"),
        "BF16": upper,
    }
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, array in arrays.items():
        offsets = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": name, "shape": [1, 3], "data_offsets": offsets}
        data += array.tobytes()
    text = json.dumps(header).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    found = read_tensors(path)
    assert set(found) == set(arrays)
    for tensor in found.values():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, values)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff" * 8,
        b"\x02\0\0\0\0\0\0\0[]",
        b'\x0d\0\0\0\0\0\0\0{"a":{"b":1}}',
        b'\x39\0\0\0\0\0\0\0{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}   12345678',
        b'\x39\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}   12345678',
    ],
)
def test_a_damaged_file_or_another_type_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(raw)
    with pytest.raises(EmbedderError, match=r"model\.safetensors is not a readable"):
        read_tensors(path)
