"""The lines of a bundle as the records they say: what a store takes in."""

from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

from ..errors import InvalidBundle
from ..records import Fact, Item
from ..text.identity import clean, digest
from .bundle import read


def entries(file: IO[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and fields of every record of a bundle, each checked.

    Raises:
        InvalidBundle: as `bundle.read`.
    """
    for said in read(file):
        kind = said.pop("record")
        if kind != "head":
            yield kind, said


def item_of(said: dict[str, Any]) -> Item:
    """An item line as an item, its digest made anew."""
    plain = {
        name: clean(value) if isinstance(value, str) else value for name, value in said.items()
    }
    item = Item(**tuples(plain))
    return replace(item, digest=digest(item))


def fact_of(said: dict[str, Any]) -> Fact:
    """A fact line as a statement.

    Raises:
        InvalidBundle: it ends before it begins.
    """
    fact = Fact(**said)
    if fact.valid_to is not None and fact.valid_to < fact.valid_from:
        raise InvalidBundle(f"the fact {fact.key!r} ends before it begins")
    return fact


def tuples(said: dict[str, Any]) -> dict[str, Any]:
    """Fields as records have them: a list is a tuple there."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in said.items()
    }
