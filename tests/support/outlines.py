"""Small outlines to rank against."""

from collections.abc import Sequence

import numpy as np

from routemem.memory_core.retrieval.outline import Outline, outline


def turns(
    *said: tuple[str, float], chunks: Sequence[int] | None = None, turn: bool = True
) -> Outline:
    """Items 1, 2, … said by these speakers at these times, each of so many chunks (1)."""
    n = len(said)
    items = np.arange(1, n + 1)
    owners = np.repeat(items, chunks or [1] * n)
    names = sorted({who for who, _ in said} - {""})
    return outline(
        items,
        np.array([at for _, at in said]),
        np.full(n, turn),
        np.ones(n, np.bool_),
        np.zeros(n, np.bool_),
        np.zeros(n, np.int64),
        {who: np.array([k for k, (w, _) in enumerate(said, 1) if w == who]) for who in names},
        np.arange(10, 10 + len(owners)),
        owners,
        np.full(len(owners), 60),
    )
