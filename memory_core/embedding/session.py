"""One ONNX Runtime session of a text encoder: word-piece ids in, token vectors out."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError
from .embedder import Vectors

_INTEGERS: dict[str, np.dtype[Any]] = {
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
}
_FATAL = 4


class EncoderSession:
    """A loaded ``model.onnx``, on one thread. Safe to call from several threads.

    Args:
        path: the model; its inputs are ``input_ids`` and, where it has them, ``attention_mask``
            and ``token_type_ids``; its output is ``token_embeddings``, ``last_hidden_state`` or
            the first one of shape (batch, tokens, width).

    Raises:
        EmbedderError: the file is missing or damaged, or the model is of another kind.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session = _open(path)
        self._types = {each.name: _integer(each.type, path) for each in self._session.get_inputs()}
        unknown = set(self._types) - {"input_ids", "attention_mask", "token_type_ids"}
        if unknown or "input_ids" not in self._types:
            raise EmbedderError(
                f"Expected the inputs input_ids, attention_mask, token_type_ids in {path}, got "
                f"{', '.join(self._types)}. Export the text encoder for feature extraction."
            )
        outputs = {each.name: len(each.shape) for each in self._session.get_outputs()}
        wanted = ["token_embeddings", "last_hidden_state", *outputs]
        found = next((name for name in wanted if outputs.get(name) == 3), None)
        if found is None:
            raise EmbedderError(
                f"Expected token vectors of shape (batch, tokens, width) among the outputs of "
                f"{path}, got {outputs} (name: axes). Export it for feature extraction."
            )
        self._output = found

    def run(self, ids: NDArray[np.int64]) -> Vectors:
        """Encode one text.

        One text a run: no padding, so nothing another text brings can change its vectors. With
        the bundled model a batch of 8 would not be faster either (28 ms for 8 x 32 pieces, both
        ways).

        Args:
            ids: int64, shape ``(t,)``, t >= 1, special tokens included.

        Returns:
            float32, shape ``(t, width)``.

        Raises:
            EmbedderError: ONNX Runtime could not run the model.
        """
        values = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        feed: dict[str, Any] = {
            name: values.get(name, np.zeros_like(ids))[None].astype(kind)
            for name, kind in self._types.items()
        }
        try:
            (hidden,) = self._session.run([self._output], feed)
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise EmbedderError(
                f"{self._path} could not encode a text of {len(ids)} word pieces: {error}. "
                "Search goes on by text; check that tokenizer.json belongs to this model."
            ) from error
        return np.asarray(hidden[0], np.float32)


def _open(path: Path) -> Any:  # onnxruntime has no types
    # A memory reports to nobody: without this the runtime writes an id of the machine into the
    # user's cache when it is imported, and uploads events when it can.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    if not path.is_file():
        raise EmbedderError(
            f"Expected a model in {path}, found none. Install Routemem again, or name another "
            "model."
        )
    try:
        return onnxruntime.InferenceSession(
            str(path), _options(onnxruntime.SessionOptions()), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's errors have no common base
        raise EmbedderError(
            f"{path} is not a model ONNX Runtime {onnxruntime.__version__} can load: {error}. "
            "Fetch the file again, or upgrade: pip install -U onnxruntime"
        ) from error


def _options(options: Any) -> Any:
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # The arena keeps the peak of the longest text for the life of the process.
    options.enable_cpu_mem_arena = False
    # Warnings would go to stderr, which a client shows; what fails is raised.
    options.log_severity_level = _FATAL
    return options


def _integer(kind: str, path: Path) -> np.dtype[Any]:
    if kind not in _INTEGERS:
        raise EmbedderError(
            f"Expected integer inputs in {path}, got {kind}. Export the text encoder for feature "
            "extraction."
        )
    return _INTEGERS[kind]
