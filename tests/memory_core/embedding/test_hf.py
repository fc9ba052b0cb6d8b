"""Hidden activations; skipped without the extra ``hf``."""

from pathlib import Path

import numpy as np
import pytest

from routemem.memory_core.embedding.hf import HiddenStateEmbedder
from routemem.memory_core.errors import EmbedderError

torch = pytest.importorskip("torch", reason="needs the extra hf")
transformers = pytest.importorskip("transformers", reason="needs the extra hf")
# torch and transformers announce their own deprecations while they are imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

TEXTS = ["hello", "a rather longer text", "ü", "the end of it " * 9]


def states(folder: Path, text: str) -> list[np.ndarray]:
    """Every hidden state of one text as transformers returns them, then the last before ln_f."""
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    inputs = tokenizer(text, return_tensors="pt", truncation=True)
    with torch.no_grad():
        hidden = list(model(**inputs, output_hidden_states=True).hidden_states)
        before = model.h[1](hidden[1])
    last = before[0] if isinstance(before, tuple) else before
    np.testing.assert_allclose(model.ln_f(last).detach(), hidden[-1], atol=1e-5)
    return [state[0].detach().numpy() for state in (*hidden, last)]


def test_a_layer_is_what_its_block_puts_out(tiny_gpt2: Path) -> None:
    text = "the second block"
    first = HiddenStateEmbedder(str(tiny_gpt2), layer=0).encode([text]).tokens[0]
    last = HiddenStateEmbedder(str(tiny_gpt2), layer=-1).encode([text]).tokens[0]
    expected = states(tiny_gpt2, text)
    np.testing.assert_allclose(first, expected[1], atol=1e-5)
    np.testing.assert_allclose(last, expected[-1], atol=1e-5)  # before the final layer norm


@pytest.mark.parametrize("pooling", ["mean", "cls", "last", "max"])
def test_pooling_a_batch_ignores_the_padding(tiny_gpt2: Path, pooling: str) -> None:
    embedder = HiddenStateEmbedder(str(tiny_gpt2), pooling=pooling)
    together = embedder.encode(TEXTS)
    for at, tokens in enumerate(together.tokens):
        pooled = {
            "mean": tokens.mean(0), "cls": tokens[0], "last": tokens[-1], "max": tokens.max(0)
        }[pooling]  # fmt: skip
        expected = pooled / np.linalg.norm(pooled)
        np.testing.assert_allclose(together.vectors[at], expected, atol=1e-6)


def test_the_id_names_model_version_layer_and_pooling(tiny_gpt2: Path) -> None:
    ids = {
        HiddenStateEmbedder(str(tiny_gpt2), layer=layer, pooling=pooling).id
        for layer, pooling in [(0, "mean"), (1, "mean"), (-1, "mean"), (0, "cls")]
    }
    assert len(ids) == 3  # layer 1 of two is layer -1
    assert all(name.startswith("hf:tiny-gpt2@") for name in ids)


@pytest.mark.parametrize("layer", [2, -3, 99])
def test_a_layer_the_model_has_not_is_refused(tiny_gpt2: Path, layer: int) -> None:
    with pytest.raises(EmbedderError, match=rf"Expected layer -2 to 1 .*got {layer}"):
        HiddenStateEmbedder(str(tiny_gpt2), layer=layer)


def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="Expected a folder saved with save_pretrained"):
        HiddenStateEmbedder(str(tmp_path))


def test_no_hook_stays_on_the_model(tiny_gpt2: Path) -> None:
    embedder = HiddenStateEmbedder(str(tiny_gpt2))
    embedder.encode(TEXTS)
    assert not embedder._block._forward_hooks


def test_long_texts_are_run_in_bounded_batches(tiny_gpt2: Path) -> None:
    embedder = HiddenStateEmbedder(str(tiny_gpt2))
    vectors = embedder.encode(["word " * 60] * 100).vectors
    np.testing.assert_allclose(vectors, vectors[:1].repeat(100, 0), atol=1e-6)
