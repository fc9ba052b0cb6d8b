"""On a full disk forgetting still works; the real thing is `python -m benchmarks.reliability`."""

from pathlib import Path

import pytest

from routemem.memory_core.errors import DiskFull
from routemem.memory_core.memory import Memory
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.storage.ballast import NAME, SIZE, Ballast


class FullUntilDropped:
    """A step that needs the space of the ballast."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / NAME
        self.tried = 0

    def __call__(self) -> str:
        self.tried += 1
        if self._ballast.exists() or self.tried > 2:
            raise DiskFull(self._ballast)
        return "done"


def test_upkeep_puts_it_there_and_forgetting_takes_it(scopes: Scopes, data_dir: Path) -> None:
    memory = scopes.open()
    id = memory.remember("regretted").id
    memory.upkeep.round()
    assert (data_dir / NAME).stat().st_size == SIZE
    step = FullUntilDropped(data_dir)
    assert memory.upkeep.ballast.forgetting(step) == "done"
    assert step.tried == 2
    assert not (data_dir / NAME).exists()
    memory.forget([id], mode="purge")
    memory.upkeep.round()
    assert (data_dir / NAME).exists()


def test_without_it_a_full_disk_is_said(scopes: Scopes, data_dir: Path) -> None:
    memory = scopes.open()

    def full() -> None:
        raise DiskFull(data_dir)

    with pytest.raises(DiskFull):
        memory.upkeep.ballast.forgetting(full)


def test_a_file_outside_of_a_data_folder_gets_no_company(memory: Memory, tmp_path: Path) -> None:
    memory.remember("alone")
    memory.upkeep.round()
    assert not (tmp_path / NAME).exists()
    Ballast(None).make()
    assert not Ballast(None).drop()


def test_none_is_made_where_there_is_little_room(
    scopes: Scopes, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = scopes.open()
    memory.remember("a memory")
    monkeypatch.setattr("routemem.memory_core.storage.ballast.ROOM", 1 << 62)
    memory.upkeep.round()
    assert not (data_dir / NAME).exists()
