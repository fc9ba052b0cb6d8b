import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from routemem.memory_core.caretaker import BATCH, Caretaker

LONG = 1000.0  # no test waits for it


class Work:
    """Things to embed and things to keep up, counted; each step says when it was done."""

    def __init__(self) -> None:
        self.waiting = 0
        self.rounds = 0
        self.again = False
        self.fail = 0
        self._done = threading.Condition()

    def backfill(self, limit: int) -> int:
        with self._done:
            self._done.notify_all()
            if self.fail:
                self.fail -= 1
                raise ZeroDivisionError
            step = min(limit, self.waiting)
            self.waiting -= step
            return step

    def upkeep(self) -> bool:
        with self._done:
            self.rounds += 1
            self._done.notify_all()
            return self.again

    def until(self, reached: Callable[[], bool]) -> None:
        with self._done:
            assert self._done.wait_for(reached, timeout=30.0)

    def until_round(self, number: int) -> None:
        self.until(lambda: self.rounds >= number)


@pytest.fixture
def work() -> Work:
    return Work()


@contextmanager
def caretaker(work: Work, pause: float) -> Iterator[Caretaker]:
    carer = Caretaker(work.backfill, work.upkeep, pause)
    try:
        yield carer
    finally:
        carer.stop()


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "routemem-caretaker"]


def test_nothing_runs_before_the_first_call(work: Work) -> None:
    before = threads()
    with caretaker(work, 0.0):
        assert threads() == before


def test_what_waits_is_embedded_at_once_and_the_upkeep_comes_later(work: Work) -> None:
    work.waiting = 3 * BATCH + 1
    with caretaker(work, LONG) as carer:
        carer.call()
        work.until(lambda: work.waiting == 0)
    assert work.rounds == 0


def test_the_upkeep_comes_after_the_pause(work: Work) -> None:
    with caretaker(work, 0.0) as carer:
        carer.call()
        work.until(lambda: work.rounds > 0)


def test_the_thread_ends_when_there_is_nothing_more_to_do(work: Work) -> None:
    before = threads()
    with caretaker(work, 0.0) as carer:
        carer.call()
        for thread in threads():
            if thread not in before:
                thread.join(30.0)
        assert threads() == before
        carer.call()  # and starts again
        work.until(lambda: work.rounds >= 2)


def test_the_upkeep_is_repeated_as_long_as_it_asks_for_it(work: Work) -> None:
    work.again = True
    with caretaker(work, 0.0) as carer:
        carer.call()
        work.until(lambda: work.rounds >= 3)


def test_a_call_for_now_does_not_wait_for_the_pause(work: Work) -> None:
    with caretaker(work, LONG) as carer:
        carer.call()
        for _ in range(20):
            work.waiting = 5
            carer.call(now=True)
            work.until(lambda: work.waiting == 0)


def test_no_call_is_lost_however_it_meets_the_end_of_a_round(work: Work) -> None:
    with caretaker(work, 0.0) as carer:
        for _ in range(300):
            work.waiting = 1
            carer.call(now=True)
            work.until(lambda: work.waiting == 0)
            wanted = work.rounds + 1
            carer.call()
            work.until_round(wanted)


def test_a_failure_is_logged_and_tried_again(work: Work, caplog: pytest.LogCaptureFixture) -> None:
    work.waiting, work.fail = 5, 1
    with caretaker(work, 0.0) as carer:
        carer.call()
        work.until(lambda: work.waiting == 0)
    assert "will be tried again" in caplog.text


def test_stopping_waits_for_no_pause_and_nothing_starts_again(work: Work) -> None:
    before = threads()
    for _ in range(50):
        carer = Caretaker(work.backfill, work.upkeep, LONG)
        carer.call(now=True)
        carer.stop()
        carer.stop()
        carer.call(now=True)
    assert threads() == before
