"""A scripted model lives a month with its memory, through the tools, on an injected clock."""

import json
from dataclasses import replace
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent

from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.server.app import build_server
from routemem.server.clock import clock

pytestmark = pytest.mark.anyio
DAYS = 31
TALK = (
    "It was a long day and there was much to talk about with everybody who came along. "
    "Some of it was new, some of it had been said before, and none of it was in a hurry. "
    "The tea went cold while one thing led to another, as it does when the evenings are long. "
    "In the end all agreed that it had been worth it, whatever might come of it one day. "
)


class Model:
    """Does each day what a model with these tools would do, and remembers what it was told."""

    client: Client

    def __init__(self) -> None:
        self.notes: dict[int, str] = {}
        self.pinned = ""
        self.deleted: list[str] = []
        self.promoted: list[str] = []

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, (tool, result.content)
        (content,) = result.content
        assert isinstance(content, TextContent)
        assert content.text
        assert isinstance(result.structured_content, dict)
        return result.structured_content

    async def live_a_day(self, client: Client, day: int) -> None:
        self.client = client
        note = await self.call(
            "remember",
            content=f"On day {day} the gauge in Ostend stood at {day * 7 + 100} cm. {TALK}",
            priority=8 if day == 3 else day % 8,
            tags=["gauge"],
        )
        self.notes[day] = note["id"]
        await self.call("remember", content=f"hello again, day {'x' * day}", priority=1)
        await self.call("log_turn", user=f"What shall we do on day {day}?", assistant="Measure.")
        await self.call("set_fact", key="gauge.last", value=day * 7 + 100)
        if day == 0:
            pinned = f"The user wants every report to begin with the gauge of Ostend. {TALK}"
            self.pinned = (await self.call("remember", content=pinned, pinned=True))["id"]
        if day == 5:
            said = await self.call("remember", content="My name is Nadia.", source="user")
            self.promoted.append(said["id"])
        found = await self.call("recall", query=f"gauge in Ostend on day {day}", top_k=3)
        assert note["id"] in [hit["id"] for hit in found["hits"]]
        if day % 7 == 6:
            await self.review()

    async def review(self) -> None:
        """Follow the proposals, but keep what the user has pinned or may still want."""
        for focus in ("facts", "stale", "duplicates", "budget"):
            review = await self.call("review_memory", focus=focus, limit=10)
            actions = []
            for one in review["proposals"]:
                action = {"id": one["id"], "action": one["action"], "reason": one["why"]}
                if one["action"] == "PROMOTE":
                    action |= {"fact_key": one["fact_key"], "fact_value": one["fact_value"]}
                if one["action"] == "DELETE" and one["id"] in self.notes.values():
                    action = {"id": one["id"], "action": "KEEP"}
                actions.append(action)
            before = await self.call("memory_status")
            token, wrapped = review["review_token"], f"```json\n{json.dumps(actions)}\n```"
            await self.call("apply_review", review_token=token, actions=wrapped, dry_run=True)
            assert (await self.call("memory_status"))["items"] == before["items"]
            done = await self.call("apply_review", review_token=token, actions=wrapped)
            assert {one["status"] for one in done["outcomes"]} <= {"applied", "rejected"}
            self.deleted += [
                one["id"]
                for one in done["outcomes"]
                if (one["action"], one["status"]) == ("DELETE", "applied")
            ]


@pytest.mark.slow
async def test_a_month_of_use_keeps_what_matters_and_loses_nothing(settings: Settings) -> None:
    model = Model()
    for day in range(DAYS):
        today = replace(settings, now=f"2026-03-{day + 1:02}T12:00")  # a session a day
        async with Client(build_server(today)) as client:
            await model.live_a_day(client, day)
        with Scopes(today, clock=clock(today)) as scopes:
            scopes.open().tending.round()  # as the caretaker does: after ten writes, every hour
            scopes.open().upkeep.round()
    async with Client(build_server(replace(settings, now="2026-04-01T12:00"))) as client:
        model.client = client
        # The pinned one is as it was, and so is the newest.
        for id in (model.pinned, model.notes[DAYS - 1]):
            (hit,) = (await model.call("recall", ids=[id]))["hits"]
            assert "state" not in hit
        # What was deleted in the last days comes back.
        back = model.deleted.pop()
        done = await model.call("forget", ids=[back], mode="restore")
        assert done["forgotten"][0]["state"] == "active"
    after = replace(settings, now="2026-04-20T12:00")  # the user was away
    with Scopes(after, clock=clock(after)) as scopes:
        scopes.open().tending.round()
    async with Client(build_server(after)) as client:
        model.client = client
        items = (await model.call("memory_status"))["items"]
        # What nobody reads is short by now, or out of the way; nothing of it is gone.
        assert items["compressed"] > 0
        assert items["archived"] > 0
        assert items["deleted"] + items["purged"] == len(set(model.deleted)) > 0
        for id in model.notes.values():
            (hit,) = (await model.call("recall", ids=[id], format="detailed"))["hits"]
            assert hit["text"].endswith(TALK)
        (hit,) = (await model.call("recall", ids=[model.pinned]))["hits"]
        assert "state" not in hit
        # The last value is the fact, with a history.
        (fact,) = (await model.call("get_facts", keys=["gauge.last"]))["facts"]
        assert fact["value"] == (DAYS - 1) * 7 + 100
        history = await model.call("get_facts", keys=["gauge.last"], history=True, max_tokens=5000)
        assert len(history["facts"]) == DAYS
        (fact,) = (await model.call("get_facts", keys=["user.name"]))["facts"]
        assert fact["value"] == "Nadia"
        # An old measurement is still found by its number, archived or not.
        old = await model.call(
            "recall", query="gauge at 121 cm on day 3", include_archived=True, top_k=3
        )
        assert model.notes[3] in [hit["id"] for hit in old["hits"]]
    with Scopes(after, clock=clock(after)) as scopes:
        memory = scopes.open()
        assert memory.upkeep.backups
        assert len(memory.upkeep.backups.all()) == 7
        rows = memory.store.db.rows("select op, detail from audit")  # type: ignore[attr-defined]  # a file
        assert {"hygiene:compress", "hygiene:archive", "backup"} <= {op for op, _ in rows}
        assert not any("gauge" in detail for _, detail in rows)
