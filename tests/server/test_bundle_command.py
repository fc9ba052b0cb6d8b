"""`routemem export`, `import` and `clear`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

#: Runs a command in this process and returns what it said.
Say: TypeAlias = Callable[..., str]


def test_an_export_goes_into_another_folder_and_exports_the_same(
    say: Say, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("remember", "a harbour", "--tag", "x")
    say("facts", "city=Ghent")
    first, second = own_folder / "first.jsonl", own_folder / "second.jsonl"
    assert "1 item, 1 fact" in say("export", str(first))
    monkeypatch.setenv("ROUTEMEM_DATA_DIR", str(own_folder / "other"))
    assert "1 item added, 1 fact added" in say("import", str(first))
    say("export", str(second))
    assert second.read_bytes() == first.read_bytes()
    assert "[a-1]" in say("recall", "harbour")


def test_ids_stay_when_the_tag_is_free(
    say: Say, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for scope in ("global", "user:a", "user:b"):
        say("remember", f"of {scope}", "--scope", scope)
    file = own_folder / "b.jsonl"
    say("export", str(file), "--scope", "user:b")
    monkeypatch.setenv("ROUTEMEM_DATA_DIR", str(own_folder / "other"))
    say("import", str(file), "--scope", "user:new")
    assert "[c-1]" in say("recall", "of user", "--scope", "user:new")
    say("remember", "first", "--scope", "global")
    assert "[c-1]" in say("recall", "--id", "c-1")


def test_an_export_overwrites_nothing(say: Say, refused: Say, own_folder: Path) -> None:
    say("remember", "a harbour")
    file = own_folder / "kept.jsonl"
    file.write_text("mine")
    assert "there already" in refused("export", str(file))
    assert file.read_text() == "mine"
    assert "no bundle" in refused("import", str(file))


def test_clearing_takes_two_steps_and_can_be_undone(say: Say, refused: Say) -> None:
    say("remember", "a harbour")
    word = json.loads(say("clear", "--json"))["confirm"]
    assert "a-1" in say("recall", "harbour")
    assert "does not confirm" in refused("clear", "--confirm", "yes")
    emptied = say("clear", "--confirm", word)
    assert "is empty" in emptied
    assert "No memories" in say("recall", "harbour")
    undo = emptied.split("`")[1].split()[1:]  # word for word what the reply named
    assert undo == ["clear", "--scope", "global", "--undo"]
    assert say(*undo) == "Brought back global: 1 item added.\n"
    assert "[a-1]" in say("recall", "harbour")
