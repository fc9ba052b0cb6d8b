"""log_turn and get_context as a client sees them, in both protocol eras."""

import json
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent

from routemem.memory_core.settings import Settings
from routemem.server.app import build_server

pytestmark = pytest.mark.anyio


async def both(client: Client, tool: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """The two forms of an answer."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert isinstance(result.structured_content, dict)
    return content.text, result.structured_content


async def test_an_exchange_is_logged_and_recalled(client: Client) -> None:
    told, done = await both(
        client, "log_turn", user="The tide model runs at dawn.", assistant="Ok."
    )
    assert len(done["ids"]) == 2
    assert all(id in told for id in done["ids"])
    _, found = await both(client, "recall", query="tide model at dawn")
    assert found["hits"][0]["id"] == done["ids"][0]
    assert found["hits"][0]["speaker"] == "user"


async def test_a_turn_is_not_recalled_for_itself_and_the_prompt_holds_the_texts(
    client: Client,
) -> None:
    _, stored = await both(client, "remember", content="The tide model needs nine hours.")
    told, done = await both(client, "log_turn", user="How long is the tide model?", recall_top_k=5)
    assert done["recalled"] == [stored["id"]]
    for form in (told, done["augmented_prompt"]):
        assert "The tide model needs nine hours." in form
        assert form.endswith("How long is the tide model?")


async def test_candidates_are_arguments_of_set_fact_and_nothing_is_written(client: Client) -> None:
    told, done = await both(client, "log_turn", user="I live in Ghent. My dog's name is Rex.")
    assert "none recorded" in told
    assert (await both(client, "get_facts"))[1]["facts"] == []
    for candidate in done["candidates"]:
        await both(client, "set_fact", **candidate)
    _, facts = await both(client, "get_facts")
    assert {f["key"]: f["value"] for f in facts["facts"]} == {
        "user.city": "Ghent",
        "user.dog.name": "Rex",
    }


async def test_both_forms_of_a_logged_turn_stay_small(client: Client) -> None:
    from routemem.memory_core.text.tokens import estimate

    for n in range(8):
        await both(client, "remember", content=f"zebra {n} " + "waits by the river. " * 200)
    told, done = await both(client, "log_turn", user="zebra river " * 3000, recall_top_k=8)
    assert estimate(told) <= 1700
    assert estimate(json.dumps(done, ensure_ascii=False)) <= 1700


async def test_a_read_only_server_logs_nothing(settings: Settings) -> None:
    from dataclasses import replace

    async with Client(build_server(replace(settings, read_only=True))) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert "log_turn" not in names


async def test_a_context_has_facts_pinned_recent_relevant_and_hints(client: Client) -> None:
    await both(client, "set_fact", key="user.city", value="Ghent")
    await both(client, "remember", content="Answer in short sentences.", pinned=True)
    await both(client, "log_turn", user="The mill was loud today.", assistant="Sorry to hear.")
    for n in range(30):
        await both(client, "remember", content=f"The mill {n} has {n} wheels. " + "It turns. " * 20)
    told, out = await both(
        client, "get_context", query="How many wheels has the mill?", max_tokens=700
    )
    assert told == out["context"]
    assert list(out["parts"]) == ["facts", "pinned", "recent", "relevant", "hints"]
    for text in ("user.city: Ghent", "Answer in short sentences.", "The mill was loud", "wheels"):
        assert text in told
    assert out["omitted"] > 0


@pytest.mark.parametrize("max_tokens", [100, 130, 250, 700, 3000])
async def test_both_forms_of_a_context_keep_the_budget(client: Client, max_tokens: int) -> None:
    from routemem.memory_core.text.tokens import estimate

    texts = ["short", 'with "quotes" and\nnew lines\n' * 20, "word " * 900, "日本語のテキスト" * 60]
    for number, text in enumerate(texts * 2):
        await both(client, "remember", content=f"{number} {text}", pinned=number % 3 == 0)
        await both(client, "set_fact", key=f"user.k{number}", value={"q": text[:300]})
        await both(client, "log_turn", user=f"{number} {text}")
    arguments = {"query": "word quotes", "max_tokens": max_tokens, "model": "no-such-model"}
    told, out = await both(client, "get_context", **arguments)
    assert estimate(told) <= max_tokens
    assert estimate(json.dumps(out, ensure_ascii=False, separators=(",", ":"))) <= max_tokens
    assert "no-such-model" in told
    assert sum(out["parts"].values()) <= max_tokens


async def test_a_context_never_exceeds_the_safe_part_of_a_small_model(client: Client) -> None:
    for n in range(60):
        await both(client, "remember", content=f"mill {n} " + "turns by the river " * 100)
    _, out = await both(client, "get_context", query="mill", max_tokens=1_000_000, model="gpt-4")
    assert 3000 < out["tokens"] <= out["budget"] == int(0.85 * 8192)


async def test_a_context_of_nothing_says_so(client: Client) -> None:
    told, out = await both(client, "get_context", query="anything")
    assert told == "Nothing is known yet."
    assert (out["context"], out["tokens"]) == ("", 0)


async def test_a_context_in_which_nothing_fits_says_how_much_there_is(client: Client) -> None:
    for n in range(5):
        await both(client, "remember", content=f"Bike {n} is red and stands behind the bakery.")
    for max_tokens in (100, 110):
        told, out = await both(
            client, "get_context", query="bike", include=["relevant"], max_tokens=max_tokens
        )
        assert (out["context"], out["omitted"]) == ("", 5)
        assert told == "5 left out: raise max_tokens, or call recall or get_facts."
        assert out["note"] == told


async def test_parts_may_be_named_in_any_form(client: Client) -> None:
    await both(client, "set_fact", key="user.city", value="Ghent")
    await both(client, "remember", content="The mill is loud.")
    for include in ("FACTS", ["facts"], '["facts"]', "facts, hints"):
        _, out = await both(client, "get_context", query="mill", include=include)
        assert set(out["parts"]) == {"facts"}


async def test_writes_and_status_say_how_full_the_context_would_be(settings: Settings) -> None:
    from dataclasses import replace

    small = replace(settings, model="gpt-4", hygiene_writes=0)
    async with Client(build_server(small)) as client:
        told, out = await both(client, "remember", content="A small thing.")
        assert out["budget_percent"] == 1
        assert "budget" not in told
        told, out = await both(client, "remember", content="mill " * 6300)
        percent = out["budget_percent"]
        assert percent >= 75
        names = {tool.name for tool in (await client.list_tools()).tools}
        tool = "review_memory" if "review_memory" in names else "compress"
        said = f"{percent} % of budget: call {tool}."
        assert told.endswith(said)
        assert out["note"].endswith(said)
        told, out = await both(client, "memory_status")
        assert said in told
        assert out["budget"]["percent"] == percent
        assert out["budget"]["context"] == 8192
        assert said in (await both(client, "set_fact", key="k", value="v"))[0].replace(
            f"{percent + 1} %", f"{percent} %"
        )
        assert "% of budget" in (await both(client, "log_turn", user="hello"))[0]
    bare = replace(small, tools=("memory_status",))
    async with Client(build_server(bare)) as client:
        assert "routemem hygiene" in (await both(client, "memory_status"))[0]
