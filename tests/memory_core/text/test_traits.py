"""What a text shows at a glance."""

import pytest

from routemem.memory_core.records import ASKS, COUNTED, DENIES, PREFERS, TIMED
from routemem.memory_core.text.traits import traits_of


@pytest.mark.parametrize(
    ("text", "traits"),
    [
        ("The kettle is red.", 0),
        ("Is the kettle red? [a picture of a kettle]", ASKS),
        ("We met last Friday.", TIMED),
        ("She has three cats.", COUNTED),
        ("Always answer in French.", PREFERS),
        ("The user prefers tabs to spaces.", PREFERS),
        ("Please don't use semicolons.", PREFERS),
        ("I've never been to Rome.", DENIES),
        ("She hasn't called.", DENIES),
        ("I do not like tea.", 0),
    ],
)
def test_a_trait_is_read_from_its_words(text: str, traits: int) -> None:
    assert traits_of(text) == traits


def test_a_preference_far_inside_a_long_text_is_not_what_the_text_is_about() -> None:
    assert traits_of("word " * 100 + "always") == 0
