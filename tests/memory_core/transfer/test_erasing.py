"""Exports in the data folder lose what is forgotten; what else they hold stays importable."""

import io
import os
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest
from things import files_holding

from routemem.memory_core import upkeep
from routemem.memory_core.records import Erasure
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.storage.lock import WriterLock
from routemem.memory_core.transfer import erasing
from routemem.memory_core.transfer.bundle import read


def records(path: Path) -> list[tuple[str, str]]:
    lines = read(io.BytesIO(path.read_bytes()))
    return [(line["record"], str(line.get("id", line.get("derived", "")))) for line in lines]


@pytest.fixture
def export(scopes: Scopes) -> Path:
    """An export of some memories, a summary of two of them, and facts."""
    memory = scopes.open()
    for number in range(6):
        memory.remember(f"note {number} on the zubblefrex{number} " + "and the tide " * 30)
    memory.compress(["a-1", "a-2"], summary="both of the grumblefitz")
    memory.set_fact("user.pet", "a wobblequex")
    memory.set_fact("user.city", "Ghent")
    memory.boards.tasks.create("dig", description="for the blimfark")
    return scopes.carrying.export()[0]


@pytest.mark.parametrize("mode", ["delete", "purge"])
def test_what_is_forgotten_leaves_the_exports_and_the_rest_stays_whole(
    scopes: Scopes, export: Path, data_dir: Path, mode: str
) -> None:
    before = records(export)
    (done,) = scopes.forget(["a-4"], mode=mode)
    assert done.erasure == "done"
    assert files_holding(data_dir, [b"zubblefrex3"]) == []
    assert records(export) == [each for each in before if each != ("item", "a-4")]
    assert export.stat().st_mode & 0o777 == 0o600
    assert scopes.carrying.import_(export, "user:else").added["item"] == 6
    assert not list(export.parent.glob(".*"))


def test_summaries_made_of_it_go_as_well(scopes: Scopes, export: Path, data_dir: Path) -> None:
    scopes.forget(["a-1"], mode="delete")
    assert files_holding(data_dir, [b"zubblefrex0", b"grumblefitz"]) == []
    assert ("item", "a-2") in records(export)
    assert "link" not in {record for record, _ in records(export)}


def test_a_fact_leaves_with_its_key(scopes: Scopes, export: Path, data_dir: Path) -> None:
    scopes.forget(["user.pet"], mode="delete")
    assert files_holding(data_dir, [b"wobblequex"]) == []
    assert b"Ghent" in export.read_bytes()


def test_exports_of_other_scopes_and_files_of_others_are_left_alone(
    scopes: Scopes, export: Path
) -> None:
    other = scopes.carrying.export("user:else")[0]
    theirs = export.with_name("notes.jsonl")
    theirs.write_text('{"a": "zubblefrex3"}\n')
    before = other.read_bytes(), theirs.read_bytes()
    scopes.forget(["a-4"], mode="delete")
    assert (other.read_bytes(), theirs.read_bytes()) == before


@pytest.mark.parametrize("lines", [0, -1], ids=["nothing on disk yet", "without its end"])
def test_one_that_is_being_written_is_waited_for(scopes: Scopes, export: Path, lines: int) -> None:
    whole = export.read_bytes()
    export.write_bytes(b"".join(whole.splitlines(keepends=True)[:lines]))
    (done,) = scopes.forget(["a-4"], mode="delete")
    assert done.erasure == "pending"
    export.write_bytes(whole)
    assert scopes.open().upkeep.erase_log()
    assert b"zubblefrex3" not in export.read_bytes()


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"version":1', b'"version":2'), (b"Ghent", b"Ghant"), (b'{"lines"', b'{"lin')],
    ids=["newer version", "one byte changed", "torn"],
)
def test_one_that_cannot_be_read_is_left_and_named(
    scopes: Scopes, export: Path, data_dir: Path, old: bytes, new: bytes
) -> None:
    harmed = export.read_bytes().replace(old, new)
    export.write_bytes(harmed)
    long_ago = time.time() - 3600
    os.utime(export, (long_ago, long_ago))
    whole, _ = scopes.carrying.export()
    (done,) = scopes.forget(["a-4"], mode="delete")
    assert done.erasure == "done"
    assert export.read_bytes() == harmed
    assert b"zubblefrex3" not in whole.read_bytes()
    assert erasing.unreadable_in(data_dir) == [export.name]


def test_emptying_a_scope_leaves_its_exports(scopes: Scopes, export: Path) -> None:
    word, _ = scopes.carrying.clear("global")
    scopes.carrying.clear("global", word)
    scopes.open().upkeep.round()
    assert len(scopes.carrying.import_(export).added) > 0


def test_a_card_leaves_exports_and_backups(scopes: Scopes, export: Path, data_dir: Path) -> None:
    memory = scopes.open()
    assert memory.upkeep.backups
    assert memory.upkeep.backups.make()
    (task,) = memory.boards.tasks.list()
    assert len(files_holding(data_dir, [b"blimfark"])) >= 3
    (done,) = scopes.forget([task.id], mode="delete")
    assert done.erasure == "done"
    assert files_holding(data_dir, [b"blimfark"]) == []


def test_an_export_that_its_owner_removes_meanwhile_keeps_nobody_from_forgetting(
    scopes: Scopes, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: Path) -> str:
        shutil.rmtree(export.parent)
        return real(path)

    real = erasing._scope_of
    monkeypatch.setattr(erasing, "_scope_of", gone)
    assert scopes.forget(["a-4"], mode="delete")[0].erasure == "done"
    assert scopes.forget(["a-5"], mode="delete")[0].erasure == "done"


def test_what_is_erased_while_exports_are_searched_leaves_them_too(
    scopes: Scopes, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = scopes.open()

    def search(*given: Any) -> Erasure:
        done = erasing.erase_from_exports(*given)
        monkeypatch.undo()
        if item := memory.store.find("a-5"):
            with memory.store.atomic():
                memory.store.erase(item.row)
        return done

    monkeypatch.setattr(upkeep, "erase_from_exports", search)
    memory.forget(["a-4"], mode="purge")
    assert memory.upkeep.erase_log()
    assert b"zubblefrex3" not in export.read_bytes()
    assert b"zubblefrex4" not in export.read_bytes()


def test_many_forgetting_at_once_leave_a_whole_export_without_any_of_it(
    scopes: Scopes, export: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "PATIENCE", 60.0)
    refs = ["a-1", "a-2", "a-4", "a-5", "a-6"]
    whole = shutil.copy(export, data_dir.parent / "whole")
    meet = threading.Barrier(len(refs))

    def erase(ref: str) -> Erasure:
        meet.wait()
        return erasing.erase_from_exports(data_dir, "global", [(ref, "item")])

    with ThreadPoolExecutor(len(refs)) as pool:
        for _ in range(5):
            copy = Path(shutil.copy(whole, export.with_name("copy.jsonl")))
            assert all(pool.map(erase, refs))
            told = [record for record, _ in records(copy)]
            assert told == ["head", "item", "fact", "fact", "task"]


def test_an_erasure_waits_for_another_and_removes_what_a_killed_one_left(
    scopes: Scopes, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "PATIENCE", 0.05)
    left = export.with_name(f".{export.name}.0.part")
    left.write_bytes(export.read_bytes()[:-40])
    with WriterLock(export.parent, 0.0):
        assert scopes.forget(["a-4"], mode="delete")[0].erasure == "pending"
        assert left.exists()
    assert scopes.open().upkeep.erase_log()
    assert not left.exists()
    assert b"zubblefrex3" not in export.read_bytes()


def test_an_export_that_cannot_be_changed_is_named_and_the_memory_is_deleted(
    scopes: Scopes, export: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path(shutil.copy(export, export.with_name("a-copy.jsonl")))
    replace = Path.replace

    def refused(part: Path, target: Path) -> Path:
        if target == export:
            raise PermissionError(1, "Operation not permitted", str(target))
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", refused)
    (done,) = scopes.forget(["a-4"], mode="delete")
    assert (done.state, done.erasure, done.left_in) == ("deleted", "pending", (export.name,))
    assert files_holding(data_dir, [b"zubblefrex3"]) == [f"{export.name}: b'zubblefrex3'"]
    assert b"zubblefrex3" not in other.read_bytes()
    assert list(export.parent.glob(".*.part")) == []
    monkeypatch.undo()
    assert scopes.open().upkeep.round() is False
    assert files_holding(data_dir, [b"zubblefrex3"]) == []


def test_exports_that_do_not_name_it_are_not_read_line_by_line(
    scopes: Scopes, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = scopes.open()
    memory.remember("one more", key="müde")
    memory.set_fact("user.straße", "lang")
    later = scopes.carrying.export(path=export.with_name("later.jsonl"))[0]
    read_files = []

    def counted(file: IO[bytes]) -> Iterator[dict[str, Any]]:
        read_files.append(Path(file.name).name)
        return read(file)

    monkeypatch.setattr(erasing, "read", counted)
    assert scopes.forget(["user.straße"], mode="delete")[0].erasure == "done"
    assert set(read_files) == {later.name}
    assert "straße".encode() not in later.read_bytes()
    read_files.clear()
    scopes.forget([memory.remember("never exported").id], mode="delete")
    assert read_files == []


def test_an_export_that_may_not_be_read_is_among_those_nothing_can_be_erased_from(
    scopes: Scopes, export: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = Path(shutil.copy(export, export.with_name("closed.jsonl")))
    (export.parent / "folder.jsonl").mkdir()
    scope_of = erasing._scope_of

    def refused(path: Path) -> str:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scope_of(path)

    monkeypatch.setattr(erasing, "_scope_of", refused)
    assert erasing.unreadable_in(data_dir) == ["closed.jsonl"]
    (done,) = scopes.forget(["a-4"], mode="delete")
    assert done.left_in == ("closed.jsonl",)
    assert b"zubblefrex3" not in export.read_bytes()
