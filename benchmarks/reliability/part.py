"""What a part of the reliability programs found out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any


@dataclass(frozen=True)
class Found:
    """The outcome of one part.

    Attributes:
        counts: what was done, and what was measured on the way; numbers and short words.
        losses: what must be 0, by name. Anything else is a failure.
        unmet: sentences about measured goals that were missed, which lose nothing.
    """

    counts: Mapping[str, Any]
    losses: Mapping[str, int]
    unmet: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was lost."""
        return not any(self.losses.values())


@dataclass(frozen=True)
class Part:
    """One program.

    Attributes:
        what: the fault, in a few words.
        short: size of the form that the tests run.
        long: size of the form that ``--long`` runs.
        unit: of the size.
        run: takes the size, an empty folder and a watch.
    """

    what: str
    short: int
    long: int
    unit: str
    run: Callable[[int, Path, "Watch"], Found]


class Watch:
    """How much was done, and whether there is time for more.

    Args:
        minutes: after which a part ends with what it has done.

    Attributes:
        done: steps begun so far.
        every: called about once a minute with what was done.
    """

    def __init__(self, minutes: float, every: Callable[[int], None] = lambda done: None) -> None:
        self.done = 0
        self.every = every
        self._start = self._told = monotonic()
        self._end = self._start + minutes * 60

    def up_to(self, size: int) -> Iterator[int]:
        """0, 1, 2 … as long as there is time."""
        for number in range(size):
            if self.over() and self.done:
                return
            self.done += 1
            yield number
            if monotonic() - self._told > 60:
                self._told = monotonic()
                self.every(self.done)

    def over(self) -> bool:
        """Whether the time is up."""
        return monotonic() > self._end

    def seconds(self) -> float:
        """Since it was started."""
        return monotonic() - self._start
