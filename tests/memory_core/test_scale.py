"""Ten thousand memories: nothing lost, everything found, a second process sees all of it."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from routemem.memory_core import Memory, Settings

ITEMS = 10_000
PRIVATE = Settings(keyring=False)

READER = """
import sys
from routemem.memory_core import Memory
memory = Memory.open(sys.argv[1], embedder="hash")
for number in map(int, sys.argv[2:]):
    print(memory.recall(f"parcel {number}", top_k=1).hits[0].text)
memory.close()
"""


class Many(NamedTuple):
    """The closed file of a memory with ten thousand parcels, and what was found before."""

    path: Path
    found: list[list[str]]


def found(memory: Memory) -> list[list[str]]:
    """The best hits of a hundred questions."""
    asked = [f"parcel {number}" for number in range(0, ITEMS, 100)]
    return [[hit.id for hit in memory.recall(question, top_k=5).hits] for question in asked]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Many:
    path = tmp_path_factory.mktemp("many") / "scope.db"
    with Memory.open(path, embedder="hash", settings=PRIVATE) as memory:
        for number in range(ITEMS):
            memory.remember(
                f"Parcel {number} stands in aisle {number % 97}.", tags=[f"t{number % 5}"]
            )
        status = memory.status()
        assert (status.items["active"], status.pending) == (ITEMS, 0)
        return Many(path, found(memory))


@pytest.mark.slow
def test_ten_thousand_memories_are_all_found_also_by_another_process(
    many: Many, tmp_path: Path, settings: Settings
) -> None:
    path = Path(shutil.copy(many.path, tmp_path))
    with Memory.open(path, embedder="hash", settings=settings) as memory:
        for number in range(0, ITEMS, 501):
            (hit,) = memory.recall(f"parcel {number}", top_k=1).hits
            assert hit.text.startswith(f"Parcel {number} ")
            (hit,) = memory.recall(f"parcel {number}", top_k=1, tags=[f"t{number % 5}"]).hits
            assert hit.text.startswith(f"Parcel {number} ")

        gone = [hit.id for hit in memory.recall("parcel 77", top_k=1).hits]
        memory.forget(gone, mode="delete")
        assert memory.recall("parcel 77", top_k=1).hits[0].id not in gone

        asked = [str(number) for number in (0, 4999, 9999)]
        done = subprocess.run(
            [sys.executable, "-c", READER, str(path), *asked],
            capture_output=True,
            text=True,
            check=True,
        )
        assert [line.split()[1] for line in done.stdout.splitlines()] == asked


@pytest.mark.slow
def test_opening_ten_thousand_memories_again_finds_the_same(
    many: Many, tmp_path: Path, settings: Settings
) -> None:
    path = Path(shutil.copy(many.path, tmp_path))
    with Memory.open(path, embedder="hash", settings=settings) as memory:
        assert found(memory) == many.found
