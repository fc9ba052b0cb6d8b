"""What lies on the boards: tasks, agents, questions. All frozen; times are seconds UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

TaskStatus: TypeAlias = Literal["pending", "in_progress", "completed", "cancelled"]
QuestionStatus: TypeAlias = Literal["open", "answered", "declined"]

TASK_STATUSES: tuple[str, ...] = get_args(TaskStatus)
QUESTION_STATUSES: tuple[str, ...] = get_args(QuestionStatus)
#: Statuses of a task that is still to be done.
UNDONE: tuple[str, ...] = ("pending", "in_progress")


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done.

    Attributes:
        priority: 0 to 10; higher comes first.
        progress: percent, 0 to 100.
        agent: name of who does it; "" for nobody yet.
        dependencies: ids of tasks of the same scope that come before it.
        waits_for: those of them that are not done yet; worked out when it is read.
        completed_at: when it was completed; None while it is not.
    """

    title: str
    description: str = ""
    status: TaskStatus = "pending"
    progress: int = 0
    priority: int = 5
    agent: str = ""
    dependencies: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    completed_at: float | None = None
    id: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody who does tasks; its name is unique in the scope, case ignored."""

    name: str
    type: str = ""
    capabilities: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Question:
    """Something only a person can answer.

    Attributes:
        context: what the person has to know to answer.
        options: answers to choose from; none: any.
        priority: 0 to 10; higher comes first.
        via: how the answer came: "elicitation" (the client asked the person), "tool" (a model
            passed it on) or "person" (command line, library).
    """

    text: str
    context: str = ""
    priority: int = 5
    status: QuestionStatus = "open"
    answer: str = ""
    via: str = ""
    answered_at: float | None = None
    options: tuple[str, ...] = ()
    id: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
