"""Text to vectors.

Importing this package costs nothing: numpy, ONNX Runtime and torch are imported by the embedder
that needs them, when it is loaded.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EmbedderError

if TYPE_CHECKING:
    from .embedder import Embedder

__all__ = ["load_embedder"]


def load_embedder(spec: str = "bundled") -> "Embedder":
    """Load the embedder a setting names.

    ===============================  ==============================================================
    ``bundled``                      all-MiniLM-L6-v2 from this package, on ONNX Runtime (default)
    ``hash``, ``hash:<dim>``         feature hashing, no model; 384 dimensions unless given
    ``hf:<model>[?layer=…&pooling=…]``  hidden activations of a transformers model (extra ``hf``)
    a folder                         its ``onnx/model.onnx`` or ``model.onnx`` on ONNX Runtime;
                                     without one, the extra ``sentence-transformers``
    any other name                   a model name for the extra ``sentence-transformers``, which
                                     downloads it on first use
    ===============================  ==============================================================

    Args:
        spec: one of the forms above; spaces around it and an empty spec (``bundled``) are fine.

    Raises:
        EmbedderError: the spec names nothing that can be loaded; the message has the next step.
    """
    spec = spec.strip() or "bundled"
    kind, _, rest = spec.partition(":")
    if spec == "bundled":
        from .bundled import bundled

        return bundled()
    if kind == "hash":
        from .hashing import HashingEmbedder

        return HashingEmbedder(_dimension(rest))
    if kind == "hf":
        from .hf import HiddenStateEmbedder

        return HiddenStateEmbedder.from_spec(rest)
    return _load_folder_or_name(spec)


def _load_folder_or_name(spec: str) -> "Embedder":
    folder = Path(spec).expanduser()
    if folder.is_dir():
        from .modules import onnx_file

        if onnx_file(folder):
            from .onnx import OnnxEmbedder

            return OnnxEmbedder(folder)
    elif folder.is_absolute() or spec[0] in "~." or folder.exists():
        raise EmbedderError(
            f"Expected a model folder, a model name, 'bundled', 'hash' or 'hf:<model>', got "
            f"{spec!r}, which is not a folder. Check the path."
        )
    from .sentence_transformers import SentenceTransformersEmbedder

    return SentenceTransformersEmbedder(str(folder) if folder.is_dir() else spec)


def _dimension(text: str) -> int:
    if not text:
        return 384
    if not text.isdecimal() or not text.isascii():
        raise EmbedderError(
            f"Expected 'hash' or 'hash:<dimensions>' such as 'hash:384', got 'hash:{text}'."
        )
    return int(text)
