"""compress, review_memory and apply_review as a client sees them, on the real core."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent

from routemem.memory_core.settings import Settings
from routemem.memory_core.text.tokens import estimate
from routemem.server.app import build_server

pytestmark = pytest.mark.anyio
LONG = (
    "The tide model was rewritten in March because a single run took nine hours. "
    "Everybody had hoped that a faster machine would be enough, but it was not so. "
    "There were long talks about it in the kitchen and on the way home in the evening. "
    "With the coarser grid a run takes 40 minutes, and the gauge in Ostend agrees within 3 cm. "
    "What remains to be done is the documentation, and perhaps a talk about it all."
)
SHORT = "Tide model: coarser grid at sea, 40 minutes a run instead of nine hours."


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    async with Client(build_server(settings)) as client:
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def told(client: Client, tool: str, *, wrong: bool = False, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error == wrong, result.content
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def test_concise_gives_the_summary_and_detailed_the_text(client: Client) -> None:
    id = (await call(client, "remember", content=LONG))["id"]
    said = await told(client, "compress", ids=[id], summary=SHORT)
    assert 'forget(mode="restore")' in said
    for arguments in ({"query": "tide model"}, {"ids": [id]}):
        said = await told(client, "recall", **arguments)
        assert SHORT in said
        assert "nine hours. Everybody" not in said
        assert f'ids=[{id}], format="detailed"' in said
        (hit,) = (await call(client, "recall", **arguments))["hits"]
        assert (hit["summary"], hit["state"]) == (True, "compressed")
        (hit,) = (await call(client, "recall", format="detailed", **arguments))["hits"]
        assert hit["text"] == LONG


async def test_one_summary_stands_for_several_and_names_them(client: Client) -> None:
    ids = [(await call(client, "remember", content=LONG + end))["id"] for end in (" A.", " B.")]
    (done,) = (await call(client, "compress", ids=ids, summary=SHORT))["compressed"]
    said = await told(client, "recall", query="gauge in Ostend")
    assert said.count(SHORT) == 1
    assert f"sums up ids=[{', '.join(sorted(ids))}]" in said
    said = await told(client, "forget", ids=ids[0], mode="delete")
    assert done["id"] in said


async def test_without_ids_candidates_come_with_text_within_a_budget(client: Client) -> None:
    assert "Nothing is worth compressing" in await told(client, "compress")
    ids = [
        (await call(client, "remember", content=LONG + f" Number {n}."))["id"] for n in range(30)
    ]
    said = await told(client, "compress")
    assert LONG in said
    assert estimate(said) <= 1500
    found = (await call(client, "compress"))["candidates"]
    assert 3 < len(found) < 30
    assert {each["id"] for each in found} < set(ids)
    assert estimate(str(found)) <= 1700  # Python's form of it is longer than JSON


async def test_a_summary_no_shorter_is_refused_with_a_code(client: Client) -> None:
    id = (await call(client, "remember", content="A run takes 40 minutes."))["id"]
    said = await told(client, "compress", wrong=True, ids=[id], summary=LONG)
    assert said.startswith("invalid_argument:")
    said = await told(client, "compress", wrong=True, ids=["zz-9"])
    assert said.startswith("not_found:")
