"""Agents are found by what they are and can do."""

import pytest

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.memory import Memory


def test_an_agent_is_found_by_type_capability_and_tool(memory: Memory) -> None:
    agents = memory.boards.agents
    agents.register("Ann", type="Planner", capabilities=["Plan", "review"], tools=["git"])
    agents.register("Bo", type="tester", capabilities=["review"])
    assert [agent.name for agent in agents.list(type="planner")] == ["Ann"]
    assert [agent.name for agent in agents.list(capability="REVIEW")] == ["Ann", "Bo"]
    assert [agent.name for agent in agents.list(tool="git")] == ["Ann"]
    assert agents.list(type="planner", tool="hammer") == []


def test_the_same_name_again_replaces_what_was_said(memory: Memory) -> None:
    agents = memory.boards.agents
    first = agents.register("Ann", capabilities=["plan"])
    second = agents.register("ANN", capabilities=["test"])
    assert second.id == first.id
    assert [agent.capabilities for agent in agents.list()] == [("test",)]


def test_an_agent_needs_a_name(memory: Memory) -> None:
    with pytest.raises(InvalidArgument):
        memory.boards.agents.register(" ")
    assert memory.boards.agents.list() == []
