"""Agents: who there is, and what each can do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..draft import checked_metadata, short
from ..errors import InvalidArgument
from ..intake import Intake
from ..storage.contract import Store
from .board import Board
from .cards import Agent

MAX_NAMES = 64


class Agents:
    """The agents of one scope."""

    def __init__(self, store: Store, clock: Callable[[], float], intake: Intake) -> None:
        self._board = Board(store, clock, intake, "agents", Agent, "agent")
        self._store = store

    def register(
        self,
        name: str,
        *,
        type: str = "",
        capabilities: Sequence[str] = (),
        tools: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> Agent:
        """Register an agent; the same name again replaces what was said of it.

        Raises:
            InvalidArgument: a field is outside what is accepted.
        """
        said = Agent(
            name=short("name", name),
            type=short("type", type).casefold(),
            capabilities=_names("capabilities", capabilities),
            tools=_names("tools", tools),
            metadata=checked_metadata(metadata or {}),
        )
        if not said.name:
            raise InvalidArgument("name is empty: give the agent a name of its own.")
        with self._store.atomic():
            known = self.find(said.name)
            if known is None:
                return self._board.add(said)
            return self._board.change(replace(said, id=known.id, created_at=known.created_at))

    def list(self, *, type: str = "", capability: str = "", tool: str = "") -> list[Agent]:
        """Agents by name; of a type, with a capability, with a tool (case ignored)."""
        kind, can, has = (said.strip().casefold() for said in (type, capability, tool))
        found = [
            agent
            for agent in self._board.all()
            if kind in ("", agent.type)
            and (not can or can in agent.capabilities)
            and (not has or has in agent.tools)
        ]
        return sorted(found, key=lambda agent: agent.name.casefold())

    def find(self, ref: str) -> Agent | None:
        """The agent of a name (case ignored) or an id."""
        wanted = ref.strip().casefold()
        named = (agent for agent in self._board.all() if agent.name.casefold() == wanted)
        return next(named, None) or self._board.find(ref)

    def name_of(self, ref: str) -> str:
        """The name of an agent given by name or id; the text itself when none is registered."""
        said = short("agent", ref)
        agent = self.find(said) if said else None
        return agent.name if agent else said


def _names(field: str, said: Sequence[str]) -> tuple[str, ...]:
    names = sorted({short(field, name).casefold() for name in said} - {""})
    if len(names) > MAX_NAMES:
        raise InvalidArgument(f"{len(names)} {field}, at most {MAX_NAMES} are accepted.")
    return tuple(names)
