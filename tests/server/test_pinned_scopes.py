"""A server that is pinned to a scope cannot be led into another one, by whatever it offers.

What it offers is asked of the server itself, so that a tool, resource, prompt or route that comes
later is tried as well.
"""

import io
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from http_server import local_server, new_token
from mcp import Client, MCPError
from mcp.types import PromptReference, ResourceTemplateReference

from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage.registry import file_name
from routemem.server.app import build_server

OURS, THEIRS = "user:ann", "user:b\u00f3b"
#: Stands in everything that belongs to the other scope, and nowhere else.
MARK = "grumblefitz"
#: What might be taken for the other scope, for both, for every scope or for a file.
LOOKALIKES = (
    "user:bo\u0301b", "USER:B\u00d3B", "user:B\u00d3B", f" {THEIRS} ", f"\ufeff{THEIRS}",
    f"{THEIRS}\u200b", f"{THEIRS}\x00", f"{THEIRS}/", "user:b\u043eb", "\uff55ser:b\u00f3b",
    "user:ann/../b\u00f3b", "user:../b\u00f3b", f"{OURS}\n{THEIRS}", f"{OURS}{THEIRS}",
    f"user:{THEIRS}", "b\u00f3b", "user:", "user:*", "*", "user:ann*", "user:ann-2", "user:con",
    "user:b%C3%B3b", quote(THEIRS), file_name(THEIRS), "session:ann", "global",
    "user:" + "x" * 9000,
)  # fmt: skip


@dataclass(frozen=True)
class Prey:
    """What lies in the other scope, and what it can be named by."""

    names: tuple[str, ...]
    bundle: bytes

    def untouched(self, settings: Settings) -> None:
        """It is as it was, nobody has read it, and no other scope was made."""
        with Scopes(settings) as scopes:
            assert scopes.names() == [OURS, THEIRS]
            assert bundle_of(scopes) == self.bundle
            assert len(scopes.open(THEIRS).vault.all()) == 1  # still held


def bundle_of(scopes: Scopes) -> bytes:
    file = io.BytesIO()
    scopes.open(THEIRS).transfer.export(file)
    return file.getvalue()


@pytest.fixture
def prey(settings: Settings, data_dir: Path) -> Prey:
    with Scopes(settings) as scopes:
        scopes.open(OURS).remember("mine", key="mine")
        memory = scopes.open(THEIRS)
        item = memory.remember(f"a {MARK} in the attic", key="attic", tags=[MARK]).id
        gone = memory.remember(f"a deleted {MARK}").id
        scopes.forget([gone], mode="delete")
        memory.set_fact("user.secret", MARK)
        task = memory.boards.tasks.create(f"dig for the {MARK}").id
        asked = memory.boards.questions.ask(f"is it a {MARK}?").id
        held = memory.quarantine([], content=f"held {MARK}", reason="asked to")[0].id
        export, _ = scopes.carrying.export(THEIRS)
        names = (
            THEIRS, item, gone, task, asked, held, "attic", "user.secret", export.name,
            "user:*", f"{OURS},{THEIRS}", f"{OURS}/../{THEIRS}", "global",
        )  # fmt: skip
        export.rename(data_dir / export.name)  # out of reach of an import, as its owner keeps it
        return Prey(names, bundle_of(scopes))


@pytest.fixture
async def client(settings: Settings, prey: Prey) -> AsyncIterator[Client]:
    pinned = replace(settings, scope=OURS, allow_scope=(OURS,), toolsets=("all",))
    async with Client(build_server(pinned)) as client:
        yield client


def calls(schema: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Arguments that name the other scope, or something in it, in every place for a text."""
    fields = schema.get("properties", {})
    everywhere = {field: _value(of, name) for field, of in fields.items()}
    given = {field: value for field, value in everywhere.items() if value is not None}
    yield given
    if "scope" in given:
        yield given | {"scope": ""}
        needed = [field for field in schema.get("required", ()) if field in given]
        yield {field: given[field] for field in needed} | {"scope": name}


def _value(field: dict[str, Any], name: str) -> Any:
    options = [field, *field.get("anyOf", ())]
    kinds = {option.get("type") for option in options}
    enum = next((option["enum"] for option in options if "enum" in option), None)
    if enum:
        return enum[0]
    if "array" in kinds:
        items: dict[str, Any] = next((o["items"] for o in options if "items" in o), {})
        return [{"id": name, "action": "DELETE"}] if items.get("type") == "object" else [name]
    return name if "string" in kinds else None


@pytest.mark.anyio
async def test_no_tool_reaches_another_scope(
    client: Client, prey: Prey, settings: Settings
) -> None:
    tools = (await client.list_tools()).tools
    assert len(tools) >= 32
    told = []
    for tool, name in itertools.product(tools, prey.names):
        for arguments in calls(tool.input_schema, name):
            result = await client.call_tool(tool.name, arguments)
            said = f"{result.content} {json.dumps(result.structured_content)}"
            if MARK in said:
                told.append((tool.name, arguments, said[:300]))
    assert told == []
    prey.untouched(settings)


@pytest.mark.anyio
async def test_no_name_that_may_be_taken_for_another_scope_leads_there(
    client: Client, prey: Prey, settings: Settings
) -> None:
    tools = [
        t for t in (await client.list_tools()).tools if "scope" in t.input_schema["properties"]
    ]
    assert len(tools) >= 30
    for tool, name in itertools.product(tools, LOOKALIKES):
        needed = tool.input_schema.get("required", ())
        fields = {field: tool.input_schema["properties"][field] for field in needed}
        given = {field: _value(of, "attic") for field, of in fields.items()}
        result = await client.call_tool(tool.name, given | {"scope": name})
        said = f"{result.content} {json.dumps(result.structured_content)}"
        assert result.is_error, (tool.name, name, said[:300])
        assert MARK not in said, (tool.name, name)
    templates = (await client.list_resource_templates()).resource_templates
    for template, name in itertools.product(templates, LOOKALIKES):
        uri = template.uri_template.split("{?")[0].replace("{scope}", quote(name, safe=""))
        uri = uri.replace("{id}", quote("attic")).replace("{key}", "user.secret")
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
        assert MARK not in str(refused.value), uri
    prey.untouched(settings)


@pytest.mark.anyio
async def test_no_resource_and_no_prompt_reaches_another_scope(
    client: Client, prey: Prey, settings: Settings
) -> None:
    templates = (await client.list_resource_templates()).resource_templates
    fixed = [str(resource.uri) for resource in (await client.list_resources()).resources]
    uris = [*fixed]
    for template, name in itertools.product(templates, prey.names):
        uri = template.uri_template.split("{?")[0].replace("{scope}", quote(THEIRS, safe=""))
        while "{" in uri:
            before, _, rest = uri.partition("{")
            uri = before + quote(name, safe="") + rest.partition("}")[2]
        uris += [uri, uri.replace(quote(THEIRS, safe=""), quote(OURS, safe=""))]
    assert len(uris) > 20
    for uri in dict.fromkeys(uris):
        try:
            said = str((await client.read_resource(uri)).contents)
        except MCPError as error:
            said = str(error)
        assert MARK not in said, uri
    prompts = (await client.list_prompts()).prompts
    assert len(prompts) >= 9
    for prompt, name in itertools.product(prompts, prey.names):
        given = {argument.name: name for argument in prompt.arguments or ()}
        try:
            said = str((await client.get_prompt(prompt.name, given)).messages)
        except MCPError as error:
            said = str(error)
        assert MARK not in said, (prompt.name, name)
    prey.untouched(settings)


@pytest.mark.anyio
async def test_no_completion_tells_of_another_scope(client: Client, prey: Prey) -> None:
    templates = (await client.list_resource_templates()).resource_templates
    prompts = (await client.list_prompts()).prompts
    places: list[tuple[Any, str]] = [
        (PromptReference(name=prompt.name), argument.name)
        for prompt in prompts
        for argument in prompt.arguments or ()
    ]
    for template in templates:
        reference = ResourceTemplateReference(uri=template.uri_template)
        names = [part.partition("}")[0] for part in template.uri_template.split("{")[1:]]
        places += [(reference, name.strip("?")) for name in names]
    hidden = set(prey.names[:8])
    for (reference, argument), start in itertools.product(places, ("", "u", "user:", "a", "b-")):
        for context in ({}, {"scope": THEIRS}):
            found = await client.complete(
                reference, {"name": argument, "value": start}, context_arguments=context
            )
            assert not hidden & set(found.completion.values), (reference, argument, start)


@pytest.mark.slow
def test_no_route_reaches_another_scope(tmp_path: Path, prey: Prey, settings: Settings) -> None:
    headers = {"authorization": f"Bearer {new_token(tmp_path, 'pinned', OURS)}"}
    more = {"ROUTEMEM_HTTP_RATE": "10000", "ROUTEMEM_HTTP_BURST": "10000"}
    more["ROUTEMEM_KEY_DIR"] = settings.key_dir
    with (
        local_server(tmp_path, "--toolsets", "all", **more) as server,
        httpx2.Client(base_url=server.url, headers=headers, timeout=30, verify=False) as http,
    ):
        paths = http.get("/openapi.json").json()["paths"]
        assert len(paths) >= 16
        for path, methods in paths.items():
            for (method, said), name in itertools.product(methods.items(), prey.names):
                for given in _requests(said, name):
                    answer = http.request(method.upper(), path, **given)
                    assert MARK not in answer.text, (method, path, given)
        for name in LOOKALIKES:
            for path in ("facts", "state/export", "tokens", "items/attic"):
                answer = http.get(f"/memory-manager/{path}", params={"scope": name})
                assert (answer.status_code in (400, 403, 404)) & (MARK not in answer.text), name
    prey.untouched(settings)


def _requests(said: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """A request for each way to put a name into a route's parameters or body."""
    asked = {each["name"]: name for each in said.get("parameters", ()) if each["in"] == "query"}
    if asked:
        yield {"params": asked}
        yield {"params": asked | {"scope": ""}}
    content = said.get("requestBody", {}).get("content", {})
    for body in content.values():
        for arguments in calls(body["schema"], name):
            yield {"json": arguments}
    if not asked and not content:
        yield {"params": {"scope": name}}
