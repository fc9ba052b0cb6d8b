"""compress, review_memory and apply_review as a client sees them, on the real core."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asking import call, refusal, told
from mcp import Client

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
async def client(settings: Settings) -> AsyncIterator[Client]:
    async with Client(build_server(settings)) as client:
        yield client


async def test_concise_gives_the_summary_and_detailed_the_text(client: Client) -> None:
    id = (await call(client, "remember", content=LONG))["id"]
    said = await told(client, "compress", ids=[id], summary=SHORT)
    assert 'forget(mode="restore")' in said
    ways: tuple[dict[str, Any], ...] = ({"query": "tide model"}, {"ids": [id]})
    for arguments in ways:
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


@pytest.mark.parametrize("times", [14, 15, 60])
async def test_a_memory_larger_than_the_reply_is_a_candidate_too(
    client: Client, times: int
) -> None:
    id = (await call(client, "remember", content="\n\n".join([LONG] * times)))["id"]
    said = await told(client, "compress")
    assert "1 memory worth compressing" in said
    assert f"(part; all of it: ids=[{id}])" in said
    assert estimate(said) <= 1500
    (found,) = (await call(client, "compress"))["candidates"]
    assert (found["id"], found["cut"]) == (id, True)
    assert found["tokens"] > 1300


async def test_a_summary_no_shorter_is_refused_with_a_code(client: Client) -> None:
    id = (await call(client, "remember", content="A run takes 40 minutes."))["id"]
    said = await refusal(client, "compress", ids=[id], summary=LONG)
    assert said.startswith("invalid_argument:")
    said = await refusal(client, "compress", ids=["zz-9"])
    assert said.startswith("not_found:")


async def test_a_recall_with_room_for_more_says_that_there_is_an_archive(client: Client) -> None:
    id = (await call(client, "remember", content=LONG))["id"]
    await call(client, "forget", ids=id)
    for query in ("tide model", ""):
        said = await told(client, "recall", query=query)
        assert "1 archived one was left out: include_archived=true" in said
        assert "nothing is stored yet" not in said
        found = await call(client, "recall", query=query, include_archived=True)
        assert [hit["id"] for hit in found["hits"]] == [id]
        assert "archived one" not in found["note"]


# ---------------------------------------------------------------------- review


async def proposals(client: Client, **arguments: Any) -> tuple[str, dict[str, dict[str, Any]]]:
    review = await call(client, "review_memory", **arguments)
    return review["review_token"], {one["id"]: one for one in review["proposals"]}


async def test_a_list_of_four_actions_has_exactly_their_effects(client: Client) -> None:
    ids = {}
    for name, text in {
        "keep": LONG + " Keep.",
        "delete": LONG + " Delete.",
        "compress": LONG + " Compress.",
        "promote": "My name is Nadia.",
    }.items():
        ids[name] = (await call(client, "remember", content=text))["id"]
    token, listed = await proposals(client)
    assert set(listed) == set(ids.values())
    assert all(one["why"] for one in listed.values())
    actions = [
        {"id": ids["keep"], "action": "KEEP"},
        {"id": ids["delete"], "action": "DELETE", "reason": "old"},
        {"id": ids["compress"], "action": "COMPRESS", "summary": SHORT},
        {
            "id": ids["promote"], "action": "PROMOTE", "fact_key": "user.name",
            "fact_value": "Nadia",
        },
        {"id": "zz-9", "action": "DELETE"},
    ]  # fmt: skip
    tried = await call(client, "apply_review", review_token=token, actions=actions, dry_run=True)
    assert [one["status"] for one in tried["outcomes"]] == ["possible"] * 4 + ["unknown"]
    status = await call(client, "memory_status")
    assert (status["items"]["active"], status["facts"]) == (4, 0)  # a dry run changes nothing
    done = await call(client, "apply_review", review_token=token, actions=actions)
    assert [one["status"] for one in done["outcomes"]] == ["applied"] * 4 + ["unknown"]
    status = await call(client, "memory_status")
    assert {state: status["items"][state] for state in ("active", "compressed", "deleted")} == {
        "active": 2, "compressed": 1, "deleted": 1,
    }  # fmt: skip
    (fact,) = (await call(client, "get_facts", history=True))["facts"]
    assert (fact["key"], fact["value"], fact["source"]) == ("user.name", "Nadia", "promoted")
    await call(client, "forget", ids=[ids["delete"], ids["compress"]], mode="restore")
    status = await call(client, "memory_status")
    assert status["items"]["active"] == 4  # all of it can be undone
    await call(client, "forget", ids=ids["promote"], mode="delete")
    assert (await call(client, "get_facts"))["facts"] == []  # a fact goes with its source


async def test_actions_come_as_a_fenced_and_cut_text_too(client: Client) -> None:
    one, two = [(await call(client, "remember", content=LONG + end))["id"] for end in "AB"]
    token, _ = await proposals(client)
    text = (
        "Here is my decision:\n```json\n"
        f'{{"actions": [{{"id": "{one}", "action": "delete"}}, {{"id": "{two}", "action": "KE'
    )
    done = await call(client, "apply_review", review_token=token, actions=text)
    assert [(each["id"], each["status"]) for each in done["outcomes"]] == [(one, "applied")]
    said = await told(client, "apply_review", review_token=token, actions="nothing to do")
    assert "No action could be read" in said


async def test_what_is_wrong_with_an_action_is_told_and_the_others_are_done(
    client: Client,
) -> None:
    plain = (await call(client, "remember", content=LONG))["id"]
    web = (await call(client, "remember", content=LONG + "Web.", source="web"))["id"]
    changed = (await call(client, "remember", content=LONG + "Before."))["id"]
    token, _ = await proposals(client)
    later = (await call(client, "remember", content=LONG + "Later."))["id"]
    await call(client, "remember", content=LONG + "After.", id=changed)
    said = await told(
        client, "apply_review", review_token=token,
        actions=[
            {"id": plain, "action": "COMPRESS", "summary": LONG + LONG},
            {"id": plain, "action": "COMPRESS", "summary": SHORT},
            {"id": plain, "action": "KEEP"},
            {"id": web, "action": "PROMOTE", "fact_key": "k", "fact_value": 1},
            {"id": changed, "action": "DELETE"},
            {"id": later, "action": "DELETE"},
            {"id": web, "action": "VANISH"},
        ],
    )  # fmt: skip
    for why in (
        "pass a shorter one", "applied", "named twice", "it is untrusted", "text was changed",
        "not part of this review", "expected one of KEEP",
    ):  # fmt: skip
        assert why in said, said
    assert said.startswith("1 of 7 done")


async def test_an_unknown_token_changes_nothing(client: Client) -> None:
    id = (await call(client, "remember", content=LONG))["id"]
    said = await refusal(
        client, "apply_review", review_token="12345678",
        actions=[{"id": id, "action": "DELETE"}],
    )  # fmt: skip
    assert said.startswith("conflict:")
    assert "call review_memory again" in said


async def test_a_memory_is_promoted_to_another_scope_under_its_id_and_twice_is_no_harm(
    client: Client,
) -> None:
    id = (await call(client, "remember", content=LONG, scope="session:s"))["id"]
    token, _ = await proposals(client, scope="session:s")
    actions = [{"id": id, "action": "PROMOTE", "scope": "user:ann"}]
    done = await call(
        client, "apply_review", review_token=token, actions=actions, scope="session:s"
    )
    assert [one["status"] for one in done["outcomes"]] == ["applied"]
    (hit,) = (await call(client, "recall", ids=[id], format="detailed"))["hits"]
    assert (hit["scope"], hit["text"]) == ("user:ann", LONG)
    again = await call(
        client, "apply_review", review_token=token, actions=actions, scope="session:s"
    )
    assert again["outcomes"][0]["status"] == "unknown"  # it is not here any more
    found = await call(client, "recall", query="tide model", scope="user:ann")
    assert [hit["id"] for hit in found["hits"]] == [id]


async def test_each_focus_proposes_what_it_is_for(client: Client) -> None:
    one = (await call(client, "remember", content="Ann likes the big red bicycle"))["id"]
    two = (await call(client, "remember", content="the big red bicycle Ann likes"))["id"]
    old = (await call(client, "remember", content="Ben works at Acme in Ghent", when="2024-01-01"))[
        "id"
    ]
    new = (
        await call(
            client, "remember", content="Ben now works at Globex in Ghent", when="2025-01-01"
        )
    )["id"]
    fact = (await call(client, "remember", content="My name is Nadia.", source="user"))["id"]
    _, found = await proposals(client, focus="duplicates")
    assert len(found) == 1
    assert set(found) < {one, two}
    _, found = await proposals(client, focus="superseded")
    assert found[old]["other"] == new
    _, found = await proposals(client, focus="facts")
    assert (found[fact]["fact_key"], found[fact]["fact_value"]) == ("user.name", "Nadia")
    await call(client, "set_fact", key="user.city", value="Ghent")
    turn = await call(client, "log_turn", user="I live in Porto now.", assistant="Noted.")
    moved = turn["ids"][0]
    _, found = await proposals(client, focus="facts")
    assert (found[moved]["fact_key"], found[moved]["fact_value"]) == ("user.city", "Porto")
    assert (await proposals(client, focus="stale"))[1] == {}


async def test_a_review_keeps_a_budget_and_says_what_it_left_out(client: Client) -> None:
    for n in range(60):
        await call(client, "remember", content=LONG + f"Number {n}.")
    said = await told(client, "review_memory", limit=50)
    assert estimate(said) <= 1500
    review = await call(client, "review_memory", limit=50)
    assert review["left_out"] == 60 - len(review["proposals"])
