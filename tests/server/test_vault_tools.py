"""Quarantine as a client sees it: a model may hold things back, only a person lets them out."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asking import call, told
from mcp import Client
from mcp.types import ElicitRequestParams, ElicitResult, TextContent
from things import files_holding

from routemem.memory_core.settings import Settings
from routemem.memory_core.text.tokens import estimate
from routemem.server.app import build_server

pytestmark = pytest.mark.anyio
TOKEN = "ghp_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ" + "0mLq17"


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def client(era: str, settings: Settings) -> AsyncIterator[Client]:
    async with Client(build_server(replace(settings, toolsets=("all",))), mode=era) as client:
        yield client


async def test_quarantine_is_on_by_default_and_the_way_out_is_not(settings: Settings) -> None:
    async with Client(build_server(settings)) as plain:
        names = {tool.name for tool in (await plain.list_tools()).tools}
    assert "quarantine" in names
    assert not names & {"list_quarantine", "release_quarantine", "purge_quarantine"}


async def test_a_held_memory_says_so_in_both_forms_and_repeats_nothing(client: Client) -> None:
    arguments = {"content": f"deploy with {TOKEN}", "tags": ["ops"]}
    stored = await call(client, "remember", **arguments)
    text = await told(client, "remember", **arguments)
    assert stored["status"] == "held"
    for said in (json.dumps(stored), text):
        assert "GitHub token" in said
        assert f"routemem vault release {stored['id']}" in said
        assert TOKEN not in said


async def test_a_held_fact_says_so_in_both_forms_and_repeats_nothing(client: Client) -> None:
    recorded = await call(client, "set_fact", key="deploy.token", value=TOKEN)
    text = await told(client, "set_fact", key="deploy.token", value=TOKEN)
    for said in (json.dumps(recorded), text):
        assert "GitHub token" in said
        assert "routemem vault release" in said
        assert TOKEN not in said
    assert (await call(client, "get_facts"))["facts"] == []


async def test_what_is_taken_out_is_listed_with_its_reason_only(
    client: Client, tmp_path: Path
) -> None:
    stored = await call(client, "remember", content="Zorblax lives at the harbour.")
    other = await call(client, "remember", content="Zorblax, again.", scope="project:p")
    held = await call(
        client, "quarantine", ids=[stored["id"], other["id"]], reason="where Zorblax lives"
    )
    assert {one["scope"] for one in held["held"]} == {"global", "project:p"}
    listed = await call(client, "list_quarantine")
    assert [one["id"] for one in listed["held"]] == [stored["id"], other["id"]]
    assert len((await call(client, "list_quarantine", scope="project:p"))["held"]) == 1
    everything = json.dumps(listed) + await told(client, "list_quarantine")
    assert "Zorblax" not in everything
    assert "where" in everything
    found = await call(client, "recall", query="Zorblax", include_archived=True)
    assert found["hits"] == []
    assert (await call(client, "recall", ids=[stored["id"]]))["hits"] == []
    assert (await call(client, "memory_status"))["items"]["quarantined"] == 1
    assert files_holding(tmp_path, [b"Zorblax"]) == []


async def test_content_alone_is_held_and_found_in_what_is_stored(client: Client) -> None:
    await call(client, "remember", content="the pass phrase is marmalade77")
    held = await call(client, "quarantine", content="marmalade77", reason="a pass phrase")
    assert {one["what"] for one in held["held"]} == {"memory", "text"}


async def test_nothing_to_hold_is_refused_and_so_is_an_unknown_id(client: Client) -> None:
    for arguments in ({}, {"ids": ["a-99"]}):
        result = await client.call_tool("quarantine", {"reason": "x", **arguments})
        assert result.is_error


@pytest.mark.parametrize("verb", ["release", "purge"])
async def test_without_a_way_to_ask_nothing_happens_and_the_command_is_told(
    client: Client, verb: str, settings: Settings
) -> None:
    stored = await call(client, "remember", content=f"deploy with {TOKEN}")
    done = await call(client, f"{verb}_quarantine", id=stored["id"])
    assert done["held"] == [{"id": stored["id"], "status": "needs_person"}]
    assert f"routemem vault {verb} {stored['id']}" in done["note"]
    assert settings.data_dir in done["note"]
    assert len((await call(client, "list_quarantine"))["held"]) == 1
    assert (await call(client, "recall", query="deploy"))["hits"] == []


@pytest.mark.parametrize("verb", ["release", "purge"])
@pytest.mark.parametrize(
    ("action", "content"),
    [
        ("decline", None),
        ("cancel", None),
        ("accept", {"confirm": False}),
        ("accept", {}),
        ("accept", {"confirm": True}),
    ],
)
async def test_only_a_persons_yes_lets_out_or_destroys(
    era: str, settings: Settings, verb: str, action: Any, content: Any
) -> None:
    seen = []

    async def person(context: Any, params: ElicitRequestParams) -> ElicitResult:
        seen.append(params.message)
        return ElicitResult(action=action, content=content)

    server = build_server(replace(settings, toolsets=("all",)))
    async with Client(server, mode=era, elicitation_callback=person) as client:
        stored = await call(client, "remember", content=f"deploy with {TOKEN}")
        result = await client.call_tool(f"{verb}_quarantine", {"id": stored["id"]})
        held = (await call(client, "list_quarantine"))["held"]
        hits = (await call(client, "recall", query="deploy"))["hits"]
    assert not result.is_error
    yes = content == {"confirm": True}
    assert len(seen) == 1
    assert TOKEN not in seen[0]
    assert stored["id"] in seen[0]
    assert bool(held) == (not yes)
    assert [hit["id"] for hit in hits] == ([stored["id"]] if yes and verb == "release" else [])


async def test_what_is_not_held_is_not_asked_about(era: str, settings: Settings) -> None:
    async def person(context: Any, params: ElicitRequestParams) -> ElicitResult:
        raise AssertionError("nobody must be asked")

    server = build_server(replace(settings, toolsets=("all",)))
    async with Client(server, mode=era, elicitation_callback=person) as client:
        stored = await call(client, "remember", content="plain words")
        for id in (stored["id"], "a-99"):
            assert (await client.call_tool("release_quarantine", {"id": id})).is_error


async def test_a_long_list_keeps_its_budget(client: Client) -> None:
    for number in range(60):
        await call(client, "set_fact", key=f"k{number}", value=f"{TOKEN} {number}")
    result = await client.call_tool("list_quarantine", {})
    (content,) = result.content
    assert isinstance(content, TextContent)
    structured = json.dumps(result.structured_content, separators=(",", ":"))
    assert max(estimate(content.text), estimate(structured)) <= 1500
    assert "routemem vault list" in content.text
