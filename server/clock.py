"""The time of asking."""

import time
from collections.abc import Callable

from routemem.memory_core.settings import Settings
from routemem.memory_core.text.times import parse_moment


def clock(settings: Settings) -> Callable[[], float]:
    """The system's clock, or the fixed time of the settings (for evaluation).

    Raises:
        InvalidTime: the fixed time cannot be read.
    """
    if not settings.now:
        return time.time
    fixed = parse_moment(settings.now)
    return lambda: fixed
