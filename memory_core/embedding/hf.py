"""Hidden activations of any transformers model, as sentence vectors. Extra ``hf``."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError
from .embedder import Encoded, Span, Vectors, check_vectors
from .fingerprint import model_version
from .pieces import PieceReader, Pieces
from .pooling import pool, unit

POOLINGS = ("mean", "cls", "last", "max")
# Word pieces of one text, and of one padded batch.
_LONGEST = 512
_BATCH = 2048


class HiddenStateEmbedder:
    """What a transformer block puts out, read by a forward hook and pooled over the real tokens.

    The hook sees the block's output as the next block gets it: for the last block of a GPT-2 that
    is the state before the final layer norm. Texts are run in batches of similar length with an
    attention mask, so a text's vector is the same alone and in company up to float32 rounding.
    Safe to call from several threads; calls run one after the other.

    Args:
        model: a folder (then nothing is downloaded) or a model name.
        layer: block to read, 0 the first, -1 the last.
        pooling: ``mean``, ``cls``, ``last`` or ``max``.

    Raises:
        EmbedderError: the extra is missing, or the model cannot be loaded or has no such block.
    """

    def __init__(self, model: str, *, layer: int = -1, pooling: str = "mean") -> None:
        if pooling not in POOLINGS:
            raise EmbedderError(f"Expected a pooling of {', '.join(POOLINGS)}, got {pooling!r}.")
        self._pooling = pooling
        self._lock = threading.Lock()
        self._model, tokenizer = _load(model)
        self._reader = PieceReader.from_transformers(tokenizer)
        self._block, index = _block(self._model, layer)
        self.max_tokens = _max_tokens(self._model, tokenizer)
        version = model_version(model, self._model.config)
        self.id = f"hf:{_short(model)}@{version}/layer{index}/{pooling}"
        # The warm-up: shows the width, and that tokenizer, model and hook fit together.
        self.dim = self._hidden([self._reader.read("warm-up", self.max_tokens)]).shape[2]

    @classmethod
    def from_spec(cls, spec: str) -> "HiddenStateEmbedder":
        """Load ``<model or folder>[?layer=-1&pooling=mean]``.

        Raises:
            EmbedderError: as the constructor, or the spec cannot be read.
        """
        model, _, query = spec.partition("?")
        try:
            options = dict(parse_qsl(query, strict_parsing=True)) if query else {}
            layer = int(options.pop("layer", "-1"))
        except ValueError:
            options, layer = {"": query}, -1
        pooling = options.pop("pooling", "mean")
        if options or not model:
            raise EmbedderError(
                "Expected 'hf:<model or folder>' with ?layer=<number> and &pooling=<"
                f"{'|'.join(POOLINGS)}> after it where wanted, got 'hf:{spec}'."
            )
        return cls(model, layer=layer, pooling=pooling)

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Embed the texts; see ``Embedder.encode``."""
        reads = [self._reader.read(text, self.max_tokens) for text in texts]
        vectors = np.zeros((len(reads), self.dim), np.float32)
        tokens: list[Vectors] = [vectors[:0]] * len(reads)
        for batch in _batches([len(read.ids) for read in reads]):
            hidden = self._hidden([reads[at] for at in batch])
            mask = _mask([len(reads[at].ids) for at in batch])
            vectors[batch] = unit(pool(hidden, mask, self._pooling))
            for row, at in enumerate(batch):
                tokens[at] = hidden[row, : len(reads[at].ids)][reads[at].content]
        return Encoded(
            check_vectors(vectors, len(reads), self.dim, self.id),
            tuple(tokens),
            tuple(read.ids[read.content].astype(np.int32) for read in reads),
        )

    def pieces(self, text: str) -> list[Span]:
        """Character spans of the text's word pieces, in order, not truncated."""
        return self._reader.spans(text)

    def _hidden(self, reads: list[Pieces]) -> Vectors:
        """The block's output for one batch, float32 ``(n, t, dim)``, padded on the right."""
        import torch

        mask = _mask([len(read.ids) for read in reads])
        ids = np.zeros(mask.shape, np.int64)
        ids[mask] = np.concatenate([read.ids for read in reads])
        caught: list[Any] = []

        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            state = output[0] if isinstance(output, tuple) else output
            # A copy: later blocks may write into the tensor they were given.
            caught.append(state.detach().clone())

        with self._lock, torch.inference_mode():
            hook = self._block.register_forward_hook(keep)
            try:
                device = self._model.device
                self._model(
                    input_ids=torch.from_numpy(ids).to(device),
                    attention_mask=torch.from_numpy(mask.astype(np.int64)).to(device),
                )
            except Exception as error:  # torch raises what its kernels raise
                raise EmbedderError(
                    f"The model could not encode {len(reads)} texts: {error}. Search goes on by "
                    "text; check that the tokenizer belongs to the model."
                ) from error
            finally:
                hook.remove()
        if len(caught) != 1 or caught[0].ndim != 3:
            raise EmbedderError(
                f"Expected one state of shape (texts, tokens, width) from {type(self._block)}, got "
                f"{[tuple(state.shape) for state in caught]}. Choose another layer or model."
            )
        return np.asarray(caught[0].float().cpu().numpy(), np.float32)


def _load(model: str) -> tuple[Any, Any]:
    try:
        import torch
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise EmbedderError(
            f"'hf:{model}' needs torch and transformers ({error}). Install them: "
            'pip install "routemem[hf]"'
        ) from error
    local = Path(model).expanduser().is_dir()
    name = str(Path(model).expanduser()) if local else model
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
        # float32: in half precision a vector would depend on its batch.
        network = AutoModel.from_pretrained(name, local_files_only=local, dtype=torch.float32)
    except Exception as error:  # missing files, no network, unknown architecture
        raise EmbedderError(
            f"Could not load 'hf:{model}': {error}. Expected a folder saved with save_pretrained, "
            "or the name of a model that is cached or can be downloaded."
        ) from error
    return network.eval(), tokenizer


def _block(model: Any, layer: int) -> tuple[Any, int]:
    """The block and its index from 0, in the list that has as many entries as the model layers."""
    from torch.nn import ModuleList

    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    lists = [each for each in model.modules() if isinstance(each, ModuleList)]
    blocks = next((each for each in lists if len(each) == count), None)
    if blocks is None:
        raise EmbedderError(
            f"Expected a list of {count} transformer blocks in {type(model).__name__}, found "
            f"lists of {[len(each) for each in lists]}. Choose another model."
        )
    if not -len(blocks) <= layer < len(blocks):
        raise EmbedderError(
            f"Expected layer {-len(blocks)} to {len(blocks) - 1} of {type(model).__name__}, got "
            f"{layer}."
        )
    return blocks[layer], layer % len(blocks)


def _max_tokens(model: Any, tokenizer: Any) -> int:
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return min(_LONGEST, int(tokenizer.model_max_length), int(positions or _LONGEST))


def _mask(lengths: list[int]) -> NDArray[np.bool_]:
    return np.arange(max(lengths)) < np.array(lengths)[:, None]


def _batches(lengths: list[int]) -> Iterator[list[int]]:
    """Positions in order of length, cut so that a padded batch stays within ``_BATCH`` pieces."""
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and lengths[at] * (len(batch) + 1) > _BATCH:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def _short(model: str) -> str:
    folder = Path(model).expanduser()
    return folder.resolve().name if folder.is_dir() else model
