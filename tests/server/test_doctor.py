"""`routemem doctor` says what is wrong and what to do, and stops at nothing."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import apsw
import pytest
from command import run

from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage.registry import file_name
from routemem.memory_core.storage.sqlite import SqliteStore
from routemem.server.commands.doctor import Finding, examine

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
CHECKS = [
    "version", "sqlite", "data folder", "locks and log", "model", "kernel", "token counter",
    "index files", "scopes", "damaged files", "exports", "key", "client",
]  # fmt: skip

Say: TypeAlias = Callable[..., str]


def findings(settings: Settings) -> dict[str, Finding]:
    found = {finding.name: finding for finding in examine(settings)}
    assert list(found) == CHECKS
    return found


def wrong(found: dict[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if not finding.ok}


@pytest.fixture
def scope_file(settings: Settings, data_dir: Path) -> Path:
    """The file of a scope that holds one memory."""
    with Scopes(settings) as scopes:
        scopes.open().remember("kept")
    return data_dir / file_name("global")


def test_a_healthy_installation_is_ok_in_every_point(say: Say) -> None:
    say("remember", "one memory")
    told = say("doctor").splitlines()
    assert [line.split(":")[0] for line in told] == [f"ok   {name}" for name in CHECKS]
    assert "global 1 (hybrid)" in told[CHECKS.index("scopes")]
    assert "12 tools" in told[CHECKS.index("client")]


def test_the_model_that_comes_with_the_package_runs(settings: Settings) -> None:
    finding = findings(replace(settings, embedder="bundled"))["model"]
    assert finding.ok
    assert "384 dimensions" in finding.said


def test_it_leaves_no_memory_and_no_probe_behind(settings: Settings, data_dir: Path) -> None:
    assert not wrong(findings(settings))
    left = {path.name for path in data_dir.iterdir()}
    assert left <= {"registry.db", "registry.db.lock"}


@pytest.mark.parametrize("content", [b"", b"no model at all"])
def test_a_broken_model_is_the_one_thing_wrong(
    settings: Settings, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "model" / "onnx").mkdir(parents=True)
    (tmp_path / "model" / "onnx" / "model.onnx").write_bytes(content)
    found = findings(replace(settings, embedder=str(tmp_path / "model")))
    assert wrong(found) == {"model"}
    assert "routemem doctor" not in found["model"].said


def test_a_missing_model_is_named(settings: Settings, tmp_path: Path) -> None:
    found = findings(replace(settings, embedder=str(tmp_path / "nowhere")))
    assert wrong(found) == {"model"}
    assert "nowhere" in found["model"].said


def test_memories_of_another_model_are_told(settings: Settings, scope_file: Path) -> None:
    found = findings(replace(settings, embedder="hash:64"))
    assert wrong(found) == {"scopes"}
    assert "routemem reindex" in found["scopes"].advice


def test_a_data_folder_that_is_a_file_is_told_and_the_rest_still_checked(
    settings: Settings, data_dir: Path
) -> None:
    data_dir.write_text("a file")
    found = findings(settings)
    assert wrong(found) == {"data folder", "locks and log", "scopes"}
    assert "--data-dir" in found["data folder"].said
    assert data_dir.read_text() == "a file"


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.getuid() == 0, reason="root may write anywhere")
def test_a_data_folder_that_cannot_be_written_is_told(settings: Settings, data_dir: Path) -> None:
    data_dir.mkdir()
    data_dir.chmod(0o500)
    assert {"locks and log", "scopes"} <= wrong(findings(settings))


@POSIX
def test_a_data_folder_others_could_read_is_closed_and_told(
    settings: Settings, scope_file: Path
) -> None:
    scope_file.parent.chmod(0o755)
    finding = findings(settings)["data folder"]
    assert finding.ok
    assert "mode 755 until now" in finding.said
    assert scope_file.parent.stat().st_mode & 0o777 == 0o700


@POSIX
def test_a_folder_that_serves_others_too_is_told_and_left_alone(
    settings: Settings, data_dir: Path
) -> None:
    data_dir.mkdir()
    data_dir.chmod(0o755)
    (data_dir / "somebody elses.txt").touch()
    finding = findings(settings)["data folder"]
    assert not finding.ok
    assert "chmod 700" in finding.advice
    assert data_dir.stat().st_mode & 0o777 == 0o755


def test_a_damaged_file_is_set_aside_whole_and_listed(settings: Settings, scope_file: Path) -> None:
    scope_file.write_bytes(b"this was a database once" * 1000)
    found = findings(settings)
    assert wrong(found) == {"scopes", "damaged files"}
    assert "is damaged" in found["scopes"].advice
    (kept,) = scope_file.parent.glob("*.damaged-*")
    assert kept.read_bytes() == b"this was a database once" * 1000
    assert kept.name in found["damaged files"].said
    assert "doctor --repair" in found["damaged files"].advice


def test_an_export_that_cannot_be_read_is_named(settings: Settings) -> None:
    with Scopes(settings) as scopes:
        scopes.open().remember("kept")
        export, _ = scopes.carrying.export()
    assert wrong(findings(settings)) == set()
    export.write_bytes(export.read_bytes().replace(b"kept", b"kapt"))
    found = findings(settings)
    assert wrong(found) == {"exports"}
    assert export.name in found["exports"].said


def test_what_was_set_aside_is_brought_back_and_told(
    say: Say, settings: Settings, scope_file: Path
) -> None:
    scope_file.write_bytes(b"\0" * 100 + scope_file.read_bytes()[100:])
    told = say("doctor", "--repair").splitlines()
    assert told[0] == (
        "ok   repair: global: 1 items, 0 facts brought back, in its place again; 0 rows lost"
    )
    assert ".repaired-" in told[1]
    (line,) = [line for line in told if "damaged files" in line]
    assert line.startswith("ok   damaged files: ")
    assert "kept" in say("recall", "kept")


def test_a_file_of_a_newer_version_is_told_and_not_changed(
    settings: Settings, scope_file: Path
) -> None:
    newer = apsw.Connection(str(scope_file))
    newer.execute("insert into migrations(name, applied_at) values('m999_future', 0)")
    newer.execute("pragma wal_checkpoint(truncate)")
    newer.close()
    before = scope_file.read_bytes()
    found = findings(settings)
    assert wrong(found) == {"scopes"}
    assert "m999_future" in found["scopes"].advice
    assert scope_file.read_bytes() == before


def test_a_key_beside_what_it_seals_is_told(settings: Settings, data_dir: Path) -> None:
    found = findings(replace(settings, key_dir=str(data_dir / "key")))
    assert wrong(found) == {"key"}
    assert "ROUTEMEM_KEY_DIR" in found["key"].advice


def test_undo_copies_whose_key_is_there_are_fine(settings: Settings) -> None:
    with Scopes(settings) as scopes:
        scopes.forget([scopes.open().remember("regretted").id], mode="delete")
    assert not wrong(findings(settings))


@pytest.mark.parametrize("after", ["gone", "replaced"])
def test_undo_copies_that_cannot_be_opened_are_told_with_the_consequence(
    settings: Settings, scope_file: Path, after: str
) -> None:
    with Scopes(settings) as scopes:
        memory = scopes.open("user:ann")
        scopes.forget([memory.remember("regretted").id], mode="delete")
        settings.key_path().joinpath("seal.key").unlink()
        if after == "replaced":
            scopes.forget([scopes.open().remember("later").id], mode="delete")
    with Scopes(settings) as scopes:  # another process: it makes a key of its own
        if after == "replaced":
            scopes.forget([scopes.open().remember("latest").id], mode="delete")
    finding = findings(settings)["key"]
    assert not finding.ok
    assert "user:ann: 1 of 1 undo copies" in finding.said
    assert after in finding.said
    assert str(settings.key_path()) in finding.advice
    assert "cannot be restored" in finding.advice
    # Purged, there is nothing left to worry about.
    with Scopes(settings) as scopes:
        for scope in ("user:ann", "global"):
            store = scopes.open(scope).store
            assert isinstance(store, SqliteStore)
            graves = [id for (id,) in store.db.rows("select id from tombstones")]
            if graves:
                scopes.forget(graves, mode="purge")
    assert findings(settings)["key"].ok


def test_what_is_wrong_ends_it_with_1_and_advice(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", "--embedder", "none")
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"\nLOOK model: No embedding model is configured" in done.stdout


def test_a_package_that_cannot_be_imported_is_told_like_anything_else(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "apsw.py").write_text("raise ImportError('no such library')")
    done = run(tmp_path, "doctor", env={"PYTHONPATH": str(tmp_path / "broken")})
    told = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert "LOOK sqlite: ImportError: no such library" in told
    assert sum(line.startswith("ok ") for line in told) >= 4


@pytest.mark.parametrize(("name", "told"), [("ids", "ids.bin does not fit"), ("rows", "its bytes")])
def test_a_damaged_index_is_named_and_nothing_else_is_wrong(
    settings: Settings, data_dir: Path, name: str, told: str
) -> None:
    small = replace(settings, flat_until=20)
    with Scopes(small) as scopes:
        memory = scopes.open()
        for number in range(40):
            memory.remember(f"Parcel {number} stands in aisle {number % 7}.")
        assert memory.index.run("build")
    finding = findings(small)["index files"]
    assert (finding.ok, finding.said) == (True, "1 whole")
    (path,) = data_dir.glob(f"*.index/*/{name}.bin")
    path.write_bytes(b"\xaa" * path.stat().st_size)
    found = findings(small)
    assert wrong(found) == {"index files"}
    assert told in found["index files"].said
    assert "routemem index build" in found["index files"].advice
