"""What items have to do with each other: what was made of what, what took whose place."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from ...records import Relation, Succession
from ..database import Database
from .table import Table


class Relations(Table):
    """See `contract.Relations`."""

    def all_links(self) -> dict[str, tuple[str, ...]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for made, source in self.db.rows(
            "select derived, source from links order by derived, source"
        ):
            found[made].append(source)
        return {made: tuple(of) for made, of in found.items()}

    def link(self, derived: str, sources: Sequence[str]) -> None:
        self.db.execute_many(
            "insert or ignore into links values(?, ?)", [(derived, s) for s in sources]
        )

    def sources(self, derived: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return _grouped(self.db, "derived", "source", derived)

    def derived(self, sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return _grouped(self.db, "source", "derived", sources)

    def add_successions(self, pairs: Sequence[Succession]) -> None:
        self.db.execute_many(
            "insert or replace into successions values(?, ?, ?)",
            [(pair.newer, pair.older, pair.relation) for pair in pairs],
        )

    def successions(self, items: Sequence[int]) -> list[Succession]:
        found = self.db.rows(
            "select newer, older, relation from successions "
            "where newer in (select value from json_each(?1)) "
            "union select newer, older, relation from successions "
            "where older in (select value from json_each(?1)) order by newer, older",
            (json.dumps(list(items)),),
        )
        return [Succession(newer, older, cast(Relation, said)) for newer, older, said in found]


def _grouped(db: Database, by: str, what: str, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, value in db.rows(
        f"select {by}, {what} from links where {by} in (select value from json_each(?)) "
        f"order by {what}",
        (json.dumps(list(ids)),),
    ):
        found[key].append(value)
    return {key: tuple(values) for key, values in found.items()}
