"""How often somebody may ask: a bucket of requests that fills at a steady rate."""

from collections.abc import Callable


class RateLimit:
    """A bucket for each name. Not thread-safe: it belongs to one event loop.

    Args:
        rate: requests that come into a bucket in a second.
        burst: requests a bucket holds.
        clock: seconds, from any start.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, name: str) -> float:
        """Take a request out of the bucket; seconds to wait when there is none, else 0."""
        now = self._clock()
        held, since = self._buckets.get(name, (float(self._burst), now))
        held = min(self._burst, held + (now - since) * self._rate)
        if held < 1:
            self._buckets[name] = held, now
            return (1 - held) / self._rate
        self._buckets[name] = held - 1, now
        return 0.0
