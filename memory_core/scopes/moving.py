"""Moves between scopes: a memory goes with its id, and is never lost on the way.

What is moved is written down in its own scope first, then stored in the other one, then registered,
then erased here and from this scope's backups and exports. A process that is killed in between
leaves it in both; the next one that opens the scope finishes. Every step may be done twice.
"""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import Conflict, InvalidArgument, NotFound
from ..memory import Memory
from ..storage.ids import bare
from ..storage.registry import Registry

#: Key of the note that a move is under way.
NOTE = "moving"


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did.

    Attributes:
        ids: memories and cards that are in the other scope now, under their ids.
        keys: facts that are.
        merged: old id -> id of what held the same text there already.
        kept: ids and keys that the other scope does not take; they stay where they are.
    """

    to: str
    ids: tuple[str, ...]
    keys: tuple[str, ...]
    merged: dict[str, str]
    kept: tuple[str, ...]


def move(
    source: Memory, target: Memory, refs: Sequence[str], registry: Callable[[], Registry]
) -> Moved:
    """Move memories, cards and facts out of one scope into another.

    Args:
        refs: ids and keys; all of them when empty.

    Raises:
        InvalidArgument: both are the same scope.
        NotFound: an id or key names nothing; nothing was moved.
        Conflict: what was made of it, or what it was made of, would stay behind; nothing was moved.
    """
    if source.scope == target.scope:
        raise InvalidArgument(f"{source.scope} is where they are: name another scope.")
    chosen = _chosen(source, refs)
    with source.store.atomic():
        if refs:
            _check_whole(source, chosen)
        source.store.set_meta(NOTE, json.dumps({"to": target.scope, "refs": chosen}))
    return _carry(source, target, chosen, registry)


def under_way(memory: Memory) -> tuple[str, list[str]] | None:
    """The other scope and the ids and keys of a move that was cut short; None for none."""
    said = memory.store.meta(NOTE)
    if not said:
        return None
    note = json.loads(said)
    return note["to"], note["refs"]


def finish(source: Memory, target: Memory, registry: Callable[[], Registry]) -> Moved | None:
    """Finish a move that was cut short; None when there is none."""
    note = under_way(source)
    return _carry(source, target, note[1], registry) if note else None


def _chosen(memory: Memory, refs: Sequence[str]) -> list[str]:
    everything = memory.transfer.names()
    if not refs:
        return everything
    known = {ref: _named(memory, bare(ref)) for ref in refs}
    missing = [ref[:40] for ref, name in known.items() if name not in everything]
    if missing:
        raise NotFound(f"Nothing named {', '.join(missing)} in {memory.scope}; nothing was moved.")
    return list(dict.fromkeys(known.values()))


def _check_whole(memory: Memory, chosen: Sequence[str]) -> None:
    """Raise where a move would part a summary or a fact from the memories it was made of.

    Erasing and quarantine reach within one scope: parted from its source, it would outlive it.
    """
    store = memory.store
    made = store.sources(chosen).items()
    made_of = [(id, source) for id, sources in made for source in sources]
    parts = store.derived(chosen).items()
    made_of += [(id, source) for source, ids in parts for id in ids]
    made_of += [(fact.key, fact.item) for fact in store.facts() if fact.item]
    for derived, source in made_of:
        if (derived in chosen) == (source in chosen) or store.find(source) is None:
            continue
        raise Conflict(
            f"Nothing was moved: {derived} was made of {source} and is erased with it, so they "
            f"move in one call (routemem move) or not at all. Or forget {derived} (mode delete) "
            "first and say it anew in the other scope: remember, set_fact."
        )


def _named(memory: Memory, ref: str) -> str:
    """The id of an item's key or id, of a card; the key of a fact."""
    item = memory.find(ref)
    if item is not None:
        return item.id
    plain = ref.lower()
    return plain if memory.boards.knows(plain) else ref.casefold()


def _carry(
    source: Memory, target: Memory, refs: Sequence[str], registry: Callable[[], Registry]
) -> Moved:
    bundle = io.BytesIO()
    source.transfer.export(bundle, only=refs)
    done = target.transfer.restore(bundle, keep_ids=True)
    there = set(target.transfer.names())
    taken = [ref for ref in refs if ref not in done.held]
    arrived = [ref for ref in taken if ref in there or done.renamed.get(ref) in there]
    facts = {fact.key for fact in target.store.facts()}
    ids = tuple(ref for ref in arrived if ref in there and ref not in facts)
    registry().record_moves([ref for ref in arrived if ref not in done.renamed], target.scope)
    source.transfer.let_go(arrived, target.scope)
    source.upkeep.erase_log()  # forgotten there, it must not be left in a copy of this scope
    return Moved(
        target.scope,
        ids,
        tuple(ref for ref in arrived if ref in there and ref not in ids),
        {old: new for old, new in done.renamed.items() if old in arrived},
        tuple(ref for ref in refs if ref not in arrived and source.transfer.has(ref)),
    )
