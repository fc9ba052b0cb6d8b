"""The real server over streamable HTTP and SSE, with the SDK's client, in both protocol eras."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
from asking import call, refusal
from http_server import Asking, local_server, new_token, process_server
from raw_client import MODERN
from sse_starlette.sse import AppStatus

from routemem.memory_core.errors import StorageError
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage.lock import WriterLock
from routemem.memory_core.storage.registry import file_name
from routemem.server.app import DEFAULT, TOOLSETS
from routemem.server.callers import Caller, caller
from routemem.server.calls import Calls
from routemem.server.web import ending
from routemem.server.web.metrics import Metrics

EVERY_WAY = pytest.mark.parametrize(
    ("way", "mode"), [("mcp", "auto"), ("mcp", "legacy"), ("sse", "auto"), ("sse", "legacy")]
)


@dataclass(frozen=True)
class House:
    """A running server and tokens for it."""

    server: Asking
    ana: str
    bob: str
    reader: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("http")
    ana = new_token(folder, "ana", "user:ana,project:*")
    with local_server(folder, "--toolsets", "all") as server:
        bob = server.token("bob", "user:bob")
        yield House(server, ana, bob, server.token("reader", "user:ana", read_only=True))


@pytest.mark.anyio
@EVERY_WAY
async def test_every_default_tool_works(house: House, way: str, mode: str) -> None:
    scope = f"project:{way}-{mode}"
    async with house.server.client(house.ana, way, mode) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        stored = await call(client, "remember", content=f"The {way} key is blue.", scope=scope)
        assert stored["scope"] == scope
        (hit,) = (await call(client, "recall", query="blue key", scope=scope))["hits"]
        assert hit["id"] == stored["id"]
        await call(client, "set_fact", key="key.colour", value="blue", scope=scope)
        (fact,) = (await call(client, "get_facts", keys=["key.colour"], scope=scope))["facts"]
        assert fact["value"] == "blue"
        turn = await call(client, "log_turn", user="Where is the key?", scope=scope)
        assert turn["scope"] == scope
        context = await call(client, "get_context", query="key", scope=scope)
        assert "blue" in str(context)
        note = "A key that lies in the blue folder is for the cellar. " * 8
        long = await call(client, "remember", content=note, scope=scope)
        await call(client, "compress", ids=[long["id"]], summary="Cellar key: blue folder.")
        review = await call(client, "review_memory", scope=scope)
        action = {"id": stored["id"], "action": "KEEP"}
        token = review["review_token"]
        await call(client, "apply_review", review_token=token, actions=[action], scope=scope)
        await call(client, "quarantine", ids=[long["id"]], reason="a test")
        await call(client, "forget", ids=[stored["id"]])
        status = await call(client, "memory_status", scope=scope)
        assert status["scope"] == scope
    assert {spec.name for group in DEFAULT for spec in TOOLSETS[group]} <= names


@pytest.mark.anyio
@EVERY_WAY
async def test_a_token_of_one_scope_reads_no_other(house: House, way: str, mode: str) -> None:
    async with house.server.client(house.ana, way, mode) as client:
        secret = await call(client, "remember", content="Ana keeps emeralds in the attic.")
        await call(client, "set_fact", key="ana.safe", value="emeralds")
        shelf = f"project:shelf-{way}-{mode}"
        await call(client, "remember", content="Ana keeps emeralds in the attic.", scope=shelf)
        exported = await call(client, "export_memory", scope=shelf)
        card = await call(client, "create_task", title="polish the emeralds")
        assert secret["scope"] == "user:ana"
        assert card
    bundle = next(name for name in str(exported).split("'") if name.endswith(".jsonl"))
    async with house.server.client(house.bob, way, mode) as client:
        await call(client, "remember", content="Bob has a bicycle.")
        hidden: dict[str, dict[str, Any]] = {
            "recall": {"query": "emeralds", "scope": "user:ana"},
            "get_facts": {"scope": "user:ana"},
            "get_context": {"query": "emeralds", "scope": "user:ana"},
            "memory_status": {"scope": "user:ana"},
            "forget": {"ids": [secret["id"]]},
            "compress": {"ids": [secret["id"]], "summary": "x"},
            "quarantine": {"ids": [secret["id"]], "reason": "x"},
            "remember": {"content": "x", "scope": "user:ana"},
            "set_fact": {"key": "x", "value": "x", "scope": "global"},
            "log_turn": {"user": "x", "scope": "project:x"},
            "export_memory": {"scope": "user:ana"},
            "import_memory": {"file": bundle},
            "clear_scope": {"scope": "user:ana"},
            "list_tasks": {"scope": "user:ana"},
            "index_report": {"scope": "user:ana"},
        }
        for tool, arguments in hidden.items():
            said = await refusal(client, tool, **arguments)
            assert "not_found" in said, (tool, said)
            assert "meralds" not in said.replace("query", "")
        everything = [
            await call(client, "recall", query="emeralds attic Ana"),
            await client.call_tool("recall", {"ids": [secret["id"]]}),
            await call(client, "get_facts"),
            await call(client, "get_context", query="emeralds"),
            await call(client, "memory_status", detail="full"),
            await call(client, "list_scopes"),
            await call(client, "list_quarantine"),
            await client.read_resource("memory://scopes"),
            await client.get_prompt("start_session", {"task": "emeralds"}),
        ]
        for answer in everything:
            assert "attic" not in str(answer).replace("emeralds attic Ana", "")
            assert "user:ana" not in str(answer)
        for path in ("state", "facts", "facts/ana.safe", "recent", "tasks", "usage", "index"):
            with pytest.raises(Exception, match="not_found"):
                await client.read_resource(f"memory://user%3Aana/{path}")
        with pytest.raises(Exception, match="not_found"):
            await client.read_resource(f"memory://user%3Aana/items/{secret['id']}")


@pytest.mark.anyio
@EVERY_WAY
async def test_completion_offers_only_what_was_granted(house: House, way: str, mode: str) -> None:
    from mcp.types import ResourceTemplateReference

    async with house.server.client(house.ana, way, mode) as client:
        await call(client, "remember", content="Ana has a boat.")
    async with house.server.client(house.bob, way, mode) as client:
        await call(client, "remember", content="Bob has a bicycle.")
        state = ResourceTemplateReference(type="ref/resource", uri="memory://{scope}/state")
        offered = await client.complete(state, {"name": "scope", "value": ""})
        assert offered.completion.values == ["user:bob"]
        item = ResourceTemplateReference(type="ref/resource", uri="memory://{scope}/items/{id}")
        for_ana = await client.complete(
            item, {"name": "id", "value": ""}, context_arguments={"scope": "user:ana"}
        )
        assert for_ana.completion.values == []


@pytest.mark.anyio
@EVERY_WAY
async def test_a_reading_token_changes_nothing(house: House, way: str, mode: str) -> None:
    async with house.server.client(house.ana, way, mode) as client:
        stored = await call(client, "remember", content="The gate code hangs by the door.")
    async with house.server.client(house.reader, way, mode) as client:
        listed = (await client.list_tools()).tools
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in listed)
        assert "recall" in {tool.name for tool in listed}
        for specs in TOOLSETS.values():
            for spec in specs:
                if not spec.reads_only:
                    said = await refusal(client, spec.name)
                    assert said.removeprefix(f"Error executing tool {spec.name}: ").startswith(
                        "not_allowed: "
                    )
        (hit, *_) = (await call(client, "recall", query="gate code"))["hits"]
        assert hit["id"] == stored["id"]
        guide = await client.get_prompt("memory_guide")
        assert "remember" not in str(guide).split()


@pytest.mark.anyio
async def test_a_client_is_not_told_where_the_files_lie(house: House) -> None:
    folder = str(house.server.folder)
    async with house.server.client(house.bob) as client:
        said = await refusal(client, "import_memory", file="nothing.jsonl")
        assert "the data folder" in said
        assert folder not in said
        held = await call(client, "quarantine", content="The gate is 4711.", reason="a code")
        await call(client, "remember", content="Bob has a bicycle.")
        done = await client.call_tool("release_quarantine", {"id": held["held"][0]["id"]})
        assert folder not in str(done)
        with pytest.raises(Exception, match="not_found") as absent:
            await client.read_resource("memory://user%3Abob/items/zz-9")
        assert folder not in str(absent.value)
        for answer in (
            await call(client, "memory_status", detail="full"),
            await call(client, "export_memory"),
            await client.read_resource("memory://user%3Abob/state"),
            await client.read_resource("memory://policy"),
            await client.read_resource("memory://models"),
        ):
            assert folder not in str(answer)


def test_an_error_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    model = tmp_path / "models" / "small"
    calls = Calls(Settings(data_dir=str(tmp_path / "link"), embedder=str(model)))
    asking = caller.set(Caller("t-1", ("user:ana",), read_only=False))
    try:
        for folder in (real, tmp_path / "link"):
            error = StorageError(f"{folder / 'a.db'} was moved; {model}/model.onnx is there.")
            calls.hide_folder(error)
            assert str(error) == "the data folder/a.db was moved; small/model.onnx is there."
    finally:
        caller.reset(asking)


@pytest.mark.anyio
async def test_a_client_is_not_told_where_the_model_lies(tmp_path: Path) -> None:
    token = new_token(tmp_path, "ana", "user:ana")
    model = str(tmp_path / "models" / "small")
    with local_server(tmp_path, "--toolsets", "all", ROUTEMEM_EMBEDDER=model) as server:
        async with server.client(token) as client:
            await call(client, "remember", content="The ladder leans at the plum tree.")
            status = await call(client, "memory_status", detail="full")
            routing = await call(client, "explain_routing", query="ladder")
        state = server.ask("/memory-manager/state", token).text
    assert (status["mode"], status["detail"]["embedder"]) == ("lexical", "small")
    assert "routemem doctor" in status["note"]
    assert "routemem doctor" in str(routing)
    assert str(tmp_path) not in f"{status}{routing}{state}"


@pytest.mark.parametrize("modern", [False, True])
def test_text_cut_inside_an_emoji_is_stored(house: House, modern: bool) -> None:
    headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    if modern:
        headers |= {
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "remember",
        }
    else:
        start = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "raw", "version": "1"},
        }
        opening = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": start}
        opened = house.server.ask("/mcp", house.bob, "POST", json=opening, headers=dict(headers))
        headers["mcp-session-id"] = opened.headers["mcp-session-id"]
    arguments = {"content": "A cut emoji \ud83d and a whole one \U0001f600."}
    params = {"name": "remember", "arguments": arguments} | ({"_meta": MODERN} if modern else {})
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
    body = json.dumps(call).encode()
    assert b"\\ud83d " in body
    done = house.server.ask("/mcp", house.bob, "POST", content=body, headers=dict(headers))
    assert (done.status_code, "in user:bob" in done.text) == (200, True), done.text


@pytest.mark.anyio
async def test_what_one_transport_stores_the_other_finds(house: House) -> None:
    async with house.server.client(house.bob, "sse", "legacy") as client:
        await call(client, "remember", content="The ladder leans at the plum tree.")
    async with house.server.client(house.bob, "mcp", "auto") as client:
        found = await call(client, "recall", query="ladder plum tree")
        assert "plum tree" in found["hits"][0]["text"]


@pytest.mark.anyio
async def test_two_clients_at_once_stay_apart(house: House) -> None:
    async with (
        house.server.client(house.ana, "sse", "legacy") as ana,
        house.server.client(house.bob, "sse", "legacy") as bob,
    ):
        for n in range(3):
            assert (await call(ana, "remember", content=f"Ana, {n}"))["scope"] == "user:ana"
            assert (await call(bob, "remember", content=f"Bob, {n}"))["scope"] == "user:bob"


def test_the_server_ends_in_order_and_says_nothing(tmp_path: Path) -> None:
    token = new_token(tmp_path, "ana", "user:ana")
    with process_server(tmp_path) as server:
        assert server.ask("/health", token).json()["status"] == "ok"
        status, said = server.end()
    assert (status, said) == (0, "")


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize(("way", "mode"), [("mcp", "legacy"), ("sse", "auto")])
async def test_a_call_under_way_is_answered_before_the_end(
    tmp_path: Path, way: str, mode: str
) -> None:
    token, watching = new_token(tmp_path, "ana", "user:ana"), new_token(tmp_path, "all", "*")
    answers: list[dict[str, Any]] = []
    with process_server(tmp_path) as server:
        with contextlib.suppress(Exception):  # the client, too, ends without its server
            async with server.client(token, way, mode) as client:
                await call(client, "remember", content="The first.")
                held = WriterLock(tmp_path / "data" / file_name("user:ana"), 10.0)

                async def store() -> None:
                    answers.append(await call(client, "remember", content="The second."))

                async with anyio.create_task_group() as tasks:
                    with held:
                        tasks.start_soon(store)
                        while "routemem_http_calls 1\n" not in await anyio.to_thread.run_sync(
                            lambda: server.ask("/metrics", watching).text
                        ):
                            pass
                        server.process.terminate()
                        while await anyio.to_thread.run_sync(lambda: listens(server.port)):
                            pass
        assert [answer["status"] for answer in answers] == ["stored"]
        assert server.end() == (0, "")


@pytest.mark.anyio
async def test_streams_stay_open_until_the_last_call_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AppStatus, "should_exit", False)
    monkeypatch.setattr(AppStatus, "enable_automatic_graceful_drain", True)
    monkeypatch.setattr(ending, "_LOOK", 0.0)
    monkeypatch.setattr(ending, "_LAST_WORDS", 0.0)

    async def looks() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    server, metrics = uvicorn.Server(uvicorn.Config("none:none", log_config=None)), Metrics(0.0)
    metrics.calls = 1
    closing = asyncio.create_task(ending.close_streams(server, metrics, grace=600.0))
    await looks()
    assert not AppStatus.enable_automatic_graceful_drain  # or the first signal would cut them
    server.should_exit = True
    await looks()
    assert not AppStatus.should_exit
    metrics.calls = 0
    await closing
    assert AppStatus.should_exit


def listens(port: int) -> bool:
    """Whether new connections are taken."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
