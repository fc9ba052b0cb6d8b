"""Text to vectors.

Importing this package costs nothing: numpy, ONNX Runtime and torch are imported by the embedder
that needs them, when it is loaded.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EmbedderError

if TYPE_CHECKING:
    from .embedder import Embedder

__all__ = ["is_folder_spec", "load_embedder"]

#: Specs, or what comes before their colon, that name neither a folder nor a model.
_KINDS = ("bundled", "hash", "hf", "none")
#: Files of which a folder that sentence-transformers or transformers can read has one.
_CONFIGS = ("modules.json", "config.json", "config_sentence_transformers.json")


def load_embedder(spec: str = "bundled") -> "Embedder":
    """Load the embedder a setting names.

    ===============================  ==============================================================
    ``none``                         no search by meaning: refused here, memories are found by words
    ``bundled``                      all-MiniLM-L6-v2 from this package, on ONNX Runtime (default)
    ``hash``, ``hash:<dim>``         feature hashing, no model; 384 dimensions unless given
    ``hf:<model>[?layer=…&pooling=…]``  hidden activations of a transformers model (extra ``hf``)
    a folder                         its ``onnx/model.onnx`` or ``model.onnx`` on ONNX Runtime;
                                     without one, the extra ``sentence-transformers``
    any other name                   a model name for the extra ``sentence-transformers``, which
                                     downloads it on first use
    ===============================  ==============================================================

    Args:
        spec: one of the forms above; spaces around it, an empty spec (``bundled``) and capitals
            in the words above are fine.

    Raises:
        EmbedderError: the spec names nothing that can be loaded; the message has the next step.
    """
    spec = spec.strip() or "bundled"
    kind, _, rest = spec.partition(":")
    kind = kind.lower()
    if spec.lower() == "none":
        raise EmbedderError("No embedding model is configured (embedder is `none`).")
    if spec.lower() == "bundled":
        from .bundled import bundled

        return bundled()
    if kind == "hash":
        from .hashing import HashingEmbedder

        return HashingEmbedder(_dimension(rest))
    if kind == "hf":
        from .hf import HiddenStateEmbedder

        return HiddenStateEmbedder.from_spec(rest)
    return _load_folder_or_name(spec)


def is_folder_spec(spec: str) -> bool:
    """Whether a spec names a folder, perhaps one that is not there, rather than a model."""
    spec = spec.strip()
    if not spec or spec.partition(":")[0].lower() in _KINDS:
        return False
    return spec[0] in "~." or Path(spec).expanduser().is_dir()


def _load_folder_or_name(spec: str) -> "Embedder":
    folder = Path(spec).expanduser()
    if folder.is_dir():
        from .modules import onnx_file

        if onnx_file(folder):
            from .onnx import OnnxEmbedder

            return OnnxEmbedder(folder)
        if not any((folder / name).is_file() for name in _CONFIGS):
            raise EmbedderError(
                f"Expected a model folder, got {spec!r}: there is no onnx/model.onnx in that "
                "folder, and no modules.json or config.json either. Check the path."
            )
    elif folder.is_absolute() or spec[0] in "~." or folder.exists():
        raise EmbedderError(
            f"Expected a model folder, a model name, 'bundled', 'hash' or 'hf:<model>', got "
            f"{spec!r}, which is not a folder. Check the path."
        )
    else:
        _refuse_misspelt(spec)
    from .sentence_transformers import SentenceTransformersEmbedder

    return SentenceTransformersEmbedder(str(folder) if folder.is_dir() else spec)


def _refuse_misspelt(spec: str) -> None:
    """A slip in ``hash`` must not end in advice to install torch for a model called ``hsah``."""
    from difflib import get_close_matches

    if near := get_close_matches(spec.lower(), _KINDS, n=1, cutoff=0.7):
        raise EmbedderError(f"There is no embedder {spec!r}. Did you mean {near[0]!r}?")


def _dimension(text: str) -> int:
    if not text:
        return 384
    if not text.isdecimal() or not text.isascii():
        raise EmbedderError(
            f"Expected 'hash' or 'hash:<dimensions>' such as 'hash:384', got 'hash:{text}'."
        )
    return int(text)
