"""The routing index in the product: built in a child process, shared, erased, made anew."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import environment

from routemem.memory_core import Memory, RoutingIndex, Settings, load_embedder
from routemem.memory_core.errors import Conflict
from routemem.memory_core.routing import build, generation, maintenance

ITEMS = 700
#: What is done to a generation in the slow suite, beside what is always done.
HARMS = ["emptied", "missing", "garbled", "gone"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a memory of 700 parcels, packed into a generation."""
    folder = tmp_path_factory.mktemp("packed")
    settings = Settings(key_dir=str(folder / "key"), keyring=False)
    with opened(folder, settings) as memory:
        for number in range(ITEMS):
            text = f"Parcel {number} stands in aisle {number % 97}."
            memory.remember(text, tags=[f"t{number % 3}"])
        assert memory.index.run("build")
    return folder


@pytest.fixture
def packed(template: Path, tmp_path: Path, settings: Settings) -> Memory:
    """A memory of its own with these files."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return opened(tmp_path, settings)


def opened(folder: Path, settings: Settings, embedder: str = "hash") -> Memory:
    small = replace(settings, flat_until=300)
    return Memory.open(folder / "m.db", embedder=embedder, settings=small)


def best(memory: Memory, number: int, **options: Any) -> str:
    found = memory.recall(f"parcel {number}", top_k=1, **options)
    assert found.mode == "hybrid"
    return found.hits[0].text.split()[1]


def build_index(memory: Memory) -> None:
    """Build unless another one does."""
    with contextlib.suppress(Conflict):
        memory.index.run("build")


def index(memory: Memory) -> dict[str, Any]:
    memory.recall("parcel")
    return dict(memory.status().index)


def alarm(memory: Memory) -> None:
    """Ask about what is stored, then about something else, until the drift monitor calls."""
    for number in range(60):
        memory.recall(f"parcel {number} stands in aisle {number % 97}", top_k=1)
    assert memory.status().index["drift_alarms"] == 0
    memory.remember("something else entirely")
    for number in range(40):
        memory.recall(f"zyx{number} qwv{number} unheard of {number * 7}", top_k=1)
    assert memory.status().index["drift_alarms"] >= 1


def test_a_packed_memory_answers_as_an_exact_one(
    packed: Memory, template: Path, tmp_path: Path, settings: Settings
) -> None:
    assert index(packed)["mode"] == "routed"
    flat = replace(settings, flat_until=100_000)
    shutil.copyfile(template / "m.db", tmp_path / "flat.db")  # and not what it was packed into
    with Memory.open(tmp_path / "flat.db", embedder="hash", settings=flat) as exact:
        same = 0
        for number in range(0, ITEMS, 10):
            asked = f"parcel {number} in the aisle"
            one, two = (
                [hit.text for hit in memory.recall(asked, top_k=5).hits]
                for memory in (packed, exact)
            )
            assert one[0] == two[0]
            same += len(set(one) & set(two))
        assert index(exact)["mode"] == "exact"
    assert same >= 0.99 * 5 * ITEMS / 10


def test_filters_are_applied_before_ranking_in_a_packed_memory(packed: Memory) -> None:
    for number in range(0, 60, 7):
        assert best(packed, number, tags=[f"t{number % 3}"]) == str(number)
        other = packed.recall(f"parcel {number}", tags=[f"t{(number + 1) % 3}"], top_k=50).hits
        assert len(other) == 50
        assert {hit.tags for hit in other} == {(f"t{(number + 1) % 3}",)}


def test_what_is_stored_changed_and_forgotten_after_the_build_counts_at_once(
    packed: Memory, tmp_path: Path, settings: Settings
) -> None:
    packed.remember("Parcel 9999 came by night.")
    changed = packed.recall("parcel 5", top_k=1).hits[0].id
    packed.remember("The crate of oranges stands outside.", id=changed)
    gone = packed.recall("parcel 6", top_k=1).hits[0].id
    packed.forget([gone], mode="delete")
    hidden = packed.recall("parcel 7", top_k=1).hits[0].id
    packed.forget([hidden])
    with opened(tmp_path, settings) as other:
        for memory in (packed, other):
            assert best(memory, 9999) == "9999"
            assert memory.recall("crate of oranges", top_k=1).hits[0].id == changed
            assert best(memory, 6) != "6"
            assert best(memory, 7) != "7"
            assert best(memory, 7, include_archived=True) == "7"
        assert index(other)["generation"] == index(packed)["generation"] is not None


def test_opening_again_reads_the_generation_and_fits_nothing(
    packed: Memory, tmp_path: Path
) -> None:
    questions = [f"parcel {number} in the aisle" for number in range(0, ITEMS, ITEMS // 50)]
    answers = [[hit.text for hit in packed.recall(q, top_k=5).hits] for q in questions]
    (centroids,) = generations(packed, "centroids.bin")
    before = centroids.read_bytes()
    packed.close()
    code = (
        "import json, sys\n"
        "from routemem.memory_core import Memory, Settings\n"
        "memory = Memory.open(sys.argv[1], embedder='hash', settings=Settings(flat_until=300))\n"
        "found = [memory.recall(q, top_k=5).hits for q in json.load(sys.stdin)]\n"
        "print(json.dumps([[hit.text for hit in hits] for hits in found]))\n"
        "assert memory.status().index['mode'] == 'routed'\n"
        "assert 'sklearn' not in sys.modules\n"  # k-means is its: nothing was fitted
    )
    run = [sys.executable, "-c", code, str(tmp_path / "m.db")]
    done = subprocess.run(
        run,
        check=True,
        env=environment(tmp_path),
        input=json.dumps(questions),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert len(questions) >= 50
    assert json.loads(done.stdout) == answers
    assert generations(packed, "centroids.bin") == [centroids]
    assert centroids.read_bytes() == before


@pytest.mark.parametrize("harm", [
    "torn", "foreign",
    *(pytest.param(harm, marks=pytest.mark.slow) for harm in HARMS),
])  # fmt: skip
def test_an_unusable_generation_is_passed_over_and_made_anew(
    packed: Memory, tmp_path: Path, settings: Settings, harm: str
) -> None:
    packed.close()
    (place,) = [p for p in (tmp_path / "m.index").iterdir() if p.is_dir()]
    if harm == "torn":
        os.truncate(place / "codes.bin", (place / "codes.bin").stat().st_size - 100)
    elif harm == "emptied":
        (place / "meta.json").write_bytes(b"")
    elif harm == "missing":
        (place / "rows.bin").unlink()
    elif harm == "garbled":
        (place / "meta.json").write_text('{"format": 99}')
    elif harm == "foreign":
        meta = (place / "meta.json").read_text().replace('"store": "', '"store": "f00')
        (place / "meta.json").write_text(meta)
    else:
        shutil.rmtree(tmp_path / "m.index")
    with opened(tmp_path, settings) as memory:
        assert best(memory, 123) == "123"
        assert index(memory)["mode"] == "exact"
        assert memory.index.run("build")
        assert best(memory, 123) == "123"
        assert index(memory)["mode"] == "routed"


def test_a_new_model_makes_the_old_generation_foreign(
    packed: Memory, tmp_path: Path, settings: Settings
) -> None:
    packed.close()
    with opened(tmp_path, settings, embedder="hash:128") as memory:
        memory.upkeep.reindex()
        assert best(memory, 55) == "55"
        assert index(memory)["generation"] is None
        assert memory.index.run("build")
        assert best(memory, 55) == "55"


def test_of_an_erased_memory_no_vector_stays_in_the_index_files(
    packed: Memory, tmp_path: Path
) -> None:
    hit = packed.recall("parcel 42", top_k=1).hits[0]
    (found,) = (generation.load(p) for p in (tmp_path / "m.index").iterdir() if p.is_dir())
    assert generation.is_whole(found)
    item = packed.find(hit.id)
    assert item
    vector = packed.store.vectors([item.row]).vectors[0].tobytes()
    assert vector in (found.path / "rows.bin").read_bytes()
    packed.forget([hit.id], mode="purge")
    assert vector not in (found.path / "rows.bin").read_bytes()
    assert generation.is_whole(generation.load(found.path))
    assert best(packed, 43) == "43"


@pytest.mark.slow
def test_two_processes_that_want_a_build_make_one(
    packed: Memory, tmp_path: Path, settings: Settings
) -> None:
    for number in range(ITEMS, 2 * ITEMS):
        packed.remember(f"Parcel {number} stands in aisle {number % 97}.")
    with opened(tmp_path, settings) as other:
        other.recall("parcel")
        threads = [threading.Thread(target=build_index, args=(m,)) for m in (packed, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        while not all(index(memory)["delta"] == 0 for memory in (packed, other)):
            build_index(packed)
            build_index(other)
        assert index(other)["generation"] == index(packed)["generation"]
        assert best(other, 1300) == best(packed, 1300) == "1300"
    left = [path.name for path in (tmp_path / "m.index").iterdir() if path.is_dir()]
    assert len(left) == 1


def test_a_build_that_was_killed_leaves_nothing_that_counts(packed: Memory, tmp_path: Path) -> None:
    place = tmp_path / "m.index" / "job.partial"
    place.mkdir()
    np.arange(1, 2001, dtype=np.int64).tofile(place / "keys.i64")
    np.random.default_rng(0).normal(size=(2000, 384)).astype(np.float16).tofile(place / "rows.f16")
    job = build.Job(384, packed.store.meta("store") or "", 10**9, "x", str(place.parent))
    child = build.start(job, place)
    child.kill()
    child.communicate()
    assert best(packed, 11) == "11"
    packed.remember("one more")
    assert packed.index.run("build")
    assert not list((tmp_path / "m.index").glob("*.partial"))


def test_a_memory_without_a_file_stays_exact(settings: Settings) -> None:
    with Memory.open(None, embedder="hash", settings=replace(settings, flat_until=10)) as memory:
        for number in range(30):
            memory.remember(f"parcel {number}")
        assert not memory.index.run("build")
        assert best(memory, 3) == "3"


def test_it_is_built_by_itself_when_it_pays(tmp_path: Path, settings: Settings) -> None:
    quick = replace(settings, flat_until=50, flush_seconds=0.05)
    with Memory.open(tmp_path / "m.db", embedder="hash", settings=quick) as memory:
        for number in range(120):
            memory.remember(f"Parcel {number} stands in aisle {number % 97}.")
        done = threading.Event()
        for _ in range(600):
            if index(memory)["mode"] == "routed":
                break
            done.wait(0.05)
        assert index(memory)["mode"] == "routed"
        assert best(memory, 77) == "77"


def test_questions_of_another_kind_raise_an_alarm_that_ends_in_a_new_codebook(
    packed: Memory, tmp_path: Path
) -> None:
    def found() -> int:
        """Memories of the other kind among the five hits of a question about them."""
        asked = {text: packed.recall(text.rstrip("."), top_k=5).hits for text in shifted}
        return sum(text in [hit.text for hit in hits] for text, hits in asked.items())

    before = index(packed)["generation"]
    alarm(packed)
    assert index(packed)["generation"] == before  # a search changes nothing by itself
    assert index(packed)["drift_ratio"] > 1
    shifted = [f"zyx{number} qwv{number} unheard of {number * 7}." for number in range(20)]
    for text in shifted:
        packed.remember(text)
    recalled = found()
    packed.upkeep.round()
    assert index(packed)["generation"] > before
    assert index(packed)["drift_ratio"] is None  # the baseline is taken anew
    assert not index(packed)["in_drift"]
    assert found() >= recalled > 0
    packed.upkeep.round()
    rows = packed.store.db.rows("select detail from audit where op = 'drift_alarm'")  # type: ignore[attr-defined]  # the product's own store
    assert len(rows) == 1


def test_an_alarm_outlives_a_build_that_fails(
    packed: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm(packed)
    before = index(packed)["generation"]
    start = build.start

    def killed(job: build.Job, place: Path) -> subprocess.Popen[bytes]:
        child = start(job, place)
        child.kill()
        return child

    with monkeypatch.context() as harm:
        harm.setattr(build, "start", killed)
        packed.upkeep.round()
    assert index(packed)["generation"] == before
    assert packed.index.run("auto")
    assert index(packed)["generation"] > before


def test_an_explained_recall_says_how_the_index_was_searched(packed: Memory) -> None:
    found = packed.recall("parcel 12", explain=True)
    assert found.routing["mode"] == "routed"
    assert found.routing["confidence"] == pytest.approx(1 / (1 + found.routing["qerr"]), abs=1e-6)
    assert 0 < found.routing["scanned"] <= ITEMS
    assert packed.recall("parcel 12").routing == {}
    assert packed.recall("parcel 12", explain=True).hits[0].signals["meaning"] > 0


def test_an_explained_hit_has_its_text_and_what_made_its_place(packed: Memory) -> None:
    hits = packed.recall("parcel 12 in the aisle", top_k=5, explain=True).hits
    assert hits[0].text == f"Parcel 12 stands in aisle {12 % 97}."
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        assert hit.cosine is not None
        assert hit.signals["meaning"] == pytest.approx(hit.cosine, abs=1e-3)
        assert packed.recall(ids=[hit.id]).hits[0].text == hit.text


def test_a_vector_finds_what_its_text_finds(packed: Memory) -> None:
    embedder, mine = load_embedder("hash"), RoutingIndex(384)
    texts = [f"Parcel {number} stands in aisle {number % 97}." for number in range(ITEMS)]
    mine.add_many(np.arange(ITEMS), embedder.encode(texts).vectors)
    for question in ("parcel 12 in the aisle", "where does parcel 650 stand"):
        found = mine.search(embedder.encode([question]).vectors[0], top_k=50)
        cosines = {texts[hit.id]: hit.score for hit in found.hits}
        for hit in packed.recall(question, top_k=5).hits:
            assert hit.cosine == pytest.approx(cosines[hit.text], abs=2e-3)


def test_memories_that_are_written_again_and_again_take_no_more_room(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "FLAT_WASTE", 8)
    for number in range(25):
        memory.remember(f"Parcel {number} stands in the hall.", key="hall")
        memory.remember(f"Parcel {number} is gone.", key="gone")
        memory.forget(["gone"])  # into the archive's part
        assert best(memory, number) == str(number)
    assert index(memory)["deleted"] <= 9
    assert index(memory)["passages"] == 1


def test_what_was_deleted_leaves_no_slot_behind(packed: Memory) -> None:
    rows = [path.stat().st_size for path in generations(packed, "rows.bin")]
    for number in range(0, ITEMS, 20):
        found = packed.recall(f"parcel {number}", top_k=1).hits[0].id
        packed.forget([found], mode="purge")
    assert index(packed)["deleted"] == ITEMS // 20
    given_back = packed.upkeep.gc()
    assert given_back.bytes_after < given_back.bytes_before
    packed.index.run("build")
    assert (index(packed)["deleted"], index(packed)["passages"]) == (0, ITEMS - ITEMS // 20)
    assert [path.stat().st_size for path in generations(packed, "rows.bin")] == [
        rows[0] // ITEMS * (ITEMS - ITEMS // 20)
    ]


def generations(memory: Memory, name: str) -> list[Path]:
    """A file of every generation there is."""
    folder = memory.store.place
    assert folder
    return sorted(folder.glob(f"*/{name}"))
