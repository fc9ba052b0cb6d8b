"""Facts by rules: cautious, and never more than candidates."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.lifecycle.candidates import candidates


@pytest.mark.parametrize(
    ("said", "key", "value"),
    [
        ("My name is Ann Vermeer.", "user.name", "Ann Vermeer"),
        ("Hi, I'm Ann.", "user.name", "Ann"),
        ("Ich heiße Jürgen und suche eine Wohnung.", "user.name", "Jürgen"),
        ("Call me Bob", "user.nickname", "Bob"),
        ("I live in Ghent.", "user.city", "Ghent"),
        ("We just moved to New York, and it is loud.", "user.city", "New York"),
        ("By the way, I moved to Aix-en-Provence last week", "user.city", "Aix-en-Provence"),
        ("J'habite à Lyon.", "user.city", "Lyon"),
        ("I work at Acme Corp.", "user.employer", "Acme Corp"),
        ("I work as a nurse and love it.", "user.job", "nurse"),
        ("My birthday is on 3 May 1990.", "user.birthday", "3 May 1990"),
        ("I was born on May 3, 1990.", "user.birthday", "May 3, 1990"),
        ("my email is ann@example.org, write me", "user.email", "ann@example.org"),
        ("I'm allergic to hazelnuts and it is bad.", "user.allergy", "hazelnuts"),
        ("I'm a vegetarian.", "user.diet", "vegetarian"),
        ("I prefer tea over coffee.", "user.preference", "tea over coffee"),
        ("My favourite colour is dark blue!", "user.favourite_colour", "dark blue"),
        ("My dog's name is Rex.", "user.dog.name", "Rex"),
        ("The deadline is now 14 May.", "project.deadline", "14 May"),
        ("The deadline moved to next Friday.", "project.deadline", "next Friday"),
    ],
)
def test_a_plain_statement_is_a_candidate(said: str, key: str, value: str) -> None:
    assert [(c.key, c.value) for c in candidates(said)] == [(key, value)]


@pytest.mark.parametrize(
    "said",
    [
        "Do I live in Ghent?",
        "My name is not Ann.",
        "If I moved to Ghent, I would miss you.",
        "I never live in Ghent for long.",
        "I don't live in Ghent.",
        "I used to live in Ghent.",
        'He wrote "My name is Ann."',
        "She said my name is Bob.",
        "Imagine my name is Zorro.",
        "> My name is Ann.",
        "In the code `My name is Ann` stands.",
        "The name of the file is Report.",
        "This is the history of which I live.",
        "I live in fear.",
        "I'm German.",
        "Maybe my birthday is on 3 May.",
        "",
    ],
)
def test_what_is_asked_denied_supposed_or_quoted_says_nothing(said: str) -> None:
    assert candidates(said) == []


def test_the_last_statement_of_a_key_counts() -> None:
    found = candidates("I live in Ghent. I have a cat. Correction: I live in Bruges.")
    assert [(c.key, c.value) for c in found] == [("user.city", "Bruges")]


def test_a_candidate_names_its_sentence_and_is_never_certain() -> None:
    (found,) = candidates("Good morning. I live in Ghent now. Bye.")
    assert found.said == "I live in Ghent now."
    assert 0 < found.confidence < 1


@given(st.text())
def test_any_text_is_looked_at_without_a_fault(text: str) -> None:
    for found in candidates(text):
        assert found.value
        assert len(found.value) <= 80


@pytest.mark.parametrize("text", ["I live in A", "My name is A. ", '"', "> a", "my birthday is 1"])
def test_a_megabyte_made_to_be_slow_is_not(text: str) -> None:
    start = time.thread_time()
    candidates(text * (1_000_000 // len(text)))
    assert time.thread_time() - start < 2
