"""A long work in a terminal: how far it is on stderr, and Ctrl-C ends it where nothing is lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from .shown import progress

if TYPE_CHECKING:
    from routemem.memory_core.course import Course


@contextmanager
def watched(what: str) -> "Iterator[Course]":
    """The course of a work. The first Ctrl-C ends it after the step it is at, a second at once.

    Args:
        what: the steps are called: ``passages``.
    """
    from routemem.memory_core.course import Course

    stop = threading.Event()
    before: Any = None

    def end(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as of a job with `&`
        before = signal.signal(signal.SIGINT, end) or signal.default_int_handler
    try:
        yield Course(stop.is_set, partial(progress, what=what))
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
