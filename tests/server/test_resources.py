"""What a client reads without a tool: state, recent turns, facts with their history, the policy."""

import json
from dataclasses import replace
from typing import Any

import pytest
from mcp import Client
from mcp.types import PromptReference, ResourceTemplateReference

from routemem.memory_core.settings import Settings
from routemem.server.app import TOOLSETS, build_server

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


async def test_a_turn_corrected_from_outside_is_no_longer_always_shown(client: Client) -> None:
    done = await client.call_tool("log_turn", {"user": "The mill opens at nine."})
    id = (done.structured_content or {})["ids"][0]
    assert len(await read(client, "memory://global/recent")) == 1
    said = {"content": "The mill opens at ten.", "id": id, "source": "web", "kind": "turn"}
    await client.call_tool("remember", said)
    assert await read(client, "memory://global/recent") == []


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


# ----------------------------------------------------------------------------- taken away

#: Tool -> what tells the same without it.
TWINS = {
    "recall": {"items/{id}"},
    "get_facts": {"facts{?as_of,known_at}", "facts/{key}{?as_of,known_at}", "state"},
    "get_context": {"recent"},
    "memory_status": {"state", "usage"},
    "index_report": {"index"},
    "list_tasks": {"tasks", "state"},
    "list_agents": {"agents", "state"},
    "list_questions": {"questions", "state"},
}


async def offered(settings: Settings) -> set[str]:
    async with Client(build_server(settings)) as client:
        templates = (await client.list_resource_templates()).resource_templates
    return {template.uri_template.removeprefix("memory://{scope}/") for template in templates}


async def test_what_is_not_asked_for_is_there_and_what_is_taken_away_is_not(
    settings: Settings,
) -> None:
    every = await offered(settings)
    assert set().union(*TWINS.values()) == every
    assert await offered(replace(settings, read_only=True)) == every
    for tool, twins in TWINS.items():
        assert await offered(replace(settings, exclude_tools=(tool,))) == every - twins
    assert await offered(replace(settings, toolsets=("memory",))) == {"items/{id}", "usage"}
    assert await offered(replace(settings, tools=("remember",))) == set()


async def test_where_no_tool_may_tell_what_is_stored_nothing_else_does(settings: Settings) -> None:
    async with Client(build_server(settings)) as client:
        done = await client.call_tool("remember", {"content": "the grumblefitz is in the attic"})
        assert done.structured_content
        id = done.structured_content["id"]
        await client.call_tool("set_fact", {"key": "grumblefitz.place", "value": "attic"})
        await client.call_tool("log_turn", {"user": "where is the grumblefitz?"})
    writers = [spec.name for specs in TOOLSETS.values() for spec in specs if not spec.reads_only]
    async with Client(build_server(replace(settings, tools=tuple(writers)))) as client:
        prompts = (await client.list_prompts()).prompts
        assert {"start_session", "extract_facts", "compress_item"} <= {one.name for one in prompts}
        said = [str((await client.list_resources()).resources)]
        for prompt in prompts:
            names = [argument.name for argument in prompt.arguments or ()]
            given = {name: id if name == "id" else "attic" for name in names if name != "strategy"}
            given = {name: value for name, value in given.items() if name not in ("focus", "limit")}
            said.append(str((await client.get_prompt(prompt.name, given)).messages))
            for name in names:
                asked = PromptReference(name=prompt.name), {"name": name, "value": ""}
                said += (await client.complete(*asked)).completion.values
        template = ResourceTemplateReference(uri="memory://{scope}/facts/{key}")
        said += (await client.complete(template, {"name": "key", "value": ""})).completion.values
    assert [one for one in said if "grumblefitz" in one or one == id] == []
