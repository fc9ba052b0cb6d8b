"""The embedder without a model."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.embedding.hashing import HashingEmbedder
from routemem.memory_core.errors import EmbedderError

EMBEDDER = HashingEmbedder()
WORDS = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=9),
    min_size=6,
    max_size=12,
    unique=True,
)

# hash-v1/16 of "Anna likes tea."
GOLDEN = [
    -0.018307,
    0.21038,
    0.356784,
    0.314332,
    -0.283606,
    -0.363959,
    -0.089692,
    -0.107169,
    -0.193409,
    0.249615,
    0.139319,
    0.311204,
    -0.0465,
    -0.321506,
    0.186234,
    0.375091,
]


def cosine(one: str, other: str) -> float:
    vectors = EMBEDDER.encode([one, other]).vectors
    return float(vectors[0] @ vectors[1])


def test_another_process_gets_the_same_bits() -> None:
    program = (
        "import sys; from routemem.memory_core.embedding import load_embedder\n"
        "vector = load_embedder('hash').encode(['Anna likes 東京, naïvely.']).vectors\n"
        "sys.stdout.write(vector.tobytes().hex())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    expected = EMBEDDER.encode(["Anna likes 東京, naïvely."]).vectors.tobytes().hex()
    assert done.stdout.decode() == expected


def test_the_vectors_of_this_version_stay_what_they_are() -> None:
    # Stored vectors are compared with new ones: changing these needs a new id, hash-v2.
    vector = HashingEmbedder(16).encode(["Anna likes tea."]).vectors[0]
    np.testing.assert_allclose(vector, GOLDEN, atol=1e-6)


@given(words=WORDS)
def test_shared_words_raise_the_cosine(words: list[str]) -> None:
    half = len(words) // 2
    whole, most, few = " ".join(words), " ".join(words[:-1]), " ".join(words[:half])
    assert cosine(whole, whole) == pytest.approx(1, abs=1e-5)
    assert cosine(whole, most) > 0.6
    assert cosine(whole, most) > cosine(whole, "zzzzqqqq xxxxyyyy")
    assert cosine(whole, few) > 0.3


def test_case_and_width_do_not_matter_and_spelling_helps_a_little() -> None:
    assert cosine("STRASSE", "straße") == pytest.approx(1, abs=1e-5)
    assert cosine("ｆｕｌｌ width", "full width") == pytest.approx(1, abs=1e-5)
    assert 0.05 < cosine("migration", "migrations") < 0.9
    assert abs(cosine("migration", "zebra")) < 0.2


def test_punctuation_hardly_counts() -> None:
    assert cosine("the river bank", "the river bank!?") > 0.98


def test_texts_without_words_share_one_fixed_vector() -> None:
    vectors = EMBEDDER.encode(["", "  \n"]).vectors
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert np.linalg.norm(vectors[0]) == 1


def test_pieces_are_words_signs_and_single_han_characters() -> None:
    text = "don't 東京tower _x_ " + "a" * 40
    found = [text[start:end] for start, end in EMBEDDER.pieces(text)]
    assert found == ["don", "'", "t", "東", "京", "tower", "_", "x", "_", "a" * 32, "a" * 8]


def test_equal_words_have_equal_ids() -> None:
    first, second = EMBEDDER.encode(["tea and tea", "and"]).token_ids
    assert first[0] == first[2] != first[1] == second[0]
    assert first.min() >= 0


@pytest.mark.parametrize("dim", [0, 15, 4097, -1])
def test_a_dimension_out_of_range_is_refused(dim: int) -> None:
    with pytest.raises(EmbedderError, match=f"16 to 4096 dimensions.*{dim}"):
        HashingEmbedder(dim)
