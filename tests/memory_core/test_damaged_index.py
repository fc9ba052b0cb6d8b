"""An index whose bytes changed: questions are answered from the store, and it is built anew."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stopped_clock import StoppedClock

from routemem.memory_core import Memory, Settings
from routemem.memory_core.storage.tables.vectors import Vectors

PARCELS = 360
MANY = "\n".join(f"Parcel {number} stands in aisle {number % 97}." for number in range(PARCELS))
Harm = Callable[[Path], None]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a packed memory that was found whole."""
    folder = tmp_path_factory.mktemp("packed")
    with opened(folder, Settings(key_dir=str(folder / "key"), keyring=False)) as memory:
        memory.remember(MANY, kind="doc")
        while memory.upkeep.backfill(64):
            pass
        assert memory.index.run("build").status == "built"
        memory.upkeep.round()
    (place,) = places(folder)
    assert (place / "checked").exists()
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """These files, to be harmed."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return tmp_path


def opened(folder: Path, settings: Settings) -> Memory:
    small = replace(settings, flat_until=100, chunk_pieces=20, chunk_overlap=0, flush_seconds=3600)
    return Memory.open(folder / "m.db", embedder="hash", settings=small, clock=StoppedClock())


def places(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "m.index").iterdir() if path.is_dir())


def best(memory: Memory, number: int) -> bool:
    found = memory.recall(f"parcel {number}", top_k=1)
    assert found.mode == "hybrid"
    return f"Parcel {number} " in found.hits[0].text


def put(name: str, dtype: Any, value: Any, at: int | slice = slice(None)) -> Harm:
    """Other numbers in an array, the same length."""

    def harm(place: Path) -> None:
        array = np.fromfile(place / f"{name}.bin", dtype)
        array[at] = value
        array.tofile(place / f"{name}.bin")

    return harm


def said(old: str, new: str) -> Harm:
    """Other words in the description."""

    def harm(place: Path) -> None:
        text = (place / "meta.json").read_text()
        assert old in text
        (place / "meta.json").write_text(text.replace(old, new))

    return harm


HARMS: dict[str, Harm] = {
    "keys out of order": put("keys", np.int64, 0, 7),
    "a row there is not": put("ids", np.uint32, 2**31, 0),
    "an offset beyond the end": put("offsets", np.uint32, 10**8, 2),
    "offsets that go back": put("offsets", np.uint32, 0, 5),
    "lanes that hold nothing": put("lanes", np.uint8, 255),
    "centroids of nothing": put("centroids", np.float32, np.nan),
    "centroids of length 0": put("centroids", np.float32, 0),
    "scales of nothing": put("scales", np.float32, np.nan, 0),
    "a turn by nothing": put("left", np.float32, np.inf, 0),
    "a depth beyond all": said('"depth": ', '"depth": 1e'),
    "no probes": said('"n_probes": ', '"n_probes": -'),
    "no shape": said('"shape": [', '"shape": [-'),
    "a list": lambda place: put_text(place, "[]"),
}


def put_text(place: Path, text: str) -> None:
    (place / "meta.json").write_text(text)


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_generation_is_passed_over_and_made_anew(
    folder: Path, settings: Settings, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    (place,) = places(folder)
    HARMS[harm](place)
    with caplog.at_level(logging.WARNING, "routemem"), opened(folder, settings) as memory:
        for number in (5, 77, 300):
            assert best(memory, number)
        assert len(caplog.records) == 1
        report = memory.index.report()
        assert (report["mode"], report["due"]) == ("exact", "build")
        if harm != "a row there is not":  # one build is enough to show
            return
        memory.upkeep.round()
        assert best(memory, 5)
        assert memory.index.report()["mode"] == "routed"


@pytest.mark.parametrize("harm", ["a row there is not", "centroids of nothing"])
def test_a_reader_answers_beside_a_damaged_generation_and_leaves_it(
    folder: Path, settings: Settings, harm: str
) -> None:
    (place,) = places(folder)
    HARMS[harm](place)
    before = {path.name: path.stat().st_mtime_ns for path in place.iterdir()}
    with opened(folder, replace(settings, read_only=True)) as memory:
        assert best(memory, 5)
        memory.upkeep.round()
        assert best(memory, 6)
    assert {path.name: path.stat().st_mtime_ns for path in place.iterdir()} == before


@pytest.mark.parametrize("bits", [0x0000, 0x7E00, 0x7C00])
def test_a_vector_without_a_direction_is_left_out_and_the_others_are_found(
    folder: Path, settings: Settings, bits: int
) -> None:
    with opened(folder, settings) as memory:
        db: Any = memory.store.db  # type: ignore[attr-defined]  # the product's own store
        with memory.store.atomic():
            blob = np.full(384, bits, np.uint16).tobytes()
            first = "(select min(chunk) from vectors)"
            db.execute(f"update vectors set vector = ? where chunk = {first}", (blob,))
    shutil.rmtree(folder / "m.index")
    with opened(folder, settings) as memory:
        assert best(memory, 300)
        assert memory.remember("Something new.").id
        assert memory.index.run("build").status == "built"
        assert best(memory, 300)
        assert memory.index.report()["mode"] == "routed"


def test_opening_beside_a_generation_reads_the_vectors_of_archived_memories_only(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(folder, settings) as memory:
        hidden = memory.remember("The crate of oranges stands outside.").id
        memory.forget([hidden])
        assert memory.index.run("build").status == "built"
    read: list[int] = []
    arrays = Vectors._arrays

    def counted(self: Vectors, found: Any) -> Any:
        read.append(len(found))
        return arrays(self, found)

    monkeypatch.setattr(Vectors, "_arrays", counted)
    with opened(folder, settings) as memory:
        assert best(memory, 5)
        assert sum(read) == 1
        found = memory.recall("crate of oranges", top_k=1, include_archived=True)
        assert found.hits[0].id == hidden
        assert memory.index.report()["mode"] == "routed"


# ---------------------------------------------------------------------- damaged while in use


@pytest.mark.parametrize("read_only", [False, True])
def test_a_generation_damaged_while_it_is_mapped_is_given_up_and_the_question_answered(
    folder: Path, settings: Settings, read_only: bool, caplog: pytest.LogCaptureFixture
) -> None:
    (place,) = places(folder)
    with opened(folder, replace(settings, read_only=read_only)) as memory:
        assert best(memory, 5)
        overwrite(place / "ids.bin", 2**31)
        with caplog.at_level(logging.WARNING, "routemem"):
            for number in (5, 77, 300):
                assert best(memory, number)
            assert memory.index.explain("parcel 7")["mode"] == "exact"
            assert memory.index.report(buckets=3)["widest"] == []
        (told,) = caplog.records
        assert place.name in told.getMessage()
        assert place.exists() == read_only
        if not read_only:
            memory.upkeep.round()
            assert memory.index.report()["mode"] == "routed"
            assert best(memory, 300)
            memory.upkeep.round()
            (place,) = places(folder)
            assert (place / "checked").exists()


@pytest.mark.parametrize("asked", ["explain", "report", "remember", "rewrite"])
def test_whatever_meets_the_damage_first_goes_on(
    folder: Path, settings: Settings, asked: str
) -> None:
    with opened(folder, settings) as memory:
        first = memory.remember("The crate of oranges stands outside.").id
        assert memory.index.run("build").status == "built"
        overwrite(places(folder)[0] / "ids.bin", 2**31)
        if asked == "explain":
            assert memory.index.explain("parcel 7")["mode"] == "exact"
        elif asked == "report":
            assert memory.index.report(buckets=3)["mode"] == "exact"
        elif asked == "remember":
            assert memory.remember("Something else entirely.").id
        else:
            memory.remember("The crate of lemons stands inside.", id=first)
            assert memory.recall("crate of lemons", top_k=1).hits[0].id == first
        assert best(memory, 77)


def overwrite(path: Path, value: int) -> None:
    """Other numbers in a file that is mapped."""
    with path.open("r+b") as file:
        file.write(np.full(path.stat().st_size // 4, value, np.uint32).tobytes())
