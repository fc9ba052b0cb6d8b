"""Each word of a question meets its nearest word of a text."""

import numpy as np

from routemem.memory_core.embedding.hashing import HashingEmbedder
from routemem.memory_core.embedding.token_codes import TokenCoder
from routemem.memory_core.retrieval.late_interaction import max_sim, token_weights


def code(*signs: int) -> bytes:
    """One token of 8 bits."""
    return np.packbits(np.array(signs) > 0).tobytes()


UP, DOWN = code(*[1] * 8), code(*[-1] * 8)


def test_the_best_token_of_each_text_counts_for_each_of_the_question() -> None:
    question = np.array([[1.0] * 8, [-1.0] * 8], np.float32)
    weights = np.array([3.0, 1.0], np.float32)
    scores = max_sim(question, weights, [UP, DOWN, UP + DOWN, DOWN + DOWN + UP])
    np.testing.assert_allclose(scores * np.sqrt(8), [4.0, -4.0, 8.0, 8.0], rtol=1e-6)


def test_a_token_without_weight_is_not_compared() -> None:
    question = np.array([[1.0] * 8, [-1.0] * 8], np.float32)
    scores = max_sim(question, np.array([1.0, 0.0], np.float32), [UP, DOWN])
    np.testing.assert_allclose(scores * np.sqrt(8), [8.0, -8.0], rtol=1e-6)


def test_a_piece_weighs_what_its_word_tells() -> None:
    question = "When did Zoë paint?"
    spans = [(0, 4), (5, 8), (9, 10), (10, 12), (13, 18), (18, 19)]
    weights = token_weights(question, spans, ["zoë", "paint"], np.array([5.0, 0.5]))
    assert weights.tolist() == [2, 2, 5, 5, 0.5, 1]


def test_codes_put_a_text_with_the_question_s_words_first() -> None:
    embedder = HashingEmbedder(64)
    coder = TokenCoder.of(embedder)
    texts = ["the harbour at night", "a recipe for bread", "bread from the harbour bakery"]
    codes = [coder.codes(tokens).tobytes() for tokens in embedder.encode(texts).tokens]
    asked = coder.projected(embedder.encode(["harbour bread"]).tokens[0])
    scores = max_sim(asked, np.ones(2, np.float32), codes)
    assert scores.argmax() == 2
    assert [len(each) for each in codes] == [16 * 4, 16 * 4, 16 * 5]
    assert coder.codes(np.zeros((0, 64), np.float32)).shape == (0, 16)
