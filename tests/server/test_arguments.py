"""What the lenient argument types take, through the surface and in both protocol eras."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client
from toy_server import build

from routemem.server.arguments import one_or_many
from routemem.server.surface import Surface


@pytest.fixture(scope="module")
def toy() -> Surface:
    return build()


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest, toy: Surface) -> AsyncIterator[Client]:
    async with Client(toy, mode=request.param) as opened:
        yield opened


async def seen(client: Client, name: str, value: Any) -> Any:
    result = await client.call_tool("echo", {name: value})
    assert not result.is_error, result.content
    assert result.structured_content
    return result.structured_content["given"][name]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a", ["a"]),
        ("a, b ,", ["a", "b"]),
        ('"a", "b"', ["a", "b"]),
        ('["a","b"]', ["a", "b"]),
        ('"a"', ["a"]),
        ("[a", ["[a"]),
        ("", []),
        ("  ", []),
        ("null", []),
        ("nullable", ["nullable"]),
        ("12", ["12"]),
        (12, ["12"]),
        ([1, "b", "", None, " c "], ["1", "b", "c"]),
        (["a, b"], ["a, b"]),
        (None, []),
    ],
)
async def test_names_take_what_models_send(client: Client, value: Any, names: list[str]) -> None:
    assert await seen(client, "tags", value) == names


@pytest.mark.anyio
@pytest.mark.parametrize("value", [{"a": 1}, [["a"]], [True], [1.5], '{"a": 1}'])
async def test_names_refuse_what_is_no_name(client: Client, value: Any) -> None:
    assert (await client.call_tool("echo", {"tags": value})).is_error


@pytest.mark.anyio
@pytest.mark.parametrize("value", ["note", "Note", " NOTE ", '"note"'])
async def test_words_are_taken_in_any_case(client: Client, value: str) -> None:
    assert await seen(client, "kind", value) == "note"


@pytest.mark.anyio
@pytest.mark.parametrize("value", ["Turn, note", ["TURN", "note"], '["turn","note"]'])
async def test_lists_of_words_are_taken_in_any_case(client: Client, value: Any) -> None:
    assert await seen(client, "kinds", value) == ["turn", "note"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "value",
    [
        [{"id": "m1", "action": "KEEP", "summary": None}],
        {"id": "m1", "action": "keep"},
        '[{"id":"m1","action":"keep"}]',
        '{"id":"m1","action":"keep"}',
        ['{"id":"m1","action":"keep"}'],
    ],
)
async def test_lists_of_objects_are_taken_in_every_wrapping(client: Client, value: Any) -> None:
    assert await seen(client, "actions", value) == [{"id": "m1", "action": "keep", "summary": ""}]


@pytest.mark.anyio
async def test_no_objects_can_be_said_in_several_ways(client: Client) -> None:
    ways: list[Any] = ["", "null", [], None]
    for value in ways:
        assert await seen(client, "actions", value) == []


@pytest.mark.anyio
@pytest.mark.parametrize("value", ["keep m1", ["keep m1"], 5])
async def test_objects_refuse_what_is_none(client: Client, value: Any) -> None:
    assert (await client.call_tool("echo", {"actions": value})).is_error


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("value", "taken"), [("", {}), ('{"a":1}', {"a": 1}), ({"a": 1}, {"a": 1})]
)
async def test_free_form_objects_are_taken_as_text_too(
    client: Client, value: Any, taken: dict[str, Any]
) -> None:
    assert await seen(client, "metadata", value) == taken


@pytest.mark.anyio
@pytest.mark.parametrize("value", [0, False, [1], "x"])
async def test_free_form_objects_refuse_other_types(client: Client, value: Any) -> None:
    assert (await client.call_tool("echo", {"metadata": value})).is_error


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("top_k", "7", 7),
        ("top_k", 7.0, 7),
        ("threshold", "0.5", 0.5),
        ("pinned", "true", True),
        ("pinned", "False", False),
        ("pinned", 1, True),
    ],
)
async def test_numbers_and_booleans_are_read_from_text(
    client: Client, name: str, value: Any, taken: Any
) -> None:
    assert await seen(client, name, value) == taken


@pytest.mark.anyio
@pytest.mark.parametrize(
    "text", ['{"k": 1}', "[1, 2]", "5", "true", "null", '"q"', "a\x00b", "ü😀"]
)
async def test_text_is_never_parsed(client: Client, text: str) -> None:
    assert await seen(client, "content", text) == text


@pytest.mark.anyio
@pytest.mark.parametrize(
    "value",
    [
        "text",
        '{"a":1}',
        "[1]",
        "5",
        "true",
        "null",
        '"quoted"',
        "",
        "ü😀\u2028",
        5,
        0,
        -(2**60),
        1.5,
        True,
        False,
        [],
        [1, "1", None, [True]],
        {},
        {"a": {"b": [None, "5"]}},
    ],
)
async def test_a_json_value_keeps_its_type(client: Client, value: Any) -> None:
    result = await client.call_tool("set_value", {"value": value})
    assert not result.is_error, result.content
    assert result.structured_content == {"value": value, "type": type(value).__name__}


@pytest.mark.anyio
async def test_the_schema_of_a_json_value_allows_every_type_but_null(client: Client) -> None:
    tool = next(tool for tool in (await client.list_tools()).tools if tool.name == "set_value")
    value = tool.input_schema["properties"]["value"]
    assert value["description"] == "Any JSON value"
    types = [branch["type"] for branch in value["anyOf"]]
    assert types == ["string", "number", "boolean", "object", "array"]
    assert not {"anyOf", "oneOf", "allOf"} & tool.input_schema.keys()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="ab,'\"[]{} 1", min_size=1, max_size=6), max_size=4))
def test_a_list_of_words_survives_being_sent_as_json_text(words: list[str]) -> None:
    whole = [word.strip() for word in words if word.strip()]
    assert one_or_many(json.dumps(words)) == one_or_many(words) == whole
