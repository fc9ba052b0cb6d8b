"""A scope file of every schema there has been is opened, brought up to date, and used."""

import gzip
from pathlib import Path

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage import migrations
from routemem.memory_core.storage.database import Database
from routemem.memory_core.storage.migrations import MIGRATIONS, applied
from routemem.memory_core.storage.registry import file_name
from routemem.memory_core.storage.sqlite import SqliteStore

DATA = Path(__file__).parents[2] / "data"
NAMES = [name for name, _ in MIGRATIONS]


@pytest.fixture(params=NAMES)
def old(request: pytest.FixtureRequest, data_dir: Path) -> Path:
    """A file that was written when the named migration was the last, as the one of user:ann."""
    data_dir.mkdir(mode=0o700)
    path = data_dir / file_name("user:ann")
    path.write_bytes(gzip.decompress((DATA / f"{request.param}.db.gz").read_bytes()))
    return path


def test_there_is_a_file_of_every_schema() -> None:
    """If this fails: python scripts/make_old_scopes.py"""
    assert sorted(path.name for path in DATA.glob("*.db.gz")) == [f"{n}.db.gz" for n in NAMES]


def test_an_old_file_is_brought_up_to_date_and_holds_what_it_held(
    old: Path, settings: Settings, clock: StoppedClock
) -> None:
    with Scopes(settings, clock=clock) as scopes:
        memory = scopes.open("user:ann")
        assert isinstance(memory.store, SqliteStore)
        assert sorted(applied(memory.store.db)) == NAMES
        assert memory.store.db.value("pragma integrity_check") == "ok"
        hit = memory.recall("tide gauge of Ghent").hits[0]
        assert (hit.id, hit.text) == ("a-1", "The tide gauge of Ghent was moved in March.")
        assert hit.cosine is not None
        assert hit.cosine > 0.5
        archived = memory.find("a-3")
        assert archived
        assert (archived.state, archived.tags) == ("archived", ("harbour",))
        assert [hit.id for hit in memory.recall("hazelnuts", kinds=["turn"]).hits] == ["a-2"]
        assert memory.get_fact("user.city") == "Ghent"
        assert memory.get_facts(["user.city"], as_of=1.5)[0].value == "Lisbon"
        assert scopes.locate("a-2").scope == "user:ann"
        assert memory.utilisation().used > 0
        new = memory.remember("written today").id
        assert new not in {f"a-{n}" for n in range(10)}
        memory.forget(["a-1"], mode="purge")
        assert memory.recall("tide gauge of Ghent").hits[0].id != "a-1"
        assert memory.status().items["active"] == 2


@pytest.mark.parametrize("fails", ["the last step", "the first step it needs"])
def test_a_migration_that_fails_leaves_the_file_as_it_was(
    old: Path, settings: Settings, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    before = old.read_bytes()

    def broken(db: Database) -> None:
        db.connection.execute("create table half(done); drop table vectors")
        raise ZeroDivisionError

    done = NAMES.index(_last_of(old)) + 1
    at = len(MIGRATIONS) if fails == "the last step" else done
    steps = [*MIGRATIONS[:at], ("m999_broken", broken), *MIGRATIONS[at:]]
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", tuple(steps))
        with Scopes(settings, clock=clock) as scopes, pytest.raises(ZeroDivisionError):
            scopes.open("user:ann")
    assert old.read_bytes() == before
    assert not list(old.parent.glob("*.damaged-*"))
    with Scopes(settings, clock=clock) as scopes:
        assert scopes.open("user:ann").find("a-1")


def _last_of(old: Path) -> str:
    """Name of the last migration a file has had; its folder is left as it was."""
    db = Database(old)
    name = applied(db)[-1]
    db.close()
    return name
