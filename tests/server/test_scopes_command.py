"""`routemem scopes`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from routemem.memory_core.storage.registry import file_name
from routemem.server.cli import main

#: Runs a command in this process and returns what it said.
Say: TypeAlias = Callable[..., str]


def test_scopes_are_listed_with_what_they_hold(say: Say) -> None:
    assert say("scopes") == "No scopes yet.\n"
    assert json.loads(say("scopes", "--json")) == []
    for text in ("one", "two", "three"):
        say("remember", text)
    say("forget", "a-2", "--mode", "delete")
    say("forget", "a-3")
    say("facts", "k=1", "--scope", "user:ann")
    rows = json.loads(say("scopes", "--json"))
    assert [(row["scope"], row["items"], row["facts"]) for row in rows] == [
        ("global", 2, 0),
        ("user:ann", 0, 1),
    ]
    assert all(row["bytes"] > 0 for row in rows)
    lines = say("scopes").splitlines()
    assert lines[0].split() == ["scope", "items", "facts", "bytes"]
    assert lines[1].split() == ["global", "2", "0", f"{rows[0]['bytes']:,}"]
    assert len({len(line) for line in lines}) == 1
    assert "user:ann" not in say("scopes", "--allow-scope", "project:*")


def test_a_scope_that_cannot_be_opened_does_not_hide_the_others(
    say: Say, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say("remember", "one")
    say("remember", "two", "--scope", "user:ann")
    (own_folder / "data" / file_name("global")).write_bytes(b"no database" * 1000)
    assert main(["scopes"]) == 1
    told = capsys.readouterr()
    assert "user:ann      1" in told.out
    assert "damaged_file: global:" in told.err
