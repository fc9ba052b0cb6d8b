"""What a model wrote, read as actions: fenced, wrapped, cut off, or plainly wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.lifecycle.actions import NAMES, Action, Unread, read_actions

TWO = [{"id": "a-1", "action": "KEEP"}, {"id": "a-2", "action": "DELETE", "reason": "why"}]
#: The form of answer that Memory Framework's prompt asks for, and could not read itself.
FRAMEWORK = """```json
{
  "actions": [
    {"id": "a-1", "action": "DELETE", "reason": "Greeting, no lasting value"},
    {"id": "a-2", "action": "COMPRESS", "compressed": "User wants {short} reports"}
  ]
}
```"""


def ids(said: Any) -> list[tuple[str, str]]:
    return [(one.id, one.action) for one in read_actions(said) if isinstance(one, Action)]


def test_the_frameworks_own_example_answer_with_two_actions_is_two_actions() -> None:
    one, two = read_actions(FRAMEWORK)
    assert one == Action("a-1", "DELETE", reason="Greeting, no lasting value")
    assert two == Action("a-2", "COMPRESS", summary="User wants {short} reports")


@pytest.mark.parametrize(
    "said",
    [
        TWO,
        {"actions": TWO},
        json.dumps(TWO),
        json.dumps({"actions": TWO}, indent=2),
        f"Sure! Here is what I would do:\n\n```json\n{json.dumps(TWO)}\n```\nTell me more [later].",
        f"I looked at {{all}} of it [twice]. {json.dumps({'actions': TWO})} That is all.",
        json.dumps({"thoughts": {"a": [1, 2]}, "actions": TWO}),
        "\n".join(json.dumps(each) for each in TWO),
        [json.dumps(each) for each in TWO],
        json.dumps({"actions": [*TWO, {"id": "a-3", "action": "KEEP", "summary": "long"}]})[:-20],
        json.dumps([*TWO, {"id": "a-3"}])[: -len('": "a-3"}]')],
    ],
    ids=[
        "list", "object", "json list", "json object", "fenced", "wrapped", "beside others",
        "lines", "list of texts", "cut in a text", "cut in a name",
    ],
)  # fmt: skip
def test_every_complete_action_is_read_in_order(said: Any) -> None:
    assert ids(said) == [("a-1", "KEEP"), ("a-2", "DELETE")]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ({"id": "a-1", "action": "FORGET"}, "expected one of KEEP, DELETE, COMPRESS, PROMOTE"),
        ({"action": "KEEP"}, "no id"),
        ({"id": "a-1"}, "expected one of"),
        ({"id": "a-1", "action": "KEEP", "sumary": "x"}, "did you mean 'summary'"),
        ({"id": "a-1", "action": "COMPRESS", "summary": 5}, "summary must be text"),
        (5, "no object"),
    ],
)
def test_what_is_no_action_says_why(raw: Any, why: str) -> None:
    (one,) = read_actions([raw])
    assert isinstance(one, Unread)
    assert why in one.why


@pytest.mark.parametrize("said", ["", "no json here", "{", "[[[", "{}", None, 7, [], {}])
def test_nothing_to_read_is_nothing(said: Any) -> None:
    assert read_actions(said) == []


def test_case_and_other_names_of_fields_are_taken() -> None:
    (one,) = read_actions({"id": " a-1 ", "action": "promote", "key": "user.city", "value": ["x"]})
    assert one == Action("a-1", "PROMOTE", fact_key="user.city", fact_value=["x"])


@given(st.text(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["id", "action", "actions", "summary", "x"]), inner, max_size=4
    ),
    max_leaves=12,
))  # fmt: skip
def test_no_value_at_all_breaks_the_reader(said: Any) -> None:
    for one in read_actions(said):
        assert isinstance(one, Action | Unread)


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=8).filter(lambda t: t.strip() == t and t != ""),
                       st.sampled_from(NAMES)), max_size=6),
    st.integers(0, 400),
)  # fmt: skip
def test_cut_off_anywhere_what_was_complete_is_read(
    actions: list[tuple[str, str]], cut: int
) -> None:
    raw = [{"id": id, "action": action} for id, action in actions]
    text = json.dumps({"actions": raw})[:cut]
    complete = [each for n, each in enumerate(actions) if json.dumps(raw[: n + 1])[1:-1] in text]
    assert ids(text) == complete


def test_brackets_without_end_take_no_more_than_linear_time() -> None:
    for said in ("[" * 200_000, '{"a":' * 100_000, "{" * 200_000):
        assert read_actions(said) == []
