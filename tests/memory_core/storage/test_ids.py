import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.storage.ids import make_id, make_tag, tag_number, tag_of

MANY = 22**4


def test_tags_count_through_the_letters_that_are_not_misread() -> None:
    tags = [make_tag(number) for number in range(1, 2000)]
    assert tags[:3] == ["a", "b", "c"]
    assert tags[21:24] == ["z", "aa", "ab"]
    assert len(set(tags)) == len(tags)
    assert not set("".join(tags)) & set("ilou")


@given(st.integers(1, MANY))
def test_a_tag_tells_its_number(number: int) -> None:
    assert tag_number(make_tag(number)) == number


@pytest.mark.parametrize("text", ["", "i", "a1", "A", "é", "zzzzz", "a-1"])
def test_what_is_no_tag_has_no_number(text: str) -> None:
    assert tag_number(text) == 0


@given(st.integers(1, MANY), st.integers(1, 2**40), st.integers(1, MANY), st.integers(1, 2**40))
def test_ids_are_different_for_different_things_and_name_their_scope(
    scope: int, count: int, other_scope: int, other_count: int
) -> None:
    id, other = make_id(make_tag(scope), count), make_id(make_tag(other_scope), other_count)
    assert (id == other) == ((scope, count) == (other_scope, other_count))
    assert tag_of(id) == tag_of(f"  {id.upper()}\n") == make_tag(scope)


def test_ids_are_short() -> None:
    """22 scopes of a million memories, or 10,000 of a thousand, stay within 9 characters."""
    assert len(make_id(make_tag(22), 32**6)) == 9
    assert len(make_id(make_tag(10_000), 32**3)) == 8


@pytest.mark.parametrize(
    "text", ["", "a", "a-", "-1", "a-i", "l-1", "a 1", "a-1-2", "a-1\0", "door code", "a-é", "a–1"]
)
def test_what_is_no_id_has_no_tag(text: str) -> None:
    assert tag_of(text) is None
