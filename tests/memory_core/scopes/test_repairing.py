"""`routemem doctor --repair`: what can be read of a damaged file is a memory again."""

import random
from pathlib import Path
from typing import Any

import pytest
from stopped_clock import StoppedClock
from things import files_holding

from routemem.memory_core.errors import DamagedFile
from routemem.memory_core.records import Erasure
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.scopes.repairing import Repaired, repair, set_aside_in
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage import salvage
from routemem.memory_core.storage.database import Database
from routemem.memory_core.storage.registry import file_name
from routemem.memory_core.storage.sqlite import SqliteStore
from routemem.memory_core.storage.whole_file import take_over

PAGE = 4096
ITEMS = 120


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of a data folder with one scope that holds much, by name; made once."""
    folder = tmp_path_factory.mktemp("whole")
    settings = Settings(
        data_dir=str(folder / "data"), key_dir=str(folder / "keys"), keyring=False, embedder="hash"
    )
    with Scopes(settings, clock=StoppedClock()) as scopes:
        memory = scopes.open("user:ann")
        for number in range(ITEMS):
            memory.remember(text(number), tags=["t"], key=f"k{number}")
        for number in range(30):
            memory.set_fact(f"fact.{number}", f"value {number}")
        memory.boards.tasks.create("dig")
        memory.forget(["k3"], mode="delete")
    keys = {f"../keys/{path.name}": path.read_bytes() for path in (folder / "keys").iterdir()}
    return keys | {path.name: path.read_bytes() for path in (folder / "data").glob("*.db")}


def text(number: int) -> str:
    return f"note {number} on the harbour of town {number % 7} " + "and its lamps " * (number % 50)


@pytest.fixture
def file(whole: dict[str, bytes], settings: Settings, data_dir: Path) -> Path:
    """The scope's file in the test's own data folder."""
    data_dir.mkdir(mode=0o700)
    for name, content in whole.items():
        path = data_dir / name
        path.parent.mkdir(exist_ok=True, mode=0o700)
        path.write_bytes(content)
    return data_dir / file_name("user:ann")


def repaired(settings: Settings, clock: StoppedClock) -> list[Repaired]:
    with Scopes(settings, clock=clock) as scopes:
        return list(repair(scopes))


def pages_of(file: Path, *tables: str) -> list[int]:
    store = SqliteStore(file, "user:ann", "", now=0.0)
    marks = ", ".join("?" * len(tables))
    sql = f"select pageno from dbstat where name in ({marks}) and pagetype = 'leaf' order by pageno"
    pages = [int(page) for (page,) in store.db.rows(sql, tables)]
    store.close()
    return pages


def overwrite(file: Path, pages: list[int], byte: bytes = b"\xa5") -> None:
    content = bytearray(file.read_bytes())
    for page in pages:
        content[(page - 1) * PAGE : page * PAGE] = byte * PAGE
    file.write_bytes(content)


def read(scopes: Scopes) -> tuple[dict[str, str], dict[str, Any]]:
    """Texts by key, and facts, as far as they are there."""
    memory = scopes.open("user:ann")
    found = {f"k{n}": memory.find(f"k{n}") for n in range(ITEMS)}
    facts = {fact.key: fact.value for fact in memory.get_facts()}
    return {key: item.text for key, item in found.items() if item}, facts


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: b"\0" * 100 + content[100:],
        lambda content: b"SQLite format 4\0" + content[16:],
        lambda content: b"\xff" * PAGE + content[PAGE:],
    ],
    ids=["header zeroed", "header garbled", "first page lost"],
)
def test_everything_behind_a_lost_beginning_is_brought_back(
    file: Path, settings: Settings, clock: StoppedClock, harm: Any
) -> None:
    harmed = harm(file.read_bytes())
    file.write_bytes(harmed)
    with Scopes(settings, clock=clock) as scopes, pytest.raises(DamagedFile):
        scopes.open("user:ann")
    (done,) = repaired(settings, clock)
    assert (done.scope, done.merged, done.lost, done.failure) == ("user:ann", False, {}, "")
    assert (file.parent / done.kept_as).read_bytes() == harmed
    with Scopes(settings, clock=clock) as scopes:
        texts, facts = read(scopes)
        assert texts == {f"k{n}": text(n) for n in range(ITEMS) if n != 3}
        assert facts == {f"fact.{n}": f"value {n}" for n in range(30)}
        memory = scopes.open("user:ann")
        assert [task.title for task in memory.boards.tasks.list()] == ["dig"]
        assert memory.recall("harbour of town 5", top_k=5).hits[0].cosine is not None
        assert memory.forget(["a-4"], mode="restore")[0].state == "active"  # its undo copy
        assert memory.remember("a new one").id == "a-4r"  # no id twice


def test_rows_around_bad_pages_are_brought_back(
    file: Path, settings: Settings, clock: StoppedClock
) -> None:
    bad = pages_of(file, "items")[1::3]
    overwrite(file, bad)
    (done,) = repaired(settings, clock)
    with Scopes(settings, clock=clock) as scopes:
        texts, facts = read(scopes)
        assert len(facts) == 30
        assert ITEMS * 0.5 < len(texts) < ITEMS - len(bad)
        assert all(said == text(int(key[1:])) for key, said in texts.items())
        store = scopes.open("user:ann").store
        assert isinstance(store, SqliteStore)
        assert store.db.value("pragma integrity_check") == "ok"
    assert done.rows["items"] == len(texts)
    assert done.lost["items"] == ITEMS - 1 - len(texts)


def test_lost_vectors_are_made_anew(file: Path, settings: Settings, clock: StoppedClock) -> None:
    overwrite(file, pages_of(file, "vectors"))
    (done,) = repaired(settings, clock)
    assert done.rows["items"] == ITEMS - 1
    with Scopes(settings, clock=clock) as scopes:
        memory = scopes.open("user:ann")
        assert memory.status().pending > 0
        while memory.upkeep.backfill():
            pass
        assert memory.recall("harbour of town 5").hits[0].cosine is not None


def test_a_text_that_is_no_utf_8_comes_back_with_a_mark(
    file: Path, settings: Settings, clock: StoppedClock
) -> None:
    content = file.read_bytes()
    at = content.index(b"note 77 on the harbour")
    file.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    with Scopes(settings, clock=clock) as scopes, pytest.raises(DamagedFile, match="UTF-8"):
        scopes.open("user:ann").recall(ids=["k77"])
    (done,) = repaired(settings, clock)
    assert done.rows["items"] == ITEMS - 1
    with Scopes(settings, clock=clock) as scopes:
        item = scopes.open("user:ann").find("k77")
        assert item
        assert item.text.startswith("\ufffdote 77 on the harbour")


def test_what_was_stored_since_stays_and_what_was_forgotten_since_too(
    file: Path, settings: Settings, clock: StoppedClock
) -> None:
    file.write_bytes(b"\0" * 100 + file.read_bytes()[100:])
    with Scopes(settings, clock=clock) as scopes:
        with pytest.raises(DamagedFile):
            scopes.open("user:ann")
        memory = scopes.open("user:ann")
        new = memory.remember("since then").id
        memory.set_fact("fact.1", "newer")
        clock.advance(days=1)
    (done,) = repaired(settings, clock)
    assert done.merged
    with Scopes(settings, clock=clock) as scopes:
        texts, facts = read(scopes)
        assert len(texts) == ITEMS - 1
        assert facts["fact.1"] == "newer"
        assert facts["fact.2"] == "value 2"
        assert scopes.locate(new).recall(ids=[new]).hits[0].text == "since then"
        assert scopes.locate("a-2").recall(ids=["a-2"]).hits  # under its old id


@pytest.mark.parametrize("kind", ["held", "deleted", "erased"])
def test_a_file_that_only_tells_what_is_gone_is_not_overwritten(
    file: Path, settings: Settings, clock: StoppedClock, kind: str
) -> None:
    file.write_bytes(b"\0" * 100 + file.read_bytes()[100:])
    gone = ""
    with Scopes(settings, clock=clock) as scopes:
        with pytest.raises(DamagedFile):
            scopes.open("user:ann")
        memory = scopes.open("user:ann")
        store = memory.store
        assert isinstance(store, SqliteStore)
        if kind == "held":
            (held,) = scopes.quarantine(content="zebra", reason="secret", scope="user:ann")[1]
            gone = held.id
        elif kind == "deleted":
            gone = memory.remember("for a moment").id
            memory.forget([gone], mode="delete")
        else:
            with store.atomic():
                store.db.execute("insert into erasures values('k5', 'fact')")
    (done,) = repaired(settings, clock)
    assert done.merged
    with Scopes(settings, clock=clock) as scopes:
        memory = scopes.open("user:ann")
        assert len(read(scopes)[0]) == ITEMS - 1
        if kind == "held":
            assert gone in [each.id for each in memory.vault.all()]
        elif kind == "deleted":
            assert memory.forget([gone], mode="restore")[0].state == "active"


@pytest.mark.parametrize("merged", [False, True], ids=["in its place", "merged"])
def test_what_the_backups_still_had_to_lose_they_lose_after_a_repair(
    file: Path, settings: Settings, clock: StoppedClock, merged: bool
) -> None:
    with Scopes(settings, clock=clock) as scopes:
        memory = scopes.open("user:ann")
        assert memory.upkeep.backups
        memory.upkeep.backups.make()
        memory.upkeep.erase_log = lambda: Erasure(False)  # type: ignore[method-assign]  # it dies
        memory.forget(["k4"], mode="purge")
    file.write_bytes(b"\0" * 100 + file.read_bytes()[100:])
    with Scopes(settings, clock=clock) as scopes:
        with pytest.raises(DamagedFile):
            scopes.open("user:ann")
        if merged:
            scopes.open("user:ann").remember("since then")
    (done,) = repaired(settings, clock)
    assert done.merged == merged
    said = text(4).encode()
    with Scopes(settings, clock=clock) as scopes:
        assert scopes.open("user:ann").upkeep.round() is False
    assert [line for line in files_holding(file.parent, [said]) if "repaired" not in line] == []


def test_what_is_stored_while_a_file_is_put_in_place_stays(
    file: Path, settings: Settings, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(b"\0" * 100 + file.read_bytes()[100:])
    with Scopes(settings, clock=clock) as scopes, pytest.raises(DamagedFile):
        scopes.open("user:ann")

    def late(database: Database, *given: Any) -> None:
        other.open("user:ann").remember("at the last moment", key="late")
        take_over(database, *given)

    monkeypatch.setattr("routemem.memory_core.scopes.repairing.take_over", late)
    with Scopes(settings, clock=clock) as other:
        (done,) = repaired(settings, clock)
    assert done.merged
    with Scopes(settings, clock=clock) as scopes:
        assert len(read(scopes)[0]) == ITEMS - 1
        assert scopes.open("user:ann").recall(ids=["late"]).hits[0].text == "at the last moment"


def test_a_file_that_holds_nothing_readable_is_left_and_told(
    file: Path, settings: Settings, clock: StoppedClock
) -> None:
    file.write_bytes(b"PK\x03\x04 a spreadsheet " * 300)
    with Scopes(settings, clock=clock) as scopes, pytest.raises(DamagedFile):
        scopes.open("user:ann")
    (done,) = repaired(settings, clock)
    assert "nothing that can be read" in done.failure
    assert [path.name for path in set_aside_in(file.parent)] == [done.kept_as]


@pytest.mark.parametrize("rounds", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_whatever_the_damage_repair_ends_and_the_scope_can_be_used(
    file: Path,
    settings: Settings,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
    rounds: int,
) -> None:
    # Enough for a file of this size; with all patience a lost end takes seconds to give up.
    monkeypatch.setattr(salvage, "PATIENCE", 5_000)
    chance, content = random.Random(3), file.read_bytes()
    for _ in range(rounds):
        harmed = bytearray(content)
        for _ in range(chance.choice((1, 5, 30))):
            at, length = chance.randrange(len(content)), chance.choice((1, 50, PAGE))
            harmed[at : at + length] = chance.randbytes(length)
        if chance.random() < 0.3:
            del harmed[chance.randrange(PAGE, len(harmed)) :]
        for path in file.parent.glob(f"{file.name}*"):
            path.unlink()
        file.write_bytes(harmed)
        repaired(settings, clock)
        with Scopes(settings, clock=clock) as scopes:
            memory = scopes.open("user:ann")
            memory.remember("afterwards")
            assert memory.recall("afterwards").hits
            store = memory.store
            assert isinstance(store, SqliteStore)
            assert store.db.value("pragma integrity_check") == "ok"


def test_a_healthy_folder_is_left_as_it_is(
    file: Path, settings: Settings, clock: StoppedClock
) -> None:
    before = file.read_bytes()
    assert repaired(settings, clock) == []
    assert file.read_bytes() == before
