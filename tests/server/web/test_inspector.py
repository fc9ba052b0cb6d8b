"""The MCP Inspector, a client nobody here wrote, lists and calls the tools in both eras."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from command import PROGRAM, environment, own_settings
from http_server import Asking, local_server, new_token
from node import npm_package

from routemem.server.app import TOOLSETS
from routemem.server.prompting import NEEDS

VERSION = "2.12.0"
TOOL_FAILED = 5

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("era", ["legacy", "modern"]),
]


@pytest.fixture(scope="module")
def inspector() -> str:
    """The Inspector's program."""
    package = npm_package("@modelcontextprotocol/inspector", VERSION)
    return str(package.parents[1] / ".bin" / "mcp-inspector")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Asking, str]]:
    """The server over HTTP, and a token for it."""
    folder = tmp_path_factory.mktemp("inspected")
    token = new_token(folder, "inspector", "user:inspector")
    with local_server(folder, "--toolsets", "all") as server:
        yield server, token


class Inspector:
    """Asks the server on a folder, a process each time, as the Inspector's command line does."""

    def __init__(self, program: str, folder: Path, era: str) -> None:
        # It hands on no variable by itself.
        given = [f"{name}={value}" for name, value in own_settings(folder).items()]
        flags = [word for variable in given for word in ("-e", variable)]
        self._command = [program, "--cli", *flags, *PROGRAM, "serve"]
        self._era = ["--protocol-era", era, "--format", "json"]
        self._folder = folder
        (folder / "home").mkdir()  # it writes its own settings there

    def ask(self, method: str, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, "--method", method, *more, *self._era],
            capture_output=True,
            encoding="utf-8",
            env=environment(self._folder, HOME=str(self._folder / "home")),
            timeout=60,
        )

    def call(self, tool: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        given = [word for argument in arguments for word in ("--tool-arg", argument)]
        return self.ask("tools/call", "--tool-name", tool, *given)


@pytest.fixture
def ask(inspector: str, tmp_path: Path, era: str) -> Inspector:
    return Inspector(inspector, tmp_path, era)


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)["result"]
    return result


def test_every_schema_is_portable(ask: Inspector) -> None:
    done = ask.ask("tools/list", "--strict")
    names = [tool["name"] for tool in result_of(done)["tools"]]
    assert names[:2] == ["remember", "recall"]
    assert "Issue:" not in done.stderr, done.stderr


@pytest.mark.parametrize("way", ["mcp", "sse"])
def test_every_schema_is_portable_over_http(
    inspector: str, house: tuple[Asking, str], tmp_path: Path, way: str, era: str
) -> None:
    server, token = house
    (tmp_path / "home").mkdir()
    transport = "http" if way == "mcp" else "sse"
    done = subprocess.run(
        [
            *(inspector, "--cli", f"{server.url}/{way}", "--transport", transport),
            *("--header", f"Authorization: Bearer {token}", "--method", "tools/list", "--strict"),
            *("--protocol-era", era, "--format", "json"),
        ],
        capture_output=True,
        encoding="utf-8",
        env=environment(tmp_path, HOME=str(tmp_path / "home")),
        timeout=60,
    )
    names = [tool["name"] for tool in result_of(done)["tools"]]
    assert len(names) == sum(map(len, TOOLSETS.values()))
    assert "Issue:" not in done.stderr, done.stderr


def test_a_memory_is_stored_and_recalled(ask: Inspector) -> None:
    content = "content=The deploy key lies in the blue folder."
    stored = result_of(ask.call("remember", [content, 'tags=["keys"]']))["structuredContent"]
    found = result_of(ask.call("recall", ["query=blue folder", "top_k=3"]))
    assert [hit["id"] for hit in found["structuredContent"]["hits"]] == [stored["id"]]
    assert "blue folder" in found["content"][0]["text"]


def test_a_refused_call_is_an_error_of_the_tool(ask: Inspector) -> None:
    done = ask.call("recall", ["qeury=x"])
    assert done.returncode == TOOL_FAILED
    assert "did you mean 'query'" in done.stdout


def test_prompts_and_resources_are_listed(ask: Inspector) -> None:
    prompts = result_of(ask.ask("prompts/list"))["prompts"]
    assert {prompt["name"] for prompt in prompts} == set(NEEDS)
    templates = result_of(ask.ask("resources/templates/list"))["resourceTemplates"]
    assert "memory://{scope}/items/{id}" in {each["uriTemplate"] for each in templates}
