"""Slow calls of one token hold up no other token."""

from collections import Counter
from pathlib import Path

import anyio
import pytest
from http_server import local_server, new_token, text_of

from routemem.memory_core.errors import TooManyCalls
from routemem.memory_core.storage.lock import WriterLock
from routemem.memory_core.storage.registry import file_name
from routemem.server.callers import Caller, caller
from routemem.server.workers import Workers

pytestmark = pytest.mark.anyio


def called_by(name: str) -> None:
    caller.set(Caller(name, ("*",), read_only=False))


async def test_a_caller_has_so_many_threads_and_the_next_finds_one() -> None:
    workers, freed, begun = Workers(2, 10), anyio.Event(), Counter[str]()

    def slow() -> None:
        asking = caller.get()
        assert asking
        begun[asking.id] += 1
        anyio.from_thread.run(freed.wait)

    async def ask(name: str) -> None:
        called_by(name)
        await workers.run(slow)

    async with anyio.create_task_group() as group:
        for name in ("ana",) * 8 + ("bob",) * 3:
            group.start_soon(ask, name)
        with anyio.fail_after(10):
            while begun != {"ana": 2, "bob": 2}:
                await anyio.sleep(0.005)
        freed.set()
    assert begun == {"ana": 8, "bob": 3}


async def test_what_waits_is_bounded_and_the_next_call_is_refused_unbegun() -> None:
    workers, freed, done = Workers(1, 3), anyio.Event(), list[None]()

    async def ask() -> None:
        called_by("ana")
        await workers.run(lambda: done.append(anyio.from_thread.run(freed.wait)))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        called_by("ana")
        with pytest.raises(TooManyCalls, match="3 calls of this token wait"):
            await workers.run(lambda: done.append(None))
        called_by("bob")
        assert await workers.run(lambda: "bob's") == "bob's"
        freed.set()
    assert len(done) == 4


async def test_a_token_whose_writes_wait_for_another_process_stops_no_other(
    tmp_path: Path,
) -> None:
    ana, bob = new_token(tmp_path, "ana", "user:ana"), new_token(tmp_path, "bob", "user:bob")
    with local_server(tmp_path, ROUTEMEM_HTTP_WAITING="6") as server:
        async with server.client(ana) as hers, server.client(bob) as his:
            await hers.call_tool("remember", {"content": "first"})
            lock = WriterLock(tmp_path / "data" / file_name("user:ana"), 10)
            said = Counter[str]()

            async def write(number: int) -> None:
                result = await hers.call_tool("remember", {"content": f"note {number}"})
                said[text_of(result).split(":")[0] if result.is_error else "stored"] += 1

            async with anyio.create_task_group() as group:
                with lock:
                    for number in range(45):  # more than there are threads
                        group.start_soon(write, number)
                    with anyio.fail_after(20):
                        while said["too_many_calls"] < 35:  # the others are being worked on
                            await anyio.sleep(0.01)
                    with anyio.fail_after(5):
                        for tool, given in (("remember", {"content": "his"}), ("recall", {})):
                            result = await his.call_tool(tool, given)
                            assert not result.is_error, text_of(result)
            assert said == {"stored": 10, "too_many_calls": 35}
