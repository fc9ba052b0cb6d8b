"""The words of a question worth looking up."""

import pytest

from routemem.memory_core.retrieval.lexical import content_words


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What did Ann say about the Redis cache?", ["ann", "say", "redis", "cache"]),
        ("What's the deploy command?", ["deploy", "command"]),
        ("cache cache CACHE", ["cache"]),
        ("who are you", ["who", "are", "you"]),
        ("", []),
        ("?!…", []),
        ("naïve Zürich 日本語", ["naïve", "zürich", "日本語"]),
        ("port 8080 v2.3", ["port", "8080", "v2"]),
    ],
)
def test_function_words_go_and_content_stays(question: str, words: list[str]) -> None:
    assert content_words(question) == words
