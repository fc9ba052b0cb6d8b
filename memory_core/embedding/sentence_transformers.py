"""Any model of the sentence-transformers library. Extra ``sentence-transformers``."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError
from .embedder import Encoded, Span, Vectors, check_vectors
from .fingerprint import model_version
from .pieces import PieceReader, Pieces, well_formed
from .pooling import unit

_BATCH = 8


class SentenceTransformersEmbedder:
    """A model run by sentence-transformers on torch, with all its modules and its default prompt.

    A text's vector is the same alone and in company up to float32 rounding. Importing torch takes
    about 5 s of CPU and 500 MB: load it off the start path.

    Args:
        model: a folder (then nothing is downloaded) or a model name.

    Raises:
        EmbedderError: the extra is missing or the model cannot be loaded.
    """

    def __init__(self, model: str) -> None:
        self._model = _load(model)
        self._reader = PieceReader.from_transformers(self._model.tokenizer)
        config = getattr(self._model[0], "auto_model", None)
        version = model_version(model, getattr(config, "config", None))
        folder = Path(model).expanduser()
        name = folder.resolve().name if folder.is_dir() else model
        self.id = f"sentence-transformers:{name}@{version}"
        self.max_tokens = int(self._model.max_seq_length or 512)
        self._prompt = self._model.prompts.get(self._model.default_prompt_name) or ""
        self.dim = self._run([""])[0].shape[1]

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Embed the texts; see ``Embedder.encode``.

        Token vectors are left empty where the model's Dense layers change their width.
        """
        reads = [self._reader.read(text, self.max_tokens, self._prompt) for text in texts]
        if not reads:
            return Encoded(np.zeros((0, self.dim), np.float32))
        vectors, states = self._run(list(texts))
        kept = [self._kept(state, read) for state, read in zip(states, reads, strict=True)]
        return Encoded(
            check_vectors(vectors, len(reads), self.dim, self.id),
            tuple(tokens for tokens, _ in kept),
            tuple(ids for _, ids in kept),
        )

    def pieces(self, text: str) -> list[Span]:
        """Character spans of the text's word pieces, in order, not truncated."""
        return self._reader.spans(text)

    def _run(self, texts: list[str]) -> tuple[Vectors, list[Vectors]]:
        """Unit vectors ``(n, dim)`` and, per text, the token states with the special tokens'."""
        try:
            rows = self._model.encode(
                [well_formed(text) for text in texts],
                batch_size=_BATCH,
                output_value=None,
                show_progress_bar=False,
            )
            vectors = [row["sentence_embedding"].float().cpu().numpy() for row in rows]
            states = [row["token_embeddings"][row["attention_mask"].bool()] for row in rows]
        except Exception as error:  # torch raises what its kernels raise
            raise EmbedderError(
                f"sentence-transformers could not encode {len(texts)} texts: {error!r}. Search "
                "goes on by text; check that the folder is a text embedding model."
            ) from error
        return unit(np.array(vectors, np.float32)), [
            np.asarray(state.float().cpu().numpy(), np.float32) for state in states
        ]

    def _kept(self, state: Vectors, read: Pieces) -> tuple[Vectors, NDArray[np.int32]]:
        """The token vectors of the text itself and their ids; none if they are not comparable."""
        if state.shape != (len(read.ids), self.dim):
            return np.zeros((0, self.dim), np.float32), np.zeros(0, np.int32)
        return state[read.content], read.ids[read.content].astype(np.int32)


def _load(model: str) -> Any:
    try:
        # By name, because type checkers take this very file for what it imports.
        library: Any = importlib.import_module("sentence_transformers")
    except ImportError as error:
        raise EmbedderError(
            f"The model {model!r} needs sentence-transformers ({error}). Install it: "
            'pip install "routemem[sentence-transformers]"'
        ) from error
    local = Path(model).expanduser().is_dir()
    try:
        return library.SentenceTransformer(
            str(Path(model).expanduser()) if local else model,
            local_files_only=local,
            # float32: in half precision a vector would depend on its batch.
            model_kwargs={"dtype": "float32"},
        )
    except Exception as error:  # missing files, no network, unknown architecture
        raise EmbedderError(
            f"Could not load {model!r}: {error}. Expected a sentence-transformers folder, or the "
            "name of a model that is cached or can be downloaded."
        ) from error
