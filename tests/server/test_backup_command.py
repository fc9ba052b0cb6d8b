"""`routemem backup` and `routemem restore`, from the shell, also over a damaged file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Say = Callable[..., str]


def test_a_scope_is_backed_up_listed_and_restored(
    say: Say, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTEMEM_NOW", "2026-03-01")
    say("remember", "the first thing")
    (made,) = json.loads(say("backup", "--json"))
    assert made["at"].startswith("2026-03-01")
    say("remember", "the second thing")
    assert made["name"] in say("backup", "--list")
    said = say("restore", made["name"])
    assert "is as it was on 2026-03-01" in said
    assert "second" not in say("recall")
    kept = said.rsplit(" ", 1)[1].strip()
    say("restore", kept)
    assert "second" in say("recall")


def test_a_damaged_file_is_set_aside_and_its_backup_put_in_its_place(
    say: Say, own_folder: Path
) -> None:
    id = json.loads(say("remember", "kept in a backup", "--json"))["id"]
    say("backup", "--all")
    (file,) = (own_folder / "data").glob("global-*.db")
    file.write_bytes(b"no database at all" * 1000)
    said = say("restore")
    assert "The damaged file is kept as" in said
    assert "kept in a backup" in say("recall", "--id", id)
    assert (
        json.loads(say("remember", "a new one", "--json"))["id"].split("-")[0] == id.split("-")[0]
    )


def test_read_only_writes_no_backup_and_what_is_not_there_is_told(
    say: Say, refused: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused("backup").startswith("routemem: invalid_argument:")
    say("remember", "something")
    assert say("backup", "--list") == "No backups yet.\n"
    assert refused("restore").startswith("routemem: not_found:")
    monkeypatch.setenv("ROUTEMEM_READ_ONLY", "1")
    for command in ("backup", "restore"):
        assert refused(command).startswith("routemem: not_allowed:")
