"""What a client reads without a tool: state, recent turns, facts with their history, the policy."""

import json
from typing import Any

import pytest
from mcp import Client

pytestmark = pytest.mark.anyio


async def read(client: Client, uri: str) -> Any:
    (content,) = (await client.read_resource(uri)).contents
    return json.loads(content.text)  # type: ignore[union-attr]  # text, as its type says


async def test_recent_turns(client: Client) -> None:
    await client.call_tool("log_turn", {"user": "is the mill open?", "assistant": "yes"})
    turns = await read(client, "memory://global/recent")
    assert [(turn["speaker"], turn["text"]) for turn in turns] == [
        ("user", "is the mill open?"), ("assistant", "yes"),
    ]  # fmt: skip


async def test_a_fact_has_its_history_and_is_read_as_of_a_time(client: Client) -> None:
    for city, since in (("Lyon", "2020-01-01"), ("Ghent", "2025-01-01")):
        arguments = {"key": "City", "value": city, "valid_from": since, "scope": "user:ann"}
        await client.call_tool("set_fact", arguments)
    history = await read(client, "memory://user%3Aann/facts/city")
    assert [(f["value"], f["since"], f.get("until")) for f in history] == [
        ("Lyon", "2020-01-01", "2025-01-01"), ("Ghent", "2025-01-01", None),
    ]  # fmt: skip
    (then,) = await read(client, "memory://user%3Aann/facts/city?as_of=2021-06-01")
    assert then["value"] == "Lyon"
    (now,) = await read(client, "memory://user%3Aann/facts")
    assert now["value"] == "Ghent"
    (before,) = await read(client, "memory://user%3Aann/facts?as_of=2021")
    assert before["value"] == "Lyon"
    with pytest.raises(Exception, match="not_found"):
        await client.read_resource("memory://user%3Aann/facts/absent")


async def test_the_policy(client: Client) -> None:
    policy = await read(client, "memory://policy")
    assert policy["recent"]["max_tokens"] == 3000
    assert policy["lifecycle"]["trigger"] == 0.75
