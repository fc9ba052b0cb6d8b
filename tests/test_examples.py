"""Every example runs, and the configuration files are what `routemem install` would write."""

import json
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT
from command import environment

from routemem.server.install import CLIENTS, snippet

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
ENTRIES = sorted((ROOT / "examples" / "clients").iterdir())
#: Example -> what it needs beyond the default install.
NEEDS = {"train_lora.py": "peft"}
COMMAND = "/absolute/path/to/routemem"


def parsed(text: str, ending: str) -> dict[str, Any]:
    return tomllib.loads(text) if ending == ".toml" else json.loads(text)


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {
        "quickstart", "agent_loop", "conversation", "routing_index",
    }  # fmt: skip


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_says_something_and_leaves_nothing(path: Path, tmp_path: Path) -> None:
    if find_spec(NEEDS.get(path.name, "json")) is None:
        pytest.skip("its extra is not installed; test_training.py runs it where it is")
    (tmp_path / "tmp").mkdir()
    env = environment(tmp_path, ROUTEMEM_EMBEDDER="bundled", TMPDIR=str(tmp_path / "tmp"))
    done = subprocess.run(
        [sys.executable, "-W", "error", path],
        capture_output=True,
        encoding="utf-8",
        env=env,
        cwd=tmp_path,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert [file.name for file in tmp_path.rglob("*")] == ["tmp"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_asserts_what_it_shows(path: Path) -> None:
    assert "    assert " in path.read_text("utf-8")


def test_every_client_has_its_file() -> None:
    assert {path.stem for path in ENTRIES} == set(CLIENTS)


@pytest.mark.parametrize("path", ENTRIES, ids=lambda path: path.name)
def test_a_clients_file_is_what_install_shows(path: Path) -> None:
    shown = snippet(path.stem, environ={}, platform="linux", command=[COMMAND])
    assert parsed(path.read_text("utf-8"), path.suffix) == parsed(shown, path.suffix)
