"""An item and a fact as JSON for a sealed copy, and back."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from .records import Fact, Item


def packed(item: Item) -> dict[str, Any]:
    """Every field of an item as plain JSON."""
    return {**asdict(item), "digest": item.digest.hex()}


def unpacked(said: Mapping[str, Any]) -> Item:
    """The item that was packed, perhaps by another version with other fields."""
    plain = {**said, "digest": bytes.fromhex(said["digest"]), "tags": tuple(said["tags"])}
    return Item(**{spec.name: plain[spec.name] for spec in fields(Item) if spec.name in plain})


def unpacked_fact(said: Mapping[str, Any]) -> Fact:
    """The statement whose fields were kept, perhaps by another version with other fields."""
    return Fact(**{spec.name: said[spec.name] for spec in fields(Fact) if spec.name in said})
