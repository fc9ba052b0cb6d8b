"""How tools are shown, called, and how they fail, in both protocol eras."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from mcp import Client
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent, Tool
from pydantic import BaseModel, Field
from toy_server import build

from routemem.server.surface import Surface, answer


@pytest.fixture(scope="module")
def toy() -> Surface:
    return build()


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest, toy: Surface) -> AsyncIterator[Client]:
    async with Client(toy, mode=request.param) as opened:
        yield opened


async def error_of(client: Client, tool: str, arguments: dict[str, Any]) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


async def given(client: Client, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool("echo", arguments)
    assert not result.is_error, result.content
    assert result.structured_content
    seen: dict[str, Any] = result.structured_content["given"]
    return seen


async def tool_named(client: Client, name: str) -> Tool:
    return next(tool for tool in (await client.list_tools()).tools if tool.name == name)


@pytest.mark.anyio
async def test_input_schema_holds_only_what_a_model_needs(client: Client) -> None:
    schema = (await tool_named(client, "echo")).input_schema
    assert schema["additionalProperties"] is False
    assert schema["properties"] == {
        "content": {"description": "Any text", "type": "string"},
        "top_k": {"default": 8, "maximum": 50, "minimum": 1, "type": "integer"},
        "threshold": {"default": 0, "type": "number"},
        "pinned": {"type": "boolean"},
        "kind": {"default": "note", "enum": ["note", "turn"], "type": "string"},
        "kinds": {"items": {"enum": ["note", "turn"], "type": "string"}, "type": "array"},
        "tags": {"items": {"type": "string"}, "type": "array"},
        "metadata": {"type": "object"},
        "actions": {
            "items": {
                "additionalProperties": False,
                "properties": {
                    "id": {"type": "string"},
                    "action": {"enum": ["keep", "delete"], "type": "string"},
                    "summary": {"type": "string"},
                },
                "required": ["id", "action"],
                "type": "object",
            },
            "type": "array",
        },
        "title": {"type": "string"},
    }


@pytest.mark.anyio
async def test_output_schema_has_no_titles_defaults_descriptions_or_references(
    client: Client,
) -> None:
    hit = {
        "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
        "required": ["id"],
        "type": "object",
    }
    assert (await tool_named(client, "find")).output_schema == {
        "properties": {"hits": {"items": hit, "type": "array"}, "cursor": {"type": "string"}},
        "type": "object",
    }
    assert "description" not in str((await tool_named(client, "echo")).output_schema)


@pytest.mark.anyio
async def test_tools_keep_the_order_they_were_added_in(client: Client) -> None:
    names = [tool.name for tool in (await client.list_tools()).tools]
    assert names[:4] == ["echo", "set_value", "find", "measure"]


@pytest.mark.anyio
async def test_a_tool_added_later_is_listed_and_a_removed_one_is_not() -> None:
    surface = build()
    await surface.list_tools()

    @surface.tool()
    def late() -> str:
        """Come late."""
        return "here"

    assert [tool.name for tool in await surface.list_tools()][-1] == "late"
    surface.remove_tool("late")
    assert "late" not in [tool.name for tool in await surface.list_tools()]


class Tree(BaseModel):
    leaves: list["Tree"] = []


class Either(BaseModel):
    value: int


@pytest.mark.anyio
async def test_a_schema_that_hosts_refuse_is_not_published() -> None:
    surface = Surface("refused")

    @surface.tool(structured_output=False)
    def grow(tree: Tree) -> str:
        """Grow."""
        return str(tree)

    with pytest.raises(ValueError, match=r"grow: .*recursive"):
        await surface.list_tools()


@pytest.mark.anyio
async def test_null_means_absent(client: Client) -> None:
    seen = await given(client, content=None, top_k=None, tags=None, kind=None, limitt=None)
    assert (seen["content"], seen["top_k"], seen["tags"], seen["kind"]) == ("", 8, [], "note")


@pytest.mark.anyio
async def test_null_for_a_required_argument_is_refused(client: Client) -> None:
    told = await error_of(client, "set_value", {"value": None})
    assert told == "invalid_argument: value: Input is required and cannot be null"


@pytest.mark.anyio
async def test_an_unknown_argument_is_refused_with_the_nearest_known(client: Client) -> None:
    told = await error_of(client, "echo", {"topK": 3, "zzzzzz": 1})
    assert told.startswith(
        "invalid_argument: echo has no argument 'topK' (did you mean 'top_k'?), 'zzzzzz'. Valid: "
    )
    assert told.count("Valid:") == 1
    assert "content, top_k, threshold" in told


@pytest.mark.anyio
async def test_an_unknown_field_of_a_nested_object_is_refused(client: Client) -> None:
    action = {"id": "m1", "action": "keep", "sumary": "x"}
    assert await error_of(client, "echo", {"actions": [action]}) == (
        "invalid_argument: actions.0.sumary: there is no 'sumary' (did you mean 'summary'?). "
        "Valid: id, action, summary."
    )


@pytest.mark.anyio
async def test_invalid_arguments_are_told_one_line_per_field(client: Client) -> None:
    told = await error_of(client, "echo", {"top_k": 51, "kind": "nte", "content": 5})
    assert told.splitlines() == [
        "invalid_argument: content: Input should be a valid string",
        "top_k: Input should be less than or equal to 50",
        "kind: Input should be 'note' or 'turn'",
    ]


@pytest.mark.anyio
async def test_an_error_stays_short_however_much_is_wrong(client: Client) -> None:
    told = await error_of(client, "echo", {"actions": [{"x" * 5000: 1}] * 500})
    assert len(told.splitlines()) == 9
    assert told.endswith("and 1492 more")
    assert len(told) < 4000
    assert len(await error_of(client, "echo", {f"{'x' * 5000}{i}": i for i in range(500)})) < 2000


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"threshold": float("nan")}, "threshold"),
        ({"metadata": {"a": [1, {"b": float("inf")}]}}, "metadata.a.1.b"),
    ],
)
async def test_numbers_that_are_not_json_are_refused(
    toy: Surface, arguments: dict[str, Any], place: str
) -> None:
    with pytest.raises(ToolError) as refused:  # the client would send null
        await toy.call_tool("echo", arguments)
    assert str(refused.value) == f"invalid_argument: {place}: Input should be a finite number"


@pytest.mark.anyio
async def test_an_unknown_tool_is_told_with_the_nearest_known(client: Client) -> None:
    told = await error_of(client, "fnd", {})
    assert told.startswith("not_found: There is no tool 'fnd' (did you mean 'find'?). Valid: echo,")


@pytest.mark.anyio
async def test_an_error_of_the_library_carries_its_code(client: Client) -> None:
    told = await error_of(client, "find", {"query": "missing"})
    assert told == "not_found: No memory m1. Call find with another query."


@pytest.mark.anyio
async def test_a_tools_own_refusal_keeps_its_text(client: Client) -> None:
    assert await error_of(client, "find", {"query": "refuse"}) == "not_allowed: Ask a person."


@pytest.mark.anyio
@pytest.mark.parametrize(("query", "kind"), [("crash", "KeyError"), ("bad answer", "Validation")])
async def test_a_crash_names_its_type_and_keeps_its_text_out_of_reply_and_log(
    client: Client, caplog: pytest.LogCaptureFixture, query: str, kind: str
) -> None:
    caplog.set_level(logging.DEBUG, "routemem")
    caplog.set_level(logging.WARNING, "mcp")
    told = await error_of(client, "find", {"query": query})
    assert told.startswith(f"internal: find failed with {kind}")
    assert "Try once more" in told
    assert "secret" not in told + caplog.text
    (record,) = caplog.records
    assert record.name == "routemem.server.surface"
    assert f"find failed: {kind}" in record.getMessage()
    if query == "crash":
        assert "toy_server.py" in record.getMessage()
        assert "from ValueError" in record.getMessage()


@pytest.mark.anyio
async def test_the_two_forms_of_an_answer_are_given_as_they_are(client: Client) -> None:
    result = await client.call_tool("find", {"query": "x"})
    assert [block.text for block in result.content if isinstance(block, TextContent)] == ["m1 x"]
    assert result.structured_content == {"hits": [{"id": "m1", "text": "x"}], "cursor": ""}


@pytest.mark.anyio
async def test_no_change_notifications_are_advertised(client: Client) -> None:
    capabilities = client.server_capabilities
    assert capabilities.tools
    assert capabilities.resources
    assert capabilities.tools.list_changed is False
    assert capabilities.resources.subscribe is False
    assert client.instructions == "A toy."


@pytest.mark.anyio
async def test_an_answer_that_does_not_match_its_schema_is_caught() -> None:
    surface = Surface("typed")

    @surface.tool()
    def number() -> Annotated[CallToolResult, Either]:
        """Give a number."""
        return answer("1", Either.model_construct(value="one"))

    async with Client(surface) as client:
        assert (await error_of(client, "number", {})).startswith("internal: number failed")


@pytest.mark.anyio
async def test_a_description_of_a_nested_argument_survives() -> None:
    surface = Surface("described")

    @surface.tool(structured_output=False)
    def take(either: Annotated[Either, Field(description="One of two")]) -> str:
        """Take."""
        return str(either.value)

    (tool,) = await surface.list_tools()
    assert tool.input_schema["properties"]["either"] == {
        "description": "One of two",
        "properties": {"value": {"type": "integer"}},
        "required": ["value"],
        "type": "object",
    }
