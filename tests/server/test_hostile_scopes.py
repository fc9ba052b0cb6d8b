"""Whatever a scope is called, nothing of it is seen under another name."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from mcp import Client, MCPError

from routemem.memory_core.settings import Settings
from routemem.server.app import build_server

pytestmark = pytest.mark.anyio

#: Names that are easily taken for one another, or for something else.
LOOKALIKES = [
    "global", "user:a", "user:A", "user: a", "user:a ", "user:a/..", "user:../a", "user:a%2F",
    "user:a%", "user:_", "user:*", "user:a*", "user:?", "user:a'b", 'user:a"b',
    "user:a;drop table items", "user:a--", "user:а", "user:ａ", "user:e\u0301", "user:é\u0301",
    "user:global", "user:user:a", "user:con", "user:nul", "user:.", "user:..", "user:a\\b",
    "user:~", "user:$HOME", "user:{a}", "user:[a]", "user:a#b", "user:a?b=c", "session:a",
    "project:a", "agent:a", "user:" + "x" * 400, "user:" + "x" * 401, "user:🦀", "user:a.db",
    "user:registry", "user:a,user:b",
]  # fmt: skip
BOARDS = ("default", "tasks", "admin")


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    async with Client(build_server(replace(settings, toolsets=BOARDS))) as client:
        yield client


async def said(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    return f"{result.content} {json.dumps(result.structured_content)}"


async def resource(client: Client, scope: str, what: str) -> str:
    try:
        contents: Any = (
            await client.read_resource(f"memory://{quote(scope, safe='')}/{what}")
        ).contents
    except MCPError as error:
        return str(error)
    return str(contents[0].text)


async def test_no_name_shows_what_is_stored_under_another(client: Client, data_dir: Path) -> None:
    marks = {}
    for number, scope in enumerate(LOOKALIKES):
        mark = f"grumblefitz{number:03}x"
        marks[scope] = mark
        await said(client, "remember", content=f"it is {mark}", scope=scope)
        await said(client, "set_fact", key="mark", value=mark, scope=scope)
        await said(client, "create_task", title=mark, scope=scope)
    assert len({path.name for path in data_dir.glob("*-*.db")}) == len(LOOKALIKES)
    for scope, mark in marks.items():
        seen = [
            await said(client, "recall", query="grumblefitz it is", top_k=50, scope=scope),
            await said(client, "get_facts", scope=scope),
            await said(client, "list_tasks", scope=scope),
            await resource(client, scope, "state"),
        ]
        for told in seen:
            others = [other for other in marks.values() if other != mark and other in told]
            assert others == [], scope
        assert sum(mark in told for told in seen[:3]) == 3, scope
