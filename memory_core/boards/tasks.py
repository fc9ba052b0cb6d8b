"""Tasks: what is to be done, by whom, in which order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from ..draft import checked_metadata, one_of, short
from ..errors import Conflict, InvalidArgument, NotFound
from ..intake import Intake
from ..lifecycle.dependencies import cycle
from ..storage.contract import Store
from .board import Board, rank_of, text_of
from .cards import TASK_STATUSES, UNDONE, Task, TaskStatus

MAX_DEPENDENCIES = 64


class Tasks:
    """The tasks of one scope."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        intake: Intake,
        name_of_agent: Callable[[str], str],
    ) -> None:
        self._board = Board(store, clock, intake, "tasks", Task, "task")
        self._store = store
        self._clock = clock
        self._name_of_agent = name_of_agent

    def create(
        self,
        title: str,
        *,
        description: str = "",
        priority: int = 5,
        agent: str = "",
        dependencies: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> Task:
        """Put a task on the board.

        Args:
            agent: name or id of an agent, registered or not.
            dependencies: ids of tasks that come before it.

        Raises:
            InvalidArgument: a field is outside what is accepted.
            NotFound: a dependency is no task of this scope.
        """
        task = Task(
            title=short("title", text_of("title", title, needed=True)),
            description=text_of("description", description),
            priority=rank_of(priority),
            agent=self._name_of_agent(agent),
            metadata=checked_metadata(metadata or {}),
        )
        with self._store.atomic():
            before = self._known(dependencies)
            return self._told(self._board.add(replace(task, dependencies=before)))

    def update(
        self,
        id: str,
        *,
        title: str | None = None,
        description: str | None = None,
        status: str | None = None,
        progress: int | None = None,
        priority: int | None = None,
        agent: str | None = None,
        dependencies: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Task:
        """Change what is given and leave the rest.

        Completing sets progress to 100 and ``completed_at``; progress on a pending task starts it.

        Args:
            metadata: laid over what is there.

        Raises:
            InvalidArgument: a field is outside what is accepted.
            NotFound: the task or a dependency is not there.
            Conflict: the dependencies would go round in a circle; nothing was changed.
        """
        changes: dict[str, Any] = {}
        if title is not None:
            changes["title"] = short("title", text_of("title", title, needed=True))
        if description is not None:
            changes["description"] = text_of("description", description)
        if priority is not None:
            changes["priority"] = rank_of(priority)
        if agent is not None:
            changes["agent"] = self._name_of_agent(agent)
        with self._store.atomic():
            old = self._board.get(id)
            if metadata is not None:
                changes["metadata"] = checked_metadata({**old.metadata, **metadata})
            if dependencies is not None:
                changes["dependencies"] = self._without_cycle(old.id, dependencies)
            new = _moved(replace(old, **changes), status, progress, self._clock())
            return self._told(self._board.change(new) if new != old else old)

    def list(
        self, *, status: Sequence[str] = UNDONE, agent: str = "", limit: int | None = None
    ) -> list[Task]:
        """Tasks, highest priority first, then oldest.

        Args:
            status: of these statuses; none: all. By default those still to be done.
            agent: of this agent only (name or id).
        """
        for name in status:
            one_of("status", name, TASK_STATUSES)
        with self._store.reading():
            whose = self._name_of_agent(agent).casefold()
            everything = self._board.all()
        undone = {task.id for task in everything if task.status in UNDONE}
        found = [
            _waiting(task, undone)
            for task in everything
            if (not status or task.status in status) and whose in ("", task.agent.casefold())
        ]
        return sorted(found, key=lambda task: (-task.priority, task.created_at))[:limit]

    def get(self, id: str) -> Task:
        """One task.

        Raises:
            NotFound: there is none with this id.
        """
        with self._store.reading():
            return self._told(self._board.get(id))

    def _told(self, task: Task) -> Task:
        before = (self._board.find(id) for id in task.dependencies)
        return _waiting(task, {one.id for one in before if one and one.status in UNDONE})

    def _known(self, dependencies: Sequence[str]) -> tuple[str, ...]:
        if len(dependencies) > MAX_DEPENDENCIES:
            raise InvalidArgument(
                f"{len(dependencies)} dependencies, at most {MAX_DEPENDENCIES} are accepted."
            )
        found = {id: self._board.find(id) for id in dependencies}
        missing = [id[:40] for id, task in found.items() if task is None]
        if missing:
            raise NotFound(
                f"No task {', '.join(missing)} to depend on; nothing was changed. list_tasks tells "
                "the ids."
            )
        return tuple(dict.fromkeys(task.id for task in found.values() if task))

    def _without_cycle(self, id: str, dependencies: Sequence[str]) -> tuple[str, ...]:
        before = self._known(dependencies)
        needs = {task.id: task.dependencies for task in self._board.all()} | {id: before}
        if way := cycle(needs, id):
            raise Conflict(
                f"Dependencies would go round in a circle: {' needs '.join(way)}. Nothing was "
                "changed: leave one of them out."
            )
        return before


def _moved(task: Task, status: str | None, progress: int | None, now: float) -> Task:
    """The task with a new status and progress, which hang together."""
    if progress is not None and not 0 <= progress <= 100:
        raise InvalidArgument(f"progress is {progress}, expected 0 to 100 (percent).")
    was = task.status
    if status is not None:
        named = cast(TaskStatus, one_of("status", status, TASK_STATUSES))
    else:
        named = "in_progress" if progress and was == "pending" else was
    done = task.progress if progress is None else progress
    if named == "completed":
        first = task.completed_at if was == "completed" else None
        return replace(task, status=named, progress=100, completed_at=first or now)
    if was == "completed" and progress is None:
        done = 0  # taken up again
    return replace(task, status=named, progress=done, completed_at=None)


def _waiting(task: Task, undone: set[str]) -> Task:
    return replace(task, waits_for=tuple(id for id in task.dependencies if id in undone))
