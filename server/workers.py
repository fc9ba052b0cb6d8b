"""Worker threads, shared out among those who ask: slow calls of one do not hold up another.

Imports nothing heavy.
"""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from routemem.memory_core.errors import TooManyCalls

from .callers import caller

T = TypeVar("T")


class Workers:
    """Runs blocking work in threads. Belongs to one event loop.

    The threads are anyio's, 40 in all. Who asks over stdio is alone and may use them all.

    Args:
        share: how many one caller may keep busy at once.
        waiting: how many further calls of one caller may wait.
    """

    def __init__(self, share: int, waiting: int) -> None:
        self._share, self._waiting = share, waiting
        self._shares: dict[str, anyio.CapacityLimiter] = {}

    async def run(self, work: Callable[[], T]) -> T:
        """Do the work in a thread; its turn comes when earlier work of the same caller is done.

        Raises:
            TooManyCalls: so many wait already; the work was not begun.
        """
        asking = caller.get()
        if asking is None:
            return await anyio.to_thread.run_sync(work)
        share = self._shares.get(asking.id)
        if share is None:  # tokens are made by hand: there are not many
            share = self._shares[asking.id] = anyio.CapacityLimiter(self._share)
        if share.statistics().tasks_waiting >= self._waiting:
            raise TooManyCalls(
                f"{self._waiting} calls of this token wait already, so this one was not begun. "
                "Send fewer at once, and this one again when some are answered."
            )
        async with share:
            return await anyio.to_thread.run_sync(work)
