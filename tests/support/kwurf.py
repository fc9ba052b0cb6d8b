"""A memory with an item to forget, whose every word stands nowhere else."""

from dataclasses import replace
from typing import Any

from routemem.memory_core.memory import Memory

#: Words of the item. No other text holds them or their beginnings.
WORDS = "zorblax quivenfrump wyxotjam"


def remember(memory: Memory, **fields: Any) -> str:
    """Store the item among others, with every field that can hold a word; returns its id."""
    for number in range(12):
        memory.remember(f"an ordinary note about topic {number} and the zoo, the wide quay")
    text = "Zorblax told me about the Quivenfrump. " * 30 + "At the end came the wyxotjam."
    given = {
        "tags": ["kweftag"],
        "metadata": {"metakwurf": "valuekwurf"},
        "key": "keykwurf",
        "speaker": "Speakwurf",
        "kind": "turn",
        **fields,
    }
    id = memory.remember(text, **given).id
    found = memory.find(id)
    assert found
    with memory.store.atomic():
        memory.store.amend(replace(found, summary="a summarkwurf"))
    memory.forget([id], reason="because of the reasonkwurf")
    memory.forget([id], mode="restore")
    for number in range(12):
        memory.remember(f"another ordinary note, number {number}, of the zoo and the quay")
    return id


def vector_of(memory: Memory, id: str) -> bytes:
    found = memory.find(id)
    assert found
    return bytes(memory.store.vectors([found.row]).vectors[0].tobytes())
