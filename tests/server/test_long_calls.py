"""Long calls tell the client how far they are; cancelled, they leave whole transactions behind."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from routemem.memory_core.records import Item
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.transfer.bundle import Writer
from routemem.memory_core.transfer.exporting import line
from routemem.memory_core.transfer.importing import TOGETHER
from routemem.server.app import build_server
from routemem.server.commands.watching import watched

MANY = 4 * TOGETHER
Heard = list[tuple[float, float | None]]


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Client]:
    server = build_server(replace(settings, toolsets=("default", "admin")))
    async with Client(server, mode=request.param) as client:
        yield client


def write_bundle(data_dir: Path, many: int) -> str:
    folder = data_dir / "exports"
    folder.mkdir(parents=True)
    with (folder / "large.jsonl").open("wb") as file:
        writer = Writer(file, "global", "a")
        for number in range(many):
            text = f"thing number {number}"
            writer.put(line("item", Item(text, id=f"a-{number}", created_at=float(number))))
        writer.end()
    return "large.jsonl"


async def heard_of(client: Client, tool: str, **arguments: Any) -> tuple[Any, Heard]:
    """What a call answers, and the progress that arrived."""
    heard: Heard = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total))

    result = await client.call_tool(tool, arguments, progress_callback=hear)
    assert not result.is_error, result.content
    return result.structured_content, heard


@pytest.mark.anyio
async def test_long_calls_tell_how_far_they_are(settings: Settings, data_dir: Path) -> None:
    file = write_bundle(data_dir, 300)
    async with Client(build_server(replace(settings, toolsets=("default", "admin")))) as client:
        done, heard = await heard_of(client, "import_memory", file=file)
        assert done["added"] == {"item": 300}
        assert heard == sorted(heard)
        assert heard[-1] == (300, 300)
        _, heard = await heard_of(client, "export_memory")
        assert heard[-1] == (256, None)
        texts = [f"On day {n} the river stood high. " * 30 for n in range(3)]
        ids = [(await heard_of(client, "remember", content=text))[0]["id"] for text in texts]
        done, heard = await heard_of(client, "compress", ids=ids)
        assert len(done["compressed"]) == 3
        assert heard[-1] == (3, 3)


@pytest.mark.anyio
async def test_hygiene_tells_how_far_it_is(settings: Settings) -> None:
    with Scopes(settings, clock=lambda: 1_700_000_000.0) as scopes:
        for n in range(8):
            scopes.open().remember(f"note {n}: " + "The river stood high that day. " * 12)
    late = replace(settings, toolsets=("admin",), now="2023-11-24")
    async with Client(build_server(late)) as client:
        done, heard = await heard_of(client, "run_hygiene")
    assert done["count"] > 0
    assert heard[-1] == (done["count"], done["count"])


@pytest.mark.anyio
async def test_a_cancelled_import_leaves_whole_transactions_and_is_completed_by_the_next(
    client: Client, data_dir: Path, settings: Settings
) -> None:
    file = write_bundle(data_dir, MANY)
    async with anyio.create_task_group() as group:

        async def stop(progress: float, total: float | None, message: str | None) -> None:
            group.cancel_scope.cancel()

        async def start() -> None:
            await client.call_tool("import_memory", {"file": file}, progress_callback=stop)

        with anyio.fail_after(30):
            group.start_soon(start)
    with Scopes(settings) as scopes, anyio.fail_after(30):
        memory = scopes.open()
        while not any(op == "import_stopped" for op, *_ in memory.store.calls()):
            await anyio.sleep(0.02)
        stored = memory.store.count_items()
    assert 0 < stored < MANY
    assert stored % TOGETHER == 0
    done, heard = await heard_of(client, "import_memory", file=file)
    assert (done["added"], done["known"]) == ({"item": MANY - stored}, stored)
    assert heard


@pytest.fixture
def set_interrupt() -> Iterator[Callable[[Any], object]]:
    """Set what Ctrl-C does: the tests themselves may run where it does nothing."""
    before = signal.getsignal(signal.SIGINT)
    yield partial(signal.signal, signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_the_first_ctrl_c_ends_a_command_after_its_step_and_a_second_at_once(
    set_interrupt: Callable[[Any], object],
) -> None:
    set_interrupt(signal.default_int_handler)
    with watched("records") as course:
        assert not course.stopped()
        signal.raise_signal(signal.SIGINT)
        assert course.stopped()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_ctrl_c_is_ignored_a_long_work_goes_on(
    set_interrupt: Callable[[Any], object],
) -> None:
    set_interrupt(signal.SIG_IGN)  # as a shell does for a job in the background
    with watched("records") as course:
        signal.raise_signal(signal.SIGINT)
        assert not course.stopped()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
