"""What may be meant by the beginning of an argument: scopes, ids, keys of facts, models."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from routemem.memory_core.errors import RoutememError

from .calls import Calls
from .surface import Surface

if TYPE_CHECKING:
    from routemem.memory_core import Scopes

#: Most values of one answer, as the protocol allows; how many memories are looked through.
MOST, LOOKED_AT = 100, 1000
#: Argument -> the tools that tell its values; where one was taken away none are proposed.
TELLERS: dict[str, tuple[str, ...]] = {"id": ("recall",), "key": ("get_facts",)}


def register(server: Surface, calls: Calls) -> None:
    """Complete the arguments of prompts and resources."""

    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | None:
        scope = ((context.arguments if context else None) or {}).get("scope", "")

        def work(scopes: "Scopes") -> list[str]:
            return list(_values(scopes, argument.name, scope))

        if not calls.may_tell(*TELLERS.get(argument.name, ())):
            return None
        try:
            values = await calls.look(work)
        except RoutememError:
            return None
        begun = argument.value.casefold()
        fitting = [value for value in values if value.casefold().startswith(begun)]
        return Completion(values=fitting[:MOST], total=len(fitting), has_more=len(fitting) > MOST)

    server.completion()(complete)  # type: ignore[no-untyped-call]  # the SDK's is untyped


def _values(scopes: "Scopes", argument: str, scope: str) -> Iterable[str]:
    if argument == "scope":
        return scopes.names()
    if argument == "id":
        store = scopes.look(scope).store
        from routemem.memory_core.records import Filter

        rows = store.newest(Filter(archived=True), LOOKED_AT, 0)
        found = store.items(rows)
        return [found[row].id for row in rows if row in found]
    if argument == "key":
        return dict.fromkeys(fact.key for fact in scopes.get_facts(scope=scope))
    if argument == "model":
        from routemem.memory_core.model_table import load_models

        return load_models(scopes.settings.models_file).known
    from routemem.memory_core.records import FOCUSES, STRATEGIES

    return {"focus": FOCUSES, "strategy": STRATEGIES}.get(argument, ())
