"""Work that no caller should wait for: late embeddings, access counts, erasing, expired copies."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("routemem")

#: Chunks embedded between two looks at whether somebody asked to stop.
BATCH = 4


class Caretaker:
    """One background thread of one open scope, started when there is something to do.

    Args:
        backfill: embeds some waiting chunks; returns how many.
        upkeep: flushes counts and retries erasures; returns whether it must be called again.
        pause: seconds between two rounds of upkeep.
    """

    def __init__(
        self, backfill: Callable[[int], int], upkeep: Callable[[], bool], pause: float
    ) -> None:
        self._backfill = backfill
        self._upkeep = upkeep
        self._pause = pause
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def call(self, *, now: bool = False) -> None:
        """There is work; ``now`` if it should not wait for the next round."""
        with self._guard:
            if self._stop.is_set():
                return
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="routemem-caretaker", daemon=True
                )
                self._thread.start()
        if now:
            self._wake.set()

    def stop(self) -> None:
        """End the thread after the chunk it is at."""
        with self._guard:
            self._stop.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                while not self._stop.is_set() and self._backfill(BATCH):
                    pass
                again = self._upkeep()
            except Exception:
                log.warning("background work failed and will be tried again", exc_info=True)
                again = True
            if self._stop.is_set():
                return
            if not again and not self._wake.is_set():
                with self._guard:
                    if not self._wake.is_set():
                        self._thread = None
                        return
            self._wake.wait(self._pause)
            self._wake.clear()
