"""What items have to do with each other."""

from collections.abc import Sequence
from typing import Protocol

from ...records import Succession


class Relations(Protocol):
    """Summaries and their sources; what took the place of what."""

    def all_links(self) -> dict[str, tuple[str, ...]]:
        """For every summary of several items the ids of these, in order."""
        ...

    def link(self, derived: str, sources: Sequence[str]) -> None:
        """Record which items a summary was made of, by id."""
        ...

    def sources(self, derived: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The sources of each of these items that has any, ids in order."""
        ...

    def derived(self, sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """What was made of each of these items, ids in order; nothing: left out."""
        ...

    def add_successions(self, pairs: Sequence[Succession]) -> None:
        """Record which item may have taken the place of which; a pair goes with either item, and
        when the text of either is rewritten.
        """
        ...

    def successions(self, items: Sequence[int]) -> list[Succession]:
        """The pairs that one of these items is part of, by newer, then by older."""
        ...
