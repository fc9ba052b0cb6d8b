"""What a client can read without a tool: scopes, single memories, facts, the index."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from mcp.server.mcpserver.exceptions import ResourceNotFoundError

from routemem.memory_core.errors import RoutememError

from .calls import Calls
from .replies.boards import agent_fields, question_fields, task_fields
from .replies.facts import fact_fields
from .surface import Surface
from .views import STATE, USAGE, usage, whole_item

if TYPE_CHECKING:
    from routemem.memory_core import Scopes

T = TypeVar("T")
_JSON = "application/json"
#: Board -> its title, the tool that tells the same, and how a card of it reads.
BOARDS: dict[str, tuple[str, str, Callable[[Any], dict[str, Any]]]] = {
    "tasks": ("Tasks", "list_tasks", task_fields),
    "agents": ("Agents", "list_agents", agent_fields),
    "questions": ("Questions", "list_questions", question_fields),
}


def register(server: Surface, calls: Calls) -> None:
    """Add the resources of which no tool that tells the same was taken away.

    Memories are a template, not a list: there may be a million.
    """
    _add_fixed(server, calls)
    for tools, add in (
        (("recall",), _add_item),
        (("index_report",), _add_index),
        (("get_facts",), _add_facts),
        (("get_context",), _add_turns),
        (STATE, _add_state),
        (USAGE, _add_usage),
    ):
        if calls.may_tell(*tools):
            add(server, calls)
    for board, (title, tool, told) in BOARDS.items():
        if calls.may_tell(tool):
            _add_board(server, calls, board, title, told)


def _add_fixed(server: Surface, calls: Calls) -> None:
    @server.resource("memory://scopes", title="Scopes", mime_type=_JSON)
    async def scopes() -> str:
        """Every scope of the data folder that this server may open."""
        return _json(await _read(calls, lambda scopes: scopes.names()))

    @server.resource("memory://models", title="Language models", mime_type=_JSON)
    async def models() -> str:
        """Contexts, prices (US dollars a million tokens) and thresholds of language models."""
        return _json(await _read(calls, lambda scopes: _models(scopes)))

    @server.resource("memory://policy", title="Policy", mime_type=_JSON)
    async def policy() -> str:
        """When turns cease to be recent, and memories are compressed, archived, deleted."""
        return _json(await _read(calls, _policy))


def _add_item(server: Surface, calls: Calls) -> None:
    @server.resource("memory://{scope}/items/{id}", title="Memory", mime_type=_JSON)
    async def item(scope: str, id: str) -> str:
        """One memory with all its fields and its whole text."""
        return _json(
            await _read(calls, lambda scopes: whole_item(scopes, unquote(scope), unquote(id)))
        )


def _add_index(server: Surface, calls: Calls) -> None:
    @server.resource("memory://{scope}/index", title="Index", mime_type=_JSON)
    async def index(scope: str) -> str:
        """How the vectors of a scope lie: mode, buckets, balance, generation, bytes."""
        look = unquote(scope)
        return _json(await _read(calls, lambda scopes: scopes.look(look).index.report()))


def _add_facts(server: Surface, calls: Calls) -> None:
    @server.resource("memory://{scope}/facts{?as_of,known_at}", title="Facts", mime_type=_JSON)
    async def facts(scope: str, as_of: str = "", known_at: str = "") -> str:
        """Every fact that is true now, or was true (as_of), or was thought to be (known_at)."""

        def work(scopes: "Scopes") -> list[dict[str, Any]]:
            found = scopes.look(unquote(scope)).get_facts(
                as_of=unquote(as_of), known_at=unquote(known_at)
            )
            return [fact_fields(fact, history=False) for fact in found]

        return _json(await _read(calls, work))

    @server.resource("memory://{scope}/facts/{key}{?as_of,known_at}", title="Fact", mime_type=_JSON)
    async def fact(scope: str, key: str, as_of: str = "", known_at: str = "") -> str:
        """One fact with its whole history; with as_of what was true then."""

        def work(scopes: "Scopes") -> list[dict[str, Any]]:
            memory, name = scopes.look(unquote(scope)), unquote(key)
            found = memory.get_facts(
                [name], history=not as_of, as_of=unquote(as_of), known_at=unquote(known_at)
            )
            if not found and not memory.get_facts([name], history=True):
                raise ResourceNotFoundError(f"not_found: No fact {name!r} in {unquote(scope)!r}.")
            return [fact_fields(fact, history=True) for fact in found]

        return _json(await _read(calls, work))


def _add_turns(server: Surface, calls: Calls) -> None:
    @server.resource("memory://{scope}/recent", title="Recent turns", mime_type=_JSON)
    async def recent(scope: str) -> str:
        """The turns that every context shows now, oldest first."""

        def work(scopes: "Scopes") -> list[dict[str, Any]]:
            return [
                {
                    "id": item.id,
                    "speaker": item.speaker,
                    "date": _time(item.created_at if item.when is None else item.when),
                    "text": text,
                    "shortened": text != item.text,
                }
                for item, text in scopes.look(unquote(scope)).recent()
                if item.trust != "untrusted"  # it may have been corrected from outside
            ]

        return _json(await _read(calls, work))


def _add_state(server: Surface, calls: Calls) -> None:
    @server.resource("memory://{scope}/state", title="State", mime_type=_JSON)
    async def state(scope: str) -> str:
        """Counts, facts, boards and usage of a scope, without the texts of its memories."""
        look = unquote(scope)
        return _json(await _read(calls, lambda scopes: scopes.look(look).transfer.snapshot()))


def _add_usage(server: Surface, calls: Calls) -> None:
    @server.resource("memory://{scope}/usage", title="Usage", mime_type=_JSON)
    async def used(scope: str) -> str:
        """Tokens and costs by day and model, and how often each tool was called."""
        return _json(await _read(calls, lambda scopes: usage(scopes, unquote(scope))))


def _add_board(
    server: Surface, calls: Calls, board: str, title: str, told: Callable[[Any], dict[str, Any]]
) -> None:
    @server.resource(
        f"memory://{{scope}}/{board}",
        name=board,
        title=title,
        description=f"All {board} of a scope, highest priority first.",
        mime_type=_JSON,
    )
    async def every(scope: str) -> str:
        def work(scopes: "Scopes") -> list[dict[str, Any]]:
            return [told(card) for card in scopes.look(unquote(scope)).boards.every(board)]

        return _json(await _read(calls, work))


async def _read(calls: Calls, work: "Callable[[Scopes], T]") -> T:
    try:
        return await calls.look(work)
    except RoutememError as error:
        calls.hide_folder(error)
        raise ResourceNotFoundError(f"{error.code}: {error}") from error


def _time(at: float) -> str:
    from routemem.memory_core.text.times import iso

    return iso(at)


def _policy(scopes: "Scopes") -> dict[str, Any]:
    from routemem.memory_core.lifecycle.budget import policy_of
    from routemem.memory_core.lifecycle.recent import RecentPolicy
    from routemem.memory_core.model_table import load_models

    settings = scopes.settings
    model, note = load_models(settings.models_file).find(settings.model)
    return {
        "recent": asdict(RecentPolicy.of(settings)),
        "lifecycle": asdict(policy_of(settings, model)),
        "undo_days": settings.undo_days,
        "model": model.name,
        "note": note,
    }


def _models(scopes: "Scopes") -> dict[str, Any]:
    from routemem.memory_core.model_table import load_models, shipped

    said = shipped()
    table = load_models(scopes.settings.models_file)
    found, warning = table.find(scopes.settings.model)
    return {
        "as_of": said["as_of"],
        "about": said["about"],
        "uncertain": said["uncertain"],
        "model": asdict(found),
        "note": warning,
        "default": asdict(table.default),
        "models": {name: asdict(model) for name, model in table.known.items()},
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
