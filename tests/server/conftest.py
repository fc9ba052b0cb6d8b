"""The command line in this process, and a client of the server in both eras of the protocol."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from command import own_settings
from mcp import Client

from routemem.memory_core.settings import Settings
from routemem.server.app import build_server
from routemem.server.cli import main

#: Runs a command and returns what it said.
Say: TypeAlias = Callable[..., str]


@pytest.fixture
def anyio_backend() -> str:
    """Asyncio alone, as the server runs."""
    return "asyncio"


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Client]:
    """A client in the same process, once in each era."""
    async with Client(build_server(settings), mode=request.param) as client:
        yield client


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Commands of this process keep to ``tmp_path`` and use the hashing embedder."""
    for name, value in own_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    yield tmp_path
    for handler in list(logging.getLogger().handlers):  # it holds this test's stderr
        if type(handler) is logging.StreamHandler:
            logging.getLogger().removeHandler(handler)
    logging.getLogger("routemem").setLevel(logging.NOTSET)


@pytest.fixture
def say(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command that must succeed and return its stdout."""

    def command(*arguments: str) -> str:
        status = main(arguments)
        said = capsys.readouterr()
        assert (status, said.err) == (0, "")
        return said.out

    return command


@pytest.fixture
def refused(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command that must fail without an answer and return its stderr."""

    def command(*arguments: str) -> str:
        status = main(arguments)
        said = capsys.readouterr()
        assert (status, said.out) == (1, "")
        return said.err

    return command
