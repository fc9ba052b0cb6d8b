"""`routemem index`, through the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from routemem.server.cli import main

#: Runs a command in this process and returns what it said.
Say: TypeAlias = Callable[..., str]

MANY = "\n".join(f"Parcel {number} stands in aisle {number % 97}." for number in range(400))


@pytest.fixture
def _few_are_enough(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From five vectors on they are packed, of which a document of 400 lines has twenty."""
    few = {"FLAT_UNTIL": "5", "CHUNK_PIECES": "20", "CHUNK_OVERLAP": "0"}
    for name, value in few.items():
        monkeypatch.setenv(f"ROUTEMEM_{name}", value)


@pytest.mark.usefixtures("_few_are_enough")
def test_an_index_is_reported_built_and_used(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "build"]) == 1
    assert capsys.readouterr() == ("No vectors yet.\n", "")
    say("remember", "--kind", "doc", MANY)
    before = json.loads(say("index", "report", "--json"))
    assert (before["mode"], before["generation"]) == ("exact", None)
    assert "mode: routed" in say("index", "build")
    assert "Parcel 123" in say("recall", "parcel 123", "--top-k", "1")


@pytest.mark.usefixtures("_few_are_enough")
def test_a_packed_index_is_adapted_and_split_through_the_command_line(
    say: Say, refused: Say
) -> None:
    def index(*arguments: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(say("index", *arguments, "--json"))
        return told

    say("remember", "--kind", "doc", MANY)
    assert "conflict" in refused("index", "adapt")
    before = index("build")["buckets"]
    widest = index("report", "--buckets", "1")["widest"][0]["bucket"]
    assert index("split", "--bucket", str(widest), "--dry-run")["splits"] == [widest]
    assert index("report")["buckets"] == before
    split = index("split", "--bucket", str(widest))
    assert (split["status"], split["splits"], split["buckets"]) == ("built", 1, before + 1)
    assert index("adapt")["status"] == "nothing"
    assert "due" in index("report")
    told = say("index", "report").splitlines()
    assert not [line for line in told if line.endswith((": ", ": None"))]
    adapted = index("adapt", "--force")
    assert adapted["buckets"] == split["buckets"] + adapted["splits"] - adapted["prunes"]
    assert "invalid_argument: --bucket N" in refused("index", "split")
    assert "Parcel 123" in say("recall", "parcel 123", "--top-k", "1")


def test_a_read_only_index_is_not_built(refused: Say) -> None:
    assert "not_allowed" in refused("index", "build", "--read-only")
