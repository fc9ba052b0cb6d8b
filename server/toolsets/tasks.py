"""create_task, update_task, list_tasks."""

from typing import TYPE_CHECKING, Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field

from ..arguments import AnyCase, JsonObject, Names, OneOrMany
from ..calls import Calls
from ..replies.boards import fitting, task_fields, task_line
from ..results import TasksOut
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Scopes
    from routemem.memory_core.boards.cards import Task

Status = Literal["pending", "in_progress", "completed", "cancelled"]
Priority = Annotated[int, Field(ge=0, le=10, description="10 comes first")]


def _create(calls: Calls) -> Tool:
    async def create_task(
        title: str,
        description: str = "",
        priority: Priority = 5,
        agent: Annotated[str, Field(description="Who does it, name or id")] = "",
        dependencies: Annotated[Names, Field(description="Ids of tasks that come before")] = [],  # noqa: B006  pydantic copies defaults
        metadata: JsonObject = {},  # noqa: B006  pydantic copies defaults
        scope: str = "",
    ) -> CallToolResult:
        """Put a task on the board, to be worked on now or in a later session."""

        def work(scopes: "Scopes") -> "tuple[Memory, Task]":
            memory = scopes.open(scope)
            return memory, memory.boards.tasks.create(
                title, description=description, priority=priority, agent=agent,
                dependencies=dependencies, metadata=metadata,
            )  # fmt: skip

        return _told([await calls.run("create_task", work)], "")

    return create_task


def _update(calls: Calls) -> Tool:
    async def update_task(
        id: str,
        status: Annotated[Status | Literal[""], AnyCase] = "",
        progress: Annotated[int, Field(ge=-1, le=100, description="Percent; -1: as it is")] = -1,
        priority: Annotated[int, Field(ge=-1, le=10, description="-1: as it is")] = -1,
        title: str = "",
        description: str = "",
        agent: str = "",
        dependencies: Annotated[Names, Field(description="Replaces them; none: as they are")] = [],  # noqa: B006  pydantic copies defaults
        metadata: JsonObject = {},  # noqa: B006  pydantic copies defaults
        scope: str = "",
    ) -> CallToolResult:
        """Change a task: what is left out stays. Call it when work starts, gets on or is done."""

        def work(scopes: "Scopes") -> "tuple[Memory, Task]":
            memory = scopes.locate(id, scope)
            return memory, memory.boards.tasks.update(
                id,
                title=title or None,
                description=description or None,
                status=status or None,
                progress=None if progress < 0 else progress,
                priority=None if priority < 0 else priority,
                agent=agent or None,
                dependencies=dependencies or None,
                metadata=metadata or None,
            )

        return _told([await calls.run("update_task", work)], "")

    return update_task


def _list(calls: Calls) -> Tool:
    async def list_tasks(
        status: Annotated[
            list[Status], OneOrMany, Field(description="Empty: those still to be done")
        ] = [],  # noqa: B006  pydantic copies defaults
        agent: str = "",
        id: Annotated[str, Field(description="This one only")] = "",
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        scope: str = "",
    ) -> CallToolResult:
        """List tasks, highest priority first, with what each waits for."""

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[list[Task], str]]":
            memory = scopes.locate(id, scope) if id else scopes.look(scope)
            from routemem.memory_core.boards.cards import UNDONE  # the core is imported late

            tasks = memory.boards.tasks
            if id:
                found = [tasks.get(id)]
            else:
                found = tasks.list(status=status or UNDONE, agent=agent)
            return memory, fitting(found, task_line, task_fields, memory.counter.count, limit)

        return _told(*await calls.run("list_tasks", work))

    return list_tasks


def _told(tasks: "list[Task]", note: str) -> CallToolResult:
    lines = [*map(task_line, tasks), *filter(None, [note])]
    out = TasksOut(tasks=[*map(task_fields, tasks)], note=note)
    return answer("\n".join(lines) or "No such tasks.", out)


TOOLS = (
    ToolSpec("create_task", "Create task", _create, hints(repeats=False)),
    ToolSpec("update_task", "Update task", _update, hints()),
    ToolSpec("list_tasks", "List tasks", _list, hints(reads=True)),
)
