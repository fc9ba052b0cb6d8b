"""The tools that look after whole scopes, as a client sees them."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asking import call, refusal
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.types import TextContent

from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.text.tokens import estimate
from routemem.memory_core.transfer.schema import state_schema
from routemem.server.app import build_server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    server = build_server(
        replace(settings, toolsets=("default", "admin", "tasks", "agents", "human"))
    )
    async with Client(server) as client:
        yield client


async def read(client: Client, uri: str) -> Any:
    contents: Any = (await client.read_resource(uri)).contents
    return json.loads(contents[0].text)


async def test_a_scope_is_exported_and_imported_into_another(
    client: Client, data_dir: Path
) -> None:
    await call(client, "remember", content="a harbour", scope="user:a", source="user")
    await call(client, "set_fact", key="city", value="Ghent", scope="user:a")
    done = await call(client, "export_memory", scope="user:a")
    assert done["lines"] == {"item": 1, "fact": 1}
    assert (data_dir / "exports" / done["file"]).stat().st_mode & 0o077 == 0
    back = await call(client, "import_memory", file=done["file"], scope="user:b")
    assert (back["added"], back["distrusted"]) == ({"item": 1, "fact": 1}, 1)
    (hit,) = (await call(client, "recall", query="harbour", scope="user:b"))["hits"]
    assert hit["trust"] == "untrusted"
    again = await call(client, "import_memory", file=done["file"], scope="user:b")
    assert (again["added"], again["known"]) == ({}, 2)


@pytest.mark.parametrize(
    "name", ["../registry.db", "/etc/passwd", "x.txt", ".x.jsonl", "a/b.jsonl", "missing.jsonl"]
)
async def test_a_model_imports_from_one_folder_only(client: Client, name: str) -> None:
    said = await refusal(client, "import_memory", file=name)
    assert said.startswith(("invalid_argument:", "not_found:"))


async def test_a_file_that_is_no_bundle_is_refused(client: Client, data_dir: Path) -> None:
    await call(client, "remember", content="a harbour")
    done = await call(client, "export_memory")
    torn = data_dir / "exports" / "torn.jsonl"
    torn.write_bytes((data_dir / "exports" / done["file"]).read_bytes()[:-20])
    said = await refusal(client, "import_memory", file="torn.jsonl")
    assert said.startswith("invalid_bundle:")


async def test_scopes_are_listed_with_what_they_hold(client: Client) -> None:
    await call(client, "remember", content="x", scope="user:a")
    await call(client, "set_fact", key="k", value=1)
    listed = (await call(client, "list_scopes"))["scopes"]
    assert listed == [
        {"scope": "global", "items": 0, "facts": 1}, {"scope": "user:a", "items": 1, "facts": 0},
    ]  # fmt: skip


async def test_only_allowed_scopes_are_listed_and_cleared(settings: Settings) -> None:
    with Scopes(settings) as all_of_them:
        for scope in ("user:a", "user:b"):
            all_of_them.open(scope).remember("x")
    walled = replace(settings, toolsets=("admin",), scope="user:a", allow_scope=("user:a",))
    async with Client(build_server(walled)) as client:
        listed = (await call(client, "list_scopes"))["scopes"]
        assert [one["scope"] for one in listed] == ["user:a"]
        for tool in ("clear_scope", "export_memory", "run_hygiene"):
            assert (await refusal(client, tool, scope="user:b")).startswith("not_found:")


async def test_clearing_needs_the_word_of_a_first_call(client: Client) -> None:
    await call(client, "remember", content="a harbour", scope="user:a")
    await call(client, "create_task", title="dig", scope="user:a")
    first = await call(client, "clear_scope", scope="user:a")
    assert (first["items"], first["facts"], first["tasks"]) == (1, 0, 1)
    assert (await refusal(client, "clear_scope", scope="user:a", confirm="yes")).startswith(
        "conflict:"
    )
    assert (await call(client, "recall", query="harbour", scope="user:a"))["hits"]
    done = await call(client, "clear_scope", scope="user:a", confirm=first["confirm"])
    assert done["cleared"] == 1
    assert (await call(client, "recall", query="harbour", scope="user:a"))["hits"] == []


async def test_hygiene_is_only_told_unless_it_is_asked_for(
    settings: Settings,
) -> None:
    with Scopes(settings, clock=lambda: 1_700_000_000.0) as scopes:
        for number in range(8):
            scopes.open().remember(f"{number} " + "The pump of hall seven was replaced. " * 30)
    async with Client(build_server(replace(settings, toolsets=("admin", "default")))) as client:
        before = await call(client, "run_hygiene")
        assert before["count"] > 0
        assert before["dry_run"]
        assert (await call(client, "run_hygiene"))["count"] == before["count"]
        done = await call(client, "run_hygiene", dry_run=False)
        assert done["count"] == before["count"]
        assert (await call(client, "run_hygiene"))["count"] < before["count"]


async def test_usage_is_counted_with_its_cost(client: Client) -> None:
    used = await call(
        client, "track_usage", model="gpt-4o-mini", input_tokens=1000, output_tokens=500
    )
    assert (used["cost"], used["total_cost"]) == (0.00045, 0.00045)
    await call(client, "track_usage", model="gpt-4o-mini", input_tokens=1000, output_tokens=500)
    said = await read(client, "memory://global/usage")
    assert said["cost"] == 0.0009
    assert [(one["model"], one["calls"]) for one in said["models"]] == [("gpt-4o-mini", 2)]


async def test_calls_are_counted_without_content(client: Client) -> None:
    await call(client, "remember", content="the grumblefitz")
    await refusal(client, "forget", ids=["zz-9"])
    for _ in range(2):
        await call(client, "set_fact", key="k", value=1)
    await call(client, "remember", content="flushes what waits")
    said = await read(client, "memory://global/usage")
    counted = {one["op"]: (one["count"], one["failed"]) for one in said["calls"]}
    assert counted["set_fact"] == (2, 0)
    assert counted["forget"] == (1, 1)
    assert "grumblefitz" not in json.dumps(said)


async def test_the_state_is_as_its_schema_says(client: Client) -> None:
    await call(client, "remember", content="the grumblefitz")
    await call(client, "set_fact", key="city", value="Ghent")
    await call(client, "create_task", title="dig")
    said = await read(client, "memory://global/state")
    Draft202012Validator(state_schema()).validate(said)
    assert [fact["value"] for fact in said["facts"]] == ["Ghent"]
    assert [task["title"] for task in said["tasks"]] == ["dig"]
    assert "grumblefitz" not in json.dumps(said)


async def test_lists_keep_their_budget(client: Client) -> None:
    for number in range(90):
        await call(
            client, "set_fact", key="k", value=1, scope=f"project:a rather long name {number}"
        )
    result = await client.call_tool("list_scopes", {})
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert estimate(content.text) <= 1500
    assert estimate(json.dumps(result.structured_content)) <= 1500
    assert result.structured_content["note"].endswith("more.")


async def test_a_server_empties_sessions_that_are_over(settings: Settings) -> None:
    with Scopes(settings, clock=lambda: 1_700_000_000.0) as scopes:
        scopes.open("session:old").remember("a harbour")
    async with Client(build_server(replace(settings, toolsets=("default",)))) as client:
        await call(client, "remember", content="x")
    with Scopes(replace(settings, read_only=True)) as scopes:
        assert scopes.look("session:old").transfer.names() == []
