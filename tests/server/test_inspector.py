"""The MCP Inspector, a client nobody here wrote, lists and calls the tools in both eras."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command import PROGRAM, environment, own_settings

from routemem.server.prompting import NEEDS

VERSION = "2.12.0"
TOOL_FAILED = 5

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("era", ["legacy", "modern"]),
]


@pytest.fixture(scope="module")
def inspector() -> str:
    """The Inspector's program; installed once and kept between runs."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("needs node and npm")
    folder = Path(tempfile.gettempdir()) / f"routemem-inspector-{VERSION}"
    program = folder / "node_modules" / ".bin" / "mcp-inspector"
    if not program.exists():
        folder.mkdir(exist_ok=True)
        package = f"@modelcontextprotocol/inspector@{VERSION}"
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(
            [npm, "install", *quiet, "--prefix", str(folder), package],
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        if done.returncode:
            pytest.skip(f"the Inspector cannot be installed: {done.stderr[-300:]}")
    return str(program)


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
