"""What comes from outside never arrives as trusted, and what is held never without a person.

Every way of ``tests/support/poison.py`` with every payload, over the protocol, every toolset on;
each way with a trusted twin, which does arrive: a way that leads nowhere shows nothing.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import run
from http_server import local_server, new_token
from mcp import Client
from mcp.types import ElicitRequestParams, ElicitResult
from poison import PAYLOADS, TWIN, WAYS, Desk, fenced, unfenced

from routemem.memory_core.settings import Settings
from routemem.server.app import build_server

pytestmark = pytest.mark.anyio
#: Ways on which a held payload cannot be told from one that was never written.
OUTSIDE = ("web", "tool", "import")


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    server = build_server(replace(settings, toolsets=("all",)))
    async with Client(server) as client:
        yield Desk(client, settings.data_path() / "exports")


def test_there_are_at_least_two_hundred_flows_over_twelve_ways() -> None:
    assert len(WAYS) >= 12
    assert len(WAYS) * len(PAYLOADS) >= 200


@pytest.mark.parametrize("way", WAYS)
async def test_what_comes_from_outside_never_arrives_as_trusted(desk: Desk, way: str) -> None:
    for number, (name, (payload, _)) in enumerate(PAYLOADS.items()):
        topic, mark = f"zorbl{number}x", f"quiven{number}frump"
        desk.told.clear()
        text = payload.format(topic=topic, mark=mark)
        await WAYS[way](desk, text, topic, OUTSIDE[number % len(OUTSIDE)])
        assert unfenced(desk.told, mark) == [], name
    desk.told.clear()
    await WAYS[way](
        desk, TWIN.format(topic="harbourtide", mark="bluefolder"), "harbourtide", "user"
    )
    assert unfenced(desk.told, "bluefolder"), "the trusted twin does not arrive"


@pytest.mark.parametrize("payload", [name for name, (_, held) in PAYLOADS.items() if held])
async def test_what_is_held_is_told_nowhere(desk: Desk, payload: str) -> None:
    text = PAYLOADS[payload][0].format(topic="zorblx", mark="quivenfrump")
    for way in WAYS.values():
        await way(desk, text, "zorblx", "web")
    assert not fenced(desk.told, "quivenfrump")
    assert (await desk.call("list_quarantine"))["held"]


@pytest.mark.parametrize("payload", [name for name, (_, held) in PAYLOADS.items() if not held])
async def test_what_is_only_untrusted_arrives_and_is_fenced(desk: Desk, payload: str) -> None:
    """Or the first test would pass because nothing ever arrives."""
    text = PAYLOADS[payload][0].format(topic="zorblx", mark="quivenfrump")
    await WAYS["recalled"](desk, text, "zorblx", "web")
    assert fenced(desk.told, "quivenfrump")
    assert unfenced(desk.told, "quivenfrump") == []


async def test_a_check_that_finds_nothing_would_be_noticed(desk: Desk) -> None:
    await desk.write("The quivenfrump is a zorblx.", "user")
    await desk.ask("zorblx")
    assert {where for where, _ in desk.told} - {"remember text", "remember fields"} == set(
        unfenced(desk.told, "quivenfrump")
    )


async def test_marks_are_drawn_anew_for_every_answer(desk: Desk) -> None:
    await desk.write("The zorblx is a page.", "web")
    for _ in range(8):
        await desk.call("recall", query="zorblx")
    texts = {said for where, said in desk.told if where == "recall text"}
    assert len(texts) == 8


@pytest.mark.parametrize("era", ["auto", "legacy"])
@pytest.mark.parametrize("answer", [("decline", None), ("cancel", None), ("accept", {})])
async def test_a_person_who_does_not_say_yes_releases_nothing(
    settings: Settings, era: Any, answer: tuple[Any, Any]
) -> None:
    async def person(context: Any, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action=answer[0], content=answer[1])

    server = build_server(replace(settings, toolsets=("all",)))
    async with Client(server, mode=era, elicitation_callback=person) as client:
        desk = Desk(client)
        for payload, (text, held) in PAYLOADS.items():
            id = await desk.write(text.format(topic="zorblx", mark="quivenfrump"), "web")
            if not held:
                await desk.call("quarantine", ids=[id], reason="suspicious")
            desk.told.clear()
            await desk.call("release_quarantine", id=id)
            await desk.call("recall", ids=[id])
            await desk.ask("zorblx")
            assert not fenced(desk.told, "quivenfrump"), payload


async def test_a_second_process_tells_it_no_other_way(desk: Desk, tmp_path: Any) -> None:
    for number, (payload, _) in enumerate(PAYLOADS.values()):
        await desk.write(payload.format(topic="zorblx", mark=f"quiven{number}frump"), "web")
    await desk.write("The zorblx is at the bluefolder.", "user")
    env = {"ROUTEMEM_KEY_DIR": str(tmp_path / "keys")}
    for arguments in (("recall", "zorblx"), ("recall",), ("recall", "zorblx", "--detailed")):
        done = run(tmp_path, *arguments, "--top-k", "50", "--max-tokens", "20000", env=env)
        told = [("terminal", done.stdout.decode().replace("\r\n", "\n"))]
        assert done.returncode == 0
        assert unfenced(told, "bluefolder")
        for number in range(len(PAYLOADS)):
            assert unfenced(told, f"quiven{number}frump") == []


async def test_a_chain_of_scopes_tells_it_no_other_way(settings: Settings) -> None:
    chained = replace(settings, toolsets=("all",), chain=("user:ann", "project:p", "global"))
    async with Client(build_server(chained)) as client:
        desk = Desk(client)
        for number, (payload, _) in enumerate(PAYLOADS.values()):
            said = payload.format(topic="zorblx", mark=f"quiven{number}frump")
            where = chained.chain[number % 3]
            await desk.write(said, "web", scope=where)
            fact = {"key": f"page.{number}", "value": said}
            await desk.call("set_fact", **fact, source="web", scope=where)
        await desk.write("The zorblx is at the bluefolder.", "user", scope="project:p")
        desk.told.clear()
        await desk.ask("zorblx", top_k=50)
        await desk.call("get_facts", max_tokens=25_000)
        await desk.call("get_context", query="zorblx")
        await desk.choose("start_session", task="zorblx")
        for number in range(len(PAYLOADS)):
            assert unfenced(desk.told, f"quiven{number}frump") == []
        assert unfenced(desk.told, "bluefolder")
        assert fenced(desk.told, "quiven8frump")


async def test_no_rest_route_tells_it_another_way(tmp_path: Path) -> None:
    token = new_token(tmp_path, "ana", "user:ana")
    told: list[tuple[str, Any]] = []
    with local_server(tmp_path, ROUTEMEM_HTTP_BURST="1000") as server:

        def ask(path: str, **body: Any) -> Any:
            method = "POST" if body else "GET"
            answer = server.ask(f"/memory-manager{path}", token, method, json=body or None)
            told.append((f"{method} {path}", answer.json()))
            return answer.json()

        def flow(text: str, source: str) -> None:
            id = ask("/items/add", content=text, source=source)["id"]
            ask("/facts/set", key=f"page.{id}", value=text, source=source)
            told.clear()
            ask(f"/items/{id}")
            ask("/items/retrieve", item_id=id, decompress=True)
            ask("/items/search", query="zorblx", limit=50)
            ask("/items/compress", ids=[id], summary=text)
            ask("/context", query="zorblx")
            ask("/turns/add", user="What of zorblx?", recall_top_k=9)
            for path in ("/facts", "/state", "/state/export", "/quarantine", "/tasks", "/tokens"):
                ask(path)

        for number, (name, (payload, _)) in enumerate(PAYLOADS.items()):
            mark = f"quiven{number}frump"
            flow(payload.format(topic="zorblx", mark=mark), OUTSIDE[number % len(OUTSIDE)])
            assert unfenced(told, mark) == [], name
        flow("The zorblx is at the bluefolder.", "user")
        assert unfenced(told, "bluefolder")
