"""Every REST route and what answers it.

The paths are those of the Advanced Memory Management System, and its names of fields are taken
beside ours, so that a program written for it finds what it knows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import BaseModel

from ... import results, views

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Scopes

BASE = "/memory-manager"
#: Gets the scopes, the name of one, and an id where the path has one; gives the memory it read.
View: TypeAlias = "Callable[[Scopes, str, str], tuple[Memory, dict[str, Any]]]"


@dataclass(frozen=True)
class Endpoint:
    """One route.

    Attributes:
        path: below `BASE`.
        tool: the tool that answers; for a view the name it is noted under.
        told: what it does, for the document.
        out: the form of the answer; of a view any object.
        given: arguments of the tool where the request names none.
        earlier: the other system's name of a field -> ours.
        view: reads something that no tool gives whole.
        needs: the tools that tell the same in parts: a view is there when all of them are.
    """

    method: Literal["GET", "POST"]
    path: str
    tool: str
    told: str
    out: type[BaseModel] | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    earlier: Mapping[str, str] = field(default_factory=dict)
    view: "View | None" = None
    needs: tuple[str, ...] = ()


def _item(scopes: "Scopes", scope: str, id: str) -> "tuple[Memory, dict[str, Any]]":
    memory = scopes.locate(id, scope)
    return memory, views.whole_item(scopes, memory.scope, id)


def _state(scopes: "Scopes", scope: str, _: str) -> "tuple[Memory, dict[str, Any]]":
    memory = scopes.look(scope)
    return memory, memory.transfer.snapshot()


def _usage(scopes: "Scopes", scope: str, _: str) -> "tuple[Memory, dict[str, Any]]":
    return scopes.look(scope), views.usage(scopes, scope)


#: All that a tool may answer with: a program has no context to be spared.
_WHOLE = {"format": "detailed", "max_tokens": 25_000}
_READ = {"item_id": "ids", "decompress": "format"}
_SEARCH = {"limit": "top_k", "content_types": "tags"}

# fmt: off
ENDPOINTS = (
    Endpoint("POST", "/items/add", "remember", "Store a memory.", results.RememberOut,
             earlier={"content_type": "tags"}),
    Endpoint("POST", "/items/retrieve", "recall", "Read memories by their ids.",
             results.RecallOut, given=_WHOLE, earlier=_READ),
    Endpoint("POST", "/items/search", "recall", "Search by meaning and by words.",
             results.RecallOut, earlier=_SEARCH),
    Endpoint("POST", "/items/compress", "compress", "Show memories by a short form.",
             results.CompressOut),
    Endpoint("POST", "/items/forget", "forget", "Archive, restore, delete or purge memories.",
             results.ForgetOut),
    Endpoint("GET", "/items/{id}", "read_item", "One memory, all of it, however long.",
             view=_item, needs=("recall",)),
    Endpoint("POST", "/turns/add", "log_turn", "Keep an exchange of a conversation.",
             results.LoggedOut),
    Endpoint("POST", "/context", "get_context", "What is known for a question, within a budget.",
             results.ContextOut),
    Endpoint("POST", "/facts/set", "set_fact", "Record a value that may change.",
             results.FactsOut),
    Endpoint("GET", "/facts", "get_facts", "Facts, now or as of a date.", results.FactsOut,
             given={"max_tokens": 25_000}),
    Endpoint("GET", "/state", "memory_status", "How much is stored, and of which budget.",
             results.StatusOut, given={"detail": "full"}),
    Endpoint("GET", "/state/export", "export_state",
             "Counts, facts, boards and usage of a scope; no texts of memories.", view=_state,
             needs=views.STATE),
    Endpoint("POST", "/hygiene", "run_hygiene", "Compress and archive what is due.",
             results.AdminOut),
    Endpoint("POST", "/quarantine", "quarantine", "Take a text out of everything.",
             results.QuarantineOut),
    Endpoint("GET", "/quarantine", "list_quarantine", "What is held, without its content.",
             results.QuarantineOut),
    Endpoint("POST", "/tasks/create", "create_task", "Put a task on the board.",
             results.TasksOut),
    Endpoint("POST", "/tasks/update", "update_task", "Change a task.", results.TasksOut,
             earlier={"task_id": "id"}),
    Endpoint("GET", "/tasks", "list_tasks", "Tasks, highest priority first.", results.TasksOut),
    Endpoint("POST", "/agents/create", "register_agent", "Tell who can do tasks.",
             results.AgentsOut),
    Endpoint("GET", "/agents", "list_agents", "Agents, by type, capability or tool.",
             results.AgentsOut),
    Endpoint("POST", "/questions/ask", "ask_human", "Put a question to a person on the board.",
             results.QuestionsOut),
    Endpoint("POST", "/questions/answer", "answer_human", "Write down a person's answer.",
             results.QuestionsOut),
    Endpoint("GET", "/questions", "list_questions", "Questions and their answers.",
             results.QuestionsOut),
    Endpoint("POST", "/tokens/track", "track_usage", "Count tokens a model read and wrote.",
             results.AdminOut),
    Endpoint("GET", "/tokens", "read_usage", "Tokens and costs by day and model.", view=_usage,
             needs=views.USAGE),
)
# fmt: on
