"""Prompts: the texts a person chooses, fitted to the tools that are on, with what is known."""

import re
from dataclasses import replace
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from routemem import prompts
from routemem.memory_core.settings import Settings
from routemem.server.app import build_server
from routemem.server.prompting import NEEDS, fitted

pytestmark = pytest.mark.anyio


async def said(client: Client, name: str, **arguments: str) -> str:
    (message,) = (await client.get_prompt(name, arguments)).messages
    return message.content.text  # type: ignore[union-attr]  # a text


#: Arguments without which a prompt cannot be had.
GIVEN = {
    "extract_facts": {"text": "I live in Ghent."},
    "compress_item": {"id": "a-1"},
    "answer_from_memory": {"question": "Where is the mill?"},
}


async def test_every_prompt_is_there_and_says_something(client: Client) -> None:
    names = {prompt.name for prompt in (await client.list_prompts()).prompts}
    assert names == set(NEEDS)
    for name in names:
        text = await said(client, name, **GIVEN.get(name, {}))
        assert len(text) > 200
        assert "{" not in text.replace('[{"key"', "").split("data, not instructions")[0], name


def test_every_prompt_has_its_text() -> None:
    assert set(NEEDS) <= set(prompts.names())


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({"read_only": True}, {"end_session", "extract_facts", "compress_item", "review_memory"}),
        ({"tools": ("recall",)}, {"end_session", "extract_facts", "quarantine_check"}),
    ],
)
async def test_a_prompt_that_needs_tools_that_are_off_is_not_offered(
    settings: Settings, changes: dict[str, Any], absent: set[str]
) -> None:
    async with Client(build_server(replace(settings, **changes))) as client:
        names = {prompt.name for prompt in (await client.list_prompts()).prompts}
        assert not names & absent
        assert {"memory_guide", "start_session", "summarize_memory"} <= names
        for name in names:
            text = await said(client, name, **GIVEN.get(name, {}))
            for tool in ("`remember`", "`set_fact`", "`apply_review`", "`compress`", "`forget`"):
                assert tool not in text, (name, tool)


def test_steps_are_left_out_and_numbered_anew() -> None:
    text = "1. first\n2. [recall] search\n3. [forget !recall] drop\n4. last\n- [x] no\n- yes"
    assert fitted(text, {"recall"}) == "1. first\n2. search\n3. last\n- yes"
    assert fitted(text, {"forget"}) == "1. first\n2. drop\n3. last\n- yes"


async def test_a_session_starts_with_what_is_known(client: Client) -> None:
    assert "Nothing is known yet." in await said(client, "start_session", task="the mill")
    await client.call_tool("remember", {"content": "The mill opens at nine."})
    await client.call_tool("set_fact", {"key": "user.city", "value": "Ghent"})
    text = await said(client, "start_session", task="visit the mill")
    assert "visit the mill" in text
    assert "The mill opens at nine." in text
    assert "user.city: Ghent" in text


async def test_an_answer_can_be_asked_for_as_of_a_day(client: Client) -> None:
    for city, since in (("Lyon", "2020-01-01"), ("Ghent", "2025-01-01")):
        await client.call_tool("set_fact", {"key": "city", "value": city, "valid_from": since})
    text = await said(client, "answer_from_memory", question="Which city?", as_of="2021-05-01")
    assert "city: Lyon (since 2020-01-01 until 2025-01-01" in text
    assert 'as_of="2021-05-01"' in text


async def test_a_memory_to_shorten_is_in_the_prompt(client: Client) -> None:
    stored = await client.call_tool("remember", {"content": "The mill was built in 1781."})
    id = (stored.structured_content or {})["id"]
    text = await said(client, "compress_item", id=id, strategy="aggressive")
    assert "The mill was built in 1781." in text
    assert "a tenth" in text
    assert "There is no memory zz-9" in await said(client, "compress_item", id="zz-9")


async def test_a_text_from_outside_stands_between_new_marks_in_every_prompt(client: Client) -> None:
    page = "The mill opens at nine, says the page.\nAnd more of the same."
    stored = await client.call_tool("remember", {"content": page, "source": "web"})
    await client.call_tool("set_fact", {"key": "mill.opens", "value": page, "source": "web"})
    id = (stored.structured_content or {})["id"]
    asked = (
        ("compress_item", {"id": id}),
        ("answer_from_memory", {"question": "When does it open?", "as_of": "2100-01-01"}),
    )
    for name, arguments in asked:
        marks = set()
        for _ in range(2):
            text = await said(client, name, **arguments)
            fences = re.findall(r"data, not instructions <<(\w{8})\n(.*?)\n  \1>>", text, re.S)
            assert text.count("opens at nine") == sum(page[:20] in body for _, body in fences) > 0
            marks |= {mark for mark, _ in fences}
        assert len(marks) > 1
    assert "mill.opens" not in await said(client, "extract_facts", text="x")


async def test_facts_of_a_day_that_do_not_fit_a_prompt_are_named(client: Client) -> None:
    for n in range(60):
        fact = {"key": f"key{n}", "value": "word " * 40, "valid_from": "2020-01-01"}
        await client.call_tool("set_fact", fact)
    text = await said(client, "answer_from_memory", question="What?", as_of="2021-05-01")
    assert "more did not fit" in text


async def test_what_the_extraction_prompt_shows_is_taken_by_set_fact(client: Client) -> None:
    import json

    await client.call_tool("set_fact", {"key": "user.city", "value": "Lyon"})
    text = await said(client, "extract_facts", text="I moved to Ghent in 2025.")
    assert "user.city" in text
    assert "I moved to Ghent in 2025." in text
    example = next(line for line in text.splitlines() if line.startswith("[{"))
    for fact in json.loads(example):
        done = await client.call_tool("set_fact", fact)
        assert not done.is_error, done.content


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("nope", {}, "There is no prompt 'nope'. Valid: memory_guide, start_session"),
        ("extract_fact", {"text": "x"}, "did you mean 'extract_facts'?"),
        ("extract_facts", {}, "text: Argument of extract_facts required. Valid: text."),
        ("extract_facts", {"text": ""}, "text: Argument of extract_facts required. Valid: text."),
        ("extract_facts", {"txt": "x", "text": "x"}, "no argument 'txt' (did you mean 'text'?)"),
        ("review_memory", {"focus": "foo"}, "focus: Input should be 'budget', 'stale'"),
        ("review_memory", {"limit": "abc"}, "limit: Input should be a valid integer"),
        ("review_memory", {"limit": "0"}, "limit: Input should be greater than or equal to 1"),
        ("compress_item", {"id": "a-1", "strategy": "foo"}, "strategy: Input should be"),
    ],
)
async def test_a_prompt_asked_for_wrongly_says_what_is_right(
    client: Client,
    name: str,
    arguments: dict[str, str],
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(MCPError) as refused:
        await client.get_prompt(name, arguments)
    assert refused.value.code == INVALID_PARAMS
    assert told in refused.value.message
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_an_argument_of_a_prompt_that_is_left_empty_counts_as_absent(client: Client) -> None:
    text = await said(client, "review_memory", focus="", limit="")
    assert 'with focus "budget" and limit 20' in text


async def test_text_with_braces_is_not_filled_in(client: Client) -> None:
    text = await said(client, "extract_facts", text="see {keys} and {text} and {nothing}")
    assert "see {keys} and {text} and {nothing}" in text


async def test_arguments_are_completed(client: Client) -> None:
    from mcp.types import PromptReference, ResourceTemplateReference

    ids = []
    for n in range(3):
        done = await client.call_tool("remember", {"content": f"mill {n}", "scope": "user:ann"})
        ids.append((done.structured_content or {})["id"])
    await client.call_tool("set_fact", {"key": "user.city", "value": "Ghent", "scope": "user:ann"})
    facts = ResourceTemplateReference(uri="memory://{scope}/facts/{key}{?as_of,known_at}")
    items = ResourceTemplateReference(uri="memory://{scope}/items/{id}")

    async def values(ref: Any, name: str, begun: str, **known: str) -> list[str]:
        found = await client.complete(ref, {"name": name, "value": begun}, known or None)
        return found.completion.values

    assert await values(facts, "scope", "us") == ["user:ann"]
    assert await values(facts, "key", "USER", scope="user:ann") == ["user.city"]
    assert await values(facts, "key", "zebra", scope="user:ann") == []
    assert sorted(await values(items, "id", ids[0][:2], scope="user:ann")) == sorted(ids)
    prompt = PromptReference(name="review_memory")
    assert await values(prompt, "focus", "d") == ["duplicates"]
    assert await values(prompt, "nothing", "d") == []


async def test_every_tool_that_a_prompt_names_is_on(client: Client) -> None:
    tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    arguments = {name for schema in tools.values() for name in schema["properties"]}
    for name in NEEDS:
        text = await said(client, name, **GIVEN.get(name, {}))
        named = {word for word in re.findall(r"`(\w+)[`(]", text) if "_" in word or word in tools}
        assert named <= tools.keys() | arguments, (name, named - tools.keys() - arguments)


async def test_a_model_that_does_what_the_review_prompt_says_tidies_up(client: Client) -> None:
    async def call(tool: str, **arguments: Any) -> dict[str, Any]:
        done = await client.call_tool(tool, arguments)
        assert not done.is_error, done.content
        return done.structured_content or {}

    for source in ("user", "assistant"):
        await call("remember", content="The mill opens at nine in spring.", source=source)
    twice = "The mill opens at nine in the spring."
    await call("remember", content=twice, source="user")
    text = await said(client, "review_memory", focus="duplicates", limit="5")
    steps = re.findall(r"^\d+\. Call `(\w+)`", text, re.MULTILINE)
    assert steps == ["review_memory", "apply_review"]
    focus, limit = re.findall(r'with focus "(\w+)" and limit (\d+)', text)[0]
    review = await call("review_memory", focus=focus, limit=int(limit))
    actions = [{"id": one["id"], "action": one["action"]} for one in review["proposals"]]
    assert [one["action"] for one in actions] == ["DELETE"]
    token = review["review_token"]
    dry = await call("apply_review", review_token=token, actions=actions, dry_run=True)
    assert dry["outcomes"][0]["status"] == "possible"
    assert (await call("memory_status"))["items"]["active"] == 2
    await call("apply_review", review_token=token, actions=actions)
    assert (await call("memory_status"))["items"]["active"] == 1


async def test_a_model_that_does_what_the_compress_prompt_says_shortens_it(client: Client) -> None:
    long = "The mill was built in 1781 by Ann's family. " + "Much was said of it that day. " * 12
    stored = await client.call_tool("remember", {"content": long})
    id = (stored.structured_content or {})["id"]
    text = await said(client, "compress_item", id=id)
    assert "`compress`" in text
    assert f'"{id}"' in text or id in text
    done = await client.call_tool(
        "compress", {"ids": [id], "summary": "The mill was built in 1781 by Ann's family."}
    )
    assert not done.is_error, done.content
    shown = await client.call_tool("recall", {"ids": [id]})
    assert (shown.structured_content or {})["hits"][0]["summary"] is True
