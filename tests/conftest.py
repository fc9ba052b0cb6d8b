"""What every test may use: a stopped clock, a data folder, a store, a memory, scopes.

Nothing a test opens stays open, and no test sees or touches what belongs to the user.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in a server; before numpy is imported
# Else every process a test starts compiles the product anew: 0.3 s, some hundred times.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import pytest
import ram_disk
from dict_store import DictStore
from stopped_clock import StoppedClock

from routemem.memory_core.errors import StorageError
from routemem.memory_core.memory import Memory
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import ENV_PREFIX, Settings
from routemem.memory_core.storage.contract import Store
from routemem.memory_core.storage.database import Database
from routemem.memory_core.storage.sqlite import SqliteStore

ram_disk.use()

#: Where programs look for a user's folders, on any system.
HOMES = {
    "HOME": "",
    "USERPROFILE": "",
    "APPDATA": "roaming",
    "LOCALAPPDATA": "local",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_STATE_HOME": "state",
}


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the test's own, as pytest's but for its number.

    To number a folder pytest reads the names of all before it: half a minute in a whole run.
    """
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=tmp_path_factory.getbasetemp()))


def move_home(home: Path, patch: pytest.MonkeyPatch) -> None:
    for name, folder in HOMES.items():
        patch.setenv(name, str(home / folder))


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No ROUTEMEM_ variable, no home folder of the user's, a keyring that always refuses."""
    homes = tmp_path_factory.mktemp("homes")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
            patch.delenv(name)
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        move_home(homes / "of_modules", patch)  # for what serves a whole one
        yield homes


@pytest.fixture(autouse=True)
def _an_empty_home(_nothing_of_the_users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has one of its own."""
    move_home(Path(tempfile.mkdtemp(dir=_nothing_of_the_users)), monkeypatch)


@pytest.fixture(autouse=True)
def _nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close every memory and database the test opened, last first."""
    opened: list[Any] = []

    def recorded(kind: type) -> None:
        make: Any = vars(kind)["__init__"]

        def remembered(self: Any, *args: Any, **named: Any) -> None:
            make(self, *args, **named)
            opened.append(self)

        monkeypatch.setattr(kind, "__init__", remembered)

    recorded(Memory)
    recorded(Database)
    yield
    for thing in reversed(opened):
        with contextlib.suppress(StorageError):
            thing.close()


@pytest.fixture
def clock() -> StoppedClock:
    """The time, which moves when the test says so: ``clock.advance(days=1)``."""
    return StoppedClock()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
def settings(tmp_path: Path, data_dir: Path) -> Settings:
    """Settings of a process that keeps everything under ``tmp_path``, with the hashing embedder."""
    return Settings(
        data_dir=str(data_dir), key_dir=str(tmp_path / "keys"), keyring=False, embedder="hash"
    )


@pytest.fixture
def scopes(settings: Settings, clock: StoppedClock) -> Iterator[Scopes]:
    """The scopes of the data folder."""
    with Scopes(settings, clock=clock) as scopes:
        yield scopes


@pytest.fixture
def memory(tmp_path: Path, settings: Settings, clock: StoppedClock) -> Memory:
    """One memory in a file of its own."""
    return Memory.open(tmp_path / "memory.db", embedder="hash", settings=settings, clock=clock)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    """An empty store in a file, whose ids begin with ``a-``."""
    return SqliteStore(tmp_path / "store.db", "global", "a", now=0.0)


@pytest.fixture(params=["file", "in memory", "dict"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each make; a test that uses it states the contract."""
    if request.param == "dict":
        return DictStore("global", "a")
    path = tmp_path / "any.db" if request.param == "file" else None
    return SqliteStore(path, "global", "a", now=0.0)
