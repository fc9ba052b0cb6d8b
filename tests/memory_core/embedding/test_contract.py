"""What every embedder promises, asked of each of them."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routemem.memory_core.embedding import load_embedder
from routemem.memory_core.embedding.embedder import Embedder, Encoded

# torch and transformers announce their own deprecations while they are imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

TEXTS = [
    "Anna is allergic to peanuts.",
    "",
    "a",
    "Der Übergang, 東京で会いましょう 😀👩‍👩‍👧 naïve",
    "tab\tand\nline\x00and\x1b[31mmore\u200b",
    "many words " * 400,
    "the same length as most",
]


class LetterCounts:
    """An embedder as a user of the library might write one."""

    id, dim, max_tokens = "letters/27", 27, 50

    def encode(self, texts: Sequence[str]) -> Encoded:
        counts = np.array(
            [[1, *map(self._read(t).count, "abcdefghijklmnopqrstuvwxyz")] for t in texts]
        )
        counts = counts.reshape(-1, 27)
        norms = np.linalg.norm(counts, axis=1, keepdims=True)
        return Encoded((counts / norms).astype(np.float32))

    def pieces(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\S+", text)]

    def _read(self, text: str) -> str:
        spans = self.pieces(text)[: self.max_tokens]
        return text[: spans[-1][1]] if spans else ""


@pytest.fixture(
    scope="module", params=["hash", "bundled", "folder", "custom", "hf", "sentence-transformers"]
)
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    if request.param == "custom":
        return LetterCounts()
    if request.param == "hf":
        return load_embedder(f"hf:{request.getfixturevalue('tiny_gpt2')}")
    if request.param == "sentence-transformers":
        return load_embedder(str(request.getfixturevalue("tiny_bert")))
    if request.param == "folder":
        make = request.getfixturevalue("make_folder")
        return load_embedder(str(make(tmp_path_factory.mktemp("folder") / "model")))
    return load_embedder(request.param)


def tolerance(embedder: Embedder) -> float:
    """Torch pads batches, which moves the last bits; nothing else may move any."""
    return 1e-6 if embedder.id.startswith(("hf:", "sentence-transformers:")) else 0


def test_it_is_an_embedder_with_a_name_and_sizes(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)
    assert embedder.id
    assert embedder.id == embedder.id.strip()
    assert embedder.dim >= 1
    assert embedder.max_tokens >= 8


def test_vectors_are_float32_of_length_one_in_the_order_of_the_texts(embedder: Embedder) -> None:
    vectors = embedder.encode(TEXTS).vectors
    assert vectors.shape == (len(TEXTS), embedder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    backwards = embedder.encode(TEXTS[::-1]).vectors
    np.testing.assert_allclose(backwards[::-1], vectors, atol=tolerance(embedder))
    assert np.abs(vectors[0] - vectors[3]).max() > 1e-3


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    encoded = embedder.encode([])
    assert encoded.vectors.shape == (0, embedder.dim)
    assert encoded.tokens == encoded.token_ids == ()


def test_a_vector_does_not_depend_on_the_other_texts(embedder: Embedder) -> None:
    together = embedder.encode(TEXTS)
    for at, text in enumerate(TEXTS):
        alone = embedder.encode([text])
        np.testing.assert_allclose(
            alone.vectors[0], together.vectors[at], rtol=0, atol=tolerance(embedder)
        )
        if together.tokens:
            np.testing.assert_array_equal(alone.token_ids[0], together.token_ids[at])
            np.testing.assert_allclose(
                alone.tokens[0], together.tokens[at], rtol=0, atol=10 * tolerance(embedder)
            )


def test_token_vectors_come_with_their_ids_or_not_at_all(embedder: Embedder) -> None:
    encoded = embedder.encode(TEXTS)
    assert len(encoded.tokens) == len(encoded.token_ids)
    assert len(encoded.tokens) in (0, len(TEXTS))
    for tokens, ids in zip(encoded.tokens, encoded.token_ids, strict=True):
        assert tokens.dtype == np.float32
        assert ids.dtype == np.int32
        assert tokens.shape == (len(ids), embedder.dim)
        assert len(ids) <= embedder.max_tokens
    if encoded.tokens:
        assert len(encoded.tokens[1]) == 0
        assert len(encoded.tokens[0]) > 3


def test_what_stands_beyond_max_tokens_is_ignored(embedder: Embedder) -> None:
    head = "many words " * embedder.max_tokens
    vectors = embedder.encode(
        [head + "at the end", head + "something else", "something else"]
    ).vectors
    np.testing.assert_allclose(vectors[0], vectors[1], rtol=0, atol=tolerance(embedder))
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-3


def test_lone_surrogates_are_read_as_replacement_characters(embedder: Embedder) -> None:
    broken, mended = "half \ud83d a smile \udc00", "half \ufffd a smile \ufffd"
    vectors = embedder.encode([broken, mended]).vectors
    np.testing.assert_allclose(vectors[0], vectors[1], rtol=0, atol=tolerance(embedder))
    assert embedder.pieces(broken) == embedder.pieces(mended)


def test_pieces_are_spans_in_order_and_not_truncated(embedder: Embedder) -> None:
    text = ("Grüße from 東京 \ud83d and more words " * embedder.max_tokens).rstrip()
    spans = embedder.pieces(text)
    assert len(spans) > embedder.max_tokens
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert spans == sorted(spans)
    assert max(end for _, end in spans) == len(text)
    assert embedder.pieces("") == []


def test_several_threads_get_what_one_gets(embedder: Embedder) -> None:
    expected = embedder.encode(TEXTS).vectors
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: embedder.encode(TEXTS).vectors, range(8)):
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance(embedder))


@pytest.mark.parametrize("spec", ["hash", "bundled"])
def test_loading_again_gives_the_same_id_and_vectors(spec: str) -> None:
    one, other = load_embedder(spec), load_embedder(spec)
    assert one.id == other.id
    np.testing.assert_array_equal(one.encode(TEXTS).vectors, other.encode(TEXTS).vectors)


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(), max_size=200))
def test_any_text_has_a_finite_unit_vector_and_matching_tokens(
    embedder: Embedder, text: str
) -> None:
    encoded = embedder.encode([text])
    assert abs(np.linalg.norm(encoded.vectors[0]) - 1) < 1e-5
    for start, end in embedder.pieces(text):
        assert 0 <= start <= end <= len(text)
    for tokens, ids in zip(encoded.tokens, encoded.token_ids, strict=True):
        assert len(tokens) == len(ids)
        assert np.isfinite(tokens).all()
