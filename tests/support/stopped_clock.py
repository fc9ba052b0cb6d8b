"""A clock that only moves when it is told to."""


class StoppedClock:
    """Gives the same time, seconds UTC, until it is moved.

    Attributes:
        now: the time; may be set. It starts at 2026-01-05 12:00 UTC, a Monday.
    """

    def __init__(self, now: float = 1_767_614_400.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> None:
        self.now += days * 86_400 + hours * 3_600 + seconds
