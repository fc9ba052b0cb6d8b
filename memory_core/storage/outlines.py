"""Order, time, speaker and size of items, read without their texts."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from .contract import Outlines
from .database import Database
from .word_index import numbers


def read(db: Database, items: Sequence[int] | None) -> Outlines:
    """Outlines of these items, or of all. Inside `reading()`.

    Columns come as joined strings: at 100,000 items a row for each would take ten times as long.
    """
    chosen = "" if items is None else "where row in (select value from json_each(:rows))"
    cut = "" if items is None else "where item in (select value from json_each(:rows))"
    values: dict[str, Any] = {} if items is None else {"rows": json.dumps(list(items))}
    ((rows, at, kinds, states, traits),) = db.rows(
        "select group_concat(row), group_concat(at), group_concat(turn), group_concat(state), "
        "group_concat(traits) from (select row, coalesce(happened, created_at) as at, "
        "kind = 'turn' as turn, case when state in ('active', 'compressed') then 0 "
        "when state = 'archived' then 1 else 2 end as state, traits "
        f"from items {chosen} order by row)",
        values,
    )
    speakers = db.rows(
        f"select speaker, group_concat(row) from items {chosen or 'where true'} and speaker <> '' "
        "group by speaker",
        values,
    )
    ((chunks, owners, lengths),) = db.rows(
        "select group_concat(row), group_concat(item), group_concat(length) from (select row, "
        f"item, end - start as length from chunks {cut} order by row)",
        values,
    )
    state = numbers(states, np.int64)
    return Outlines(
        items=numbers(rows, np.int64),
        at=numbers(at, np.float64),
        turns=numbers(kinds, np.int64) > 0,
        live=state == 0,
        archived=state == 1,
        traits=numbers(traits, np.int64),
        speakers={who: numbers(said, np.int64) for who, said in speakers},
        chunks=numbers(chunks, np.int64),
        owners=numbers(owners, np.int64),
        lengths=numbers(lengths, np.int64),
    )
