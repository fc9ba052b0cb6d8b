"""How answers about tasks, agents and questions read, in both forms and within a budget."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from routemem.memory_core.retrieval.lines import indented
from routemem.memory_core.text.times import iso

from .words import FRAME

if TYPE_CHECKING:
    from routemem.memory_core.boards.cards import Agent, Question, Task

T = TypeVar("T")
#: Tokens of a list of cards.
BUDGET = 1500


def task_fields(task: "Task") -> dict[str, Any]:
    """A task for programs: id, title, status and priority; the rest where it says something."""
    fields: dict[str, Any] = {
        "id": task.id,
        "title": task.title,
        "status": task.status,
        "priority": task.priority,
    }
    more = {
        "progress": task.progress,
        "agent": task.agent,
        "waits_for": list(task.waits_for),
        "dependencies": list(task.dependencies),
        "description": task.description,
        "metadata": dict(task.metadata),
        "completed_at": iso(task.completed_at) if task.completed_at is not None else "",
    }
    return fields | {name: said for name, said in more.items() if said}


def task_line(task: "Task") -> str:
    """A task for a model."""
    agent = f", {task.agent}" if task.agent else ""
    done = f" {task.progress} %" if 0 < task.progress < 100 else ""
    waits = f"; waits for {', '.join(task.waits_for)}" if task.waits_for else ""
    said = f"\n  {indented(task.description)}" if task.description else ""
    return (
        f"[{task.id}] {indented(task.title)} ({task.status}{done}, priority {task.priority}"
        f"{agent}{waits}){said}"
    )


def agent_fields(agent: "Agent") -> dict[str, Any]:
    """An agent for programs."""
    more = {
        "type": agent.type,
        "capabilities": list(agent.capabilities),
        "tools": list(agent.tools),
        "metadata": dict(agent.metadata),
    }
    return {"id": agent.id, "name": agent.name} | {n: said for n, said in more.items() if said}


def agent_line(agent: "Agent") -> str:
    """An agent for a model."""
    kind = f" ({agent.type})" if agent.type else ""
    can = f"; can {', '.join(agent.capabilities)}" if agent.capabilities else ""
    tools = f"; tools {', '.join(agent.tools)}" if agent.tools else ""
    return f"[{agent.id}] {agent.name}{kind}{can}{tools}"


def question_fields(question: "Question") -> dict[str, Any]:
    """A question for programs."""
    more = {
        "options": list(question.options),
        "answer": question.answer,
        "via": question.via,
        "context": question.context,
        "answered_at": iso(question.answered_at) if question.answered_at is not None else "",
    }
    fields: dict[str, Any] = {
        "id": question.id,
        "question": question.text,
        "status": question.status,
        "priority": question.priority,
        "asked_at": iso(question.created_at),
    }
    return fields | {name: said for name, said in more.items() if said}


def question_line(question: "Question") -> str:
    """A question for a model."""
    context = f"\n  {indented(question.context)}" if question.context else ""
    offered = " / ".join(map(indented, question.options))
    options = f"\n  options: {offered}" if offered else ""
    answer = f"\n  answer: {indented(question.answer)}" if question.answer else ""
    return (
        f"[{question.id}] {indented(question.text)} ({question.status}, priority "
        f"{question.priority}){context}{options}{answer}"
    )


def fitting(
    cards: Sequence[T],
    line: Callable[[T], str],
    fields: Callable[[T], dict[str, Any]],
    count: Callable[[str], int],
    limit: int,
    budget: int = BUDGET,
) -> tuple[list[T], str]:
    """The first cards that fit in a budget in either form, and a note on those that do not."""
    room = budget - FRAME
    kept: list[T] = []
    for card in cards[:limit]:
        said = json.dumps(fields(card), ensure_ascii=False, separators=(",", ":"))
        cost = max(count(line(card)), count(said)) + 2
        if cost > room:
            break
        kept.append(card)
        room -= cost
    left = len(cards) - len(kept)
    return kept, f"{left} more: filter, or read one by its id." if left else ""
