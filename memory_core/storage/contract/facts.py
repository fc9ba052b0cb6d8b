"""Statements about keys."""

from collections.abc import Sequence
from typing import Protocol

from ...records import Fact


class Facts(Protocol):
    """Every statement ever made; nothing but when it was retired is changed."""

    def facts(self, keys: Sequence[str] = ()) -> list[Fact]:
        """Every statement ever recorded, by key, then valid_from, then recorded_at.

        Args:
            keys: these keys; one that ends in ``*`` matches by prefix; none: all.
        """
        ...

    def fact_keys(self, words: Sequence[str]) -> list[str]:
        """Keys with a believed statement that contain any of the words, case ignored."""
        ...

    def count_facts(self) -> int:
        """How many keys have a believed statement."""
        ...

    def add_fact(self, fact: Fact) -> Fact:
        """Store a statement; returns it with its row and id."""
        ...

    def retire_fact(self, row: int, at: float) -> None:
        """Mark a statement as no longer believed."""
        ...

    def erase_fact(self, row: int) -> None:
        """Remove a statement."""
        ...
