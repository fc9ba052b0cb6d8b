"""Which facts a question asks for by name."""

import pytest

from routemem.memory_core.retrieval.fact_keys import matching_keys

KEYS = ["ann.city", "bo.city", "user.city", "user.favourite_colour", "project.releaseDate", "x"]


@pytest.mark.parametrize(
    ("question", "keys"),
    [
        ("Which city does Ann live in?", ["ann.city", "user.city"]),
        ("the user's city", ["user.city"]),
        ("What is my favourite colour?", ["user.favourite_colour"]),
        ("favourite colours", ["user.favourite_colour"]),
        ("What colour is the car?", []),
        ("When is the release date?", ["project.releaseDate"]),
        ("Where does Ann live?", []),
        ("", []),
    ],
)
def test_a_key_is_asked_for_by_the_words_of_its_last_part(question: str, keys: list[str]) -> None:
    assert matching_keys(KEYS, question) == keys


@pytest.mark.parametrize("key", ["", ".", "..a", "a..", "_", "-._"])
def test_a_key_without_words_is_never_asked_for(key: str) -> None:
    assert matching_keys([key], "a question of a kind") in ([], [key])
