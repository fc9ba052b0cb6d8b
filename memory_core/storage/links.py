"""What was made of what: summaries of several items and their sources, by id."""

import json
from collections import defaultdict
from collections.abc import Sequence

from .database import Database


def link(db: Database, derived: str, sources: Sequence[str]) -> None:
    """Record which items a summary was made of."""
    db.execute_many("insert or ignore into links values(?, ?)", [(derived, s) for s in sources])


def sources(db: Database, derived: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The sources of each of these items that has any."""
    return _grouped(db, "derived", "source", derived)


def derived(db: Database, sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What was made of each of these items that something was made of."""
    return _grouped(db, "source", "derived", sources)


def every(db: Database) -> dict[str, tuple[str, ...]]:
    """The sources of every item that has any."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for made, source in db.rows("select derived, source from links order by derived, source"):
        found[made].append(source)
    return {made: tuple(of) for made, of in found.items()}


def _grouped(db: Database, by: str, what: str, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, value in db.rows(
        f"select {by}, {what} from links where {by} in (select value from json_each(?)) "
        f"order by {what}",
        (json.dumps(list(ids)),),
    ):
        found[key].append(value)
    return {key: tuple(values) for key, values in found.items()}
