"""Models run by the sentence-transformers library; skipped without the extra."""

from pathlib import Path

import numpy as np
import pytest

from routemem.memory_core.embedding import load_embedder
from routemem.memory_core.embedding.sentence_transformers import SentenceTransformersEmbedder
from routemem.memory_core.errors import EmbedderError

library = pytest.importorskip(
    "sentence_transformers", reason="needs the extra sentence-transformers"
)
# torch and transformers announce their own deprecations while they are imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

TEXTS = ["hello world", "", "a somewhat longer text", "word " * 90]


def test_vectors_are_those_of_the_library_with_the_default_prompt(tiny_bert: Path) -> None:
    embedder = load_embedder(str(tiny_bert))
    assert isinstance(embedder, SentenceTransformersEmbedder)
    model = library.SentenceTransformer(str(tiny_bert), device="cpu", local_files_only=True)
    np.testing.assert_allclose(
        embedder.encode(TEXTS).vectors,
        model.encode(TEXTS, normalize_embeddings=True, prompt="passage: "),
        atol=1e-6,
    )


def test_token_vectors_leave_out_prompt_and_special_tokens(tiny_bert: Path) -> None:
    encoded = SentenceTransformersEmbedder(str(tiny_bert)).encode(TEXTS)
    # 32 pieces with [CLS], "passage", ":" and [SEP] leave room for 28.
    assert [len(tokens) for tokens in encoded.tokens] == [2, 0, 4, 28]
    assert encoded.token_ids[0].tolist() == [7592, 2088]


def test_the_id_names_the_folder_and_the_version_of_its_files(tiny_bert: Path) -> None:
    name, _, version = SentenceTransformersEmbedder(str(tiny_bert)).id.partition("@")
    assert name == "sentence-transformers:tiny-bert"
    assert len(version) == 8


def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="Expected a sentence-transformers folder"):
        SentenceTransformersEmbedder(str(tmp_path))
