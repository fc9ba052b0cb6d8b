"""Work that no caller should wait for: late embeddings, access counts, erasing, expired copies."""

import atexit
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("routemem")

#: Chunks embedded between two looks at whether somebody asked to stop.
BATCH = 4


class Caretaker:
    """One background thread of one open scope, started when there is something to do.

    It embeds what waits when it is started or called with ``now``, and does the upkeep ``pause``
    seconds later; then it ends, unless there was another call or the upkeep wants a next round.

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
        self._called = False  # since the last round of upkeep began
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def call(self, *, now: bool = False) -> None:
        """There is work; ``now`` if it should not wait for the next round."""
        with self._guard:
            if self._stop.is_set():
                return
            self._called = True
            if now:
                self._wake.set()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="routemem-caretaker", daemon=True
                )
                self._thread.start()
                # A thread inside the model's runtime would abort an interpreter that ends.
                atexit.register(self.stop)

    def stop(self) -> None:
        """End the thread after the chunk it is at."""
        atexit.unregister(self.stop)
        with self._guard:
            self._stop.set()
            self._wake.set()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        due = time.monotonic() + self._pause
        while True:
            self._wake.clear()
            if self._stop.is_set():
                return
            failed = self._try(self._embed)
            self._wake.wait(max(0.0, due - time.monotonic()))
            if self._stop.is_set() or time.monotonic() < due:
                continue
            with self._guard:
                self._called = False
            again = self._try(self._upkeep) or failed
            due = time.monotonic() + self._pause
            with self._guard:
                if not (again or self._called or self._wake.is_set()):
                    self._thread = None
                    return

    def _embed(self) -> bool:
        while not self._stop.is_set() and self._backfill(BATCH):
            pass
        return False

    def _try(self, step: Callable[[], bool]) -> bool:
        """Whether the step wants to be called again; after a failure it does."""
        try:
            return step()
        except Exception:
            log.warning("background work failed and will be tried again", exc_info=True)
            return True
