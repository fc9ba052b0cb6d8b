"""Tasks are kept with what they need, and never wait for themselves."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stopped_clock import StoppedClock

from routemem.memory_core.errors import Conflict, InvalidArgument, NotFound
from routemem.memory_core.memory import Memory
from routemem.memory_core.settings import Settings


def test_tasks_come_by_priority_then_age(memory: Memory, clock: StoppedClock) -> None:
    tasks = memory.boards.tasks
    for title, priority in (("later", 3), ("first", 9), ("second", 9), ("last", 0)):
        tasks.create(title, priority=priority)
        clock.advance(seconds=60)
    assert [task.title for task in tasks.list()] == ["first", "second", "later", "last"]


def test_completing_says_when_and_taking_up_again_takes_it_back(
    memory: Memory, clock: StoppedClock
) -> None:
    tasks = memory.boards.tasks
    task = tasks.create("write it")
    assert (task.status, task.progress, task.completed_at) == ("pending", 0, None)
    assert tasks.update(task.id, progress=40).status == "in_progress"
    clock.advance(seconds=3600)
    done = tasks.update(task.id, status="completed")
    assert (done.progress, done.completed_at) == (100, clock())
    assert tasks.list() == []
    assert [one.id for one in tasks.list(status=["completed"])] == [task.id]
    clock.advance(seconds=3600)
    assert tasks.update(task.id, status="completed").completed_at == done.completed_at
    again = tasks.update(task.id, status="in_progress")
    assert (again.progress, again.completed_at) == (0, None)


def test_a_task_tells_what_it_still_waits_for(memory: Memory) -> None:
    tasks = memory.boards.tasks
    first, second = tasks.create("dig"), tasks.create("order wood")
    build = tasks.create("build", dependencies=[first.id, second.id.upper(), first.id])
    assert build.waits_for == (first.id, second.id)
    tasks.update(first.id, status="completed")
    tasks.update(second.id, status="cancelled")
    assert tasks.get(build.id).waits_for == ()
    assert tasks.get(build.id).dependencies == (first.id, second.id)


def test_a_circle_of_dependencies_is_refused_and_named(memory: Memory) -> None:
    tasks = memory.boards.tasks
    a = tasks.create("a")
    b = tasks.create("b", dependencies=[a.id])
    c = tasks.create("c", dependencies=[b.id])
    with pytest.raises(Conflict, match=f"{a.id} needs {c.id} needs {b.id} needs {a.id}"):
        tasks.update(a.id, dependencies=[c.id])
    with pytest.raises(Conflict):
        tasks.update(a.id, dependencies=[a.id])
    assert tasks.get(a.id).dependencies == ()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.lists(st.integers(0, 4), max_size=3)), max_size=12))
def test_no_order_of_updates_makes_a_circle(steps: list[tuple[int, list[int]]]) -> None:
    with Memory.open(None, embedder="none") as memory:
        tasks = memory.boards.tasks
        ids = [tasks.create(f"task {number}").id for number in range(5)]
        for number, before in steps:
            try:
                tasks.update(ids[number], dependencies=[ids[other] for other in before])
            except Conflict:
                continue
        left = {task.id: set(task.dependencies) for task in tasks.list()}
        while free := [id for id, needs in left.items() if not needs & left.keys()]:
            left = {id: needs for id, needs in left.items() if id not in free}
        assert left == {}


def test_what_is_not_given_stays(memory: Memory) -> None:
    tasks = memory.boards.tasks
    task = tasks.create("a", description="b", priority=7, agent="Ann", metadata={"k": 1})
    changed = tasks.update(task.id, metadata={"l": 2})
    assert (changed.description, changed.priority, changed.agent) == ("b", 7, "Ann")
    assert changed.metadata == {"k": 1, "l": 2}


def test_wrong_fields_change_nothing(memory: Memory) -> None:
    tasks = memory.boards.tasks
    task = tasks.create("a")
    wrongs: list[dict[str, Any]] = [
        {"priority": 11}, {"progress": 101}, {"status": "done"}, {"title": " "},
        {"description": "x" * 10_001},
    ]  # fmt: skip
    for wrong in wrongs:
        with pytest.raises(InvalidArgument):
            tasks.update(task.id, **wrong)
    with pytest.raises(NotFound):
        tasks.update(task.id, dependencies=["zz-9"])
    with pytest.raises(NotFound):
        tasks.update("zz-9", status="completed")
    assert tasks.list() == [task]


def test_a_registered_agent_gets_tasks_by_name_or_id(memory: Memory) -> None:
    agent = memory.boards.agents.register("Tester", type="qa")
    tasks = memory.boards.tasks
    for named in ("tester", agent.id, "TESTER "):
        assert tasks.create(f"for {named}", agent=named).agent == "Tester"
    tasks.create("for nobody")
    assert len(tasks.list(agent=agent.id)) == 3


def test_everything_is_there_after_a_restart(
    tmp_path: Path, settings: Settings, clock: StoppedClock
) -> None:
    path = tmp_path / "kept.db"
    with Memory.open(path, embedder="none", settings=settings, clock=clock) as memory:
        agent = memory.boards.agents.register("Ann", capabilities=["review"])
        first = memory.boards.tasks.create("first", agent="Ann")
        second = memory.boards.tasks.create("second", dependencies=[first.id])
        question = memory.boards.questions.ask("Which colour?")
        memory.remember("ids are shared with memories")
    with Memory.open(path, embedder="none", settings=settings, clock=clock) as memory:
        assert memory.boards.tasks.list() == [first, second]
        assert memory.boards.agents.list() == [agent]
        assert memory.boards.questions.list() == [question]
        assert memory.boards.tasks.create("third").id not in (first.id, second.id)
