"""Memories that are kept open, no more than the machine can hold."""

import threading
import time
from collections.abc import Callable

from ..errors import TooManyScopes
from ..memory import Memory


class Shelf:
    """Open memories by scope. Thread-safe.

    One that may be in use is never taken down: only what nobody asked for in a while.

    Args:
        most: memories it holds.
        idle: seconds without being asked for after which a memory counts as out of use; longer
            than a call takes.
        clock: seconds, from any start.
    """

    def __init__(self, most: int, idle: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._idle, self._clock = most, idle, clock
        self._guard = threading.Lock()
        self._held: dict[str, tuple[Memory, float]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def get(self, name: str) -> Memory | None:
        """The memory of a scope, which counts as asked for now."""
        with self._guard:
            if name not in self._held:
                return None
            memory, _ = self._held[name]
            self._held[name] = memory, self._clock()
            return memory

    def put(self, name: str, memory: Memory) -> Memory:
        """Keep a memory; see `make_room`."""
        with self._guard:
            self._held[name] = memory, self._clock()
        return memory

    def pop(self, name: str) -> Memory | None:
        """Take a memory down; it is the caller's to close."""
        with self._guard:
            held = self._held.pop(name, None)
        return held and held[0]

    def make_room(self) -> list[Memory]:
        """Take down what is out of use if there is no room for one more; the caller closes it.

        Raises:
            TooManyScopes: everything is in use.
        """
        with self._guard:
            if len(self._held) < self._most:
                return []
            since = self._clock() - self._idle
            over = [name for name, (_, asked) in self._held.items() if asked <= since]
            if not over:
                raise TooManyScopes(
                    f"{self._most} scopes are in use at this moment. Name one of them, or try "
                    f"again in {self._idle:.0f} seconds."
                )
            return [self._held.pop(name)[0] for name in over]

    def empty(self) -> list[Memory]:
        """Take everything down; the caller closes it."""
        with self._guard:
            held = [memory for memory, _ in self._held.values()]
            self._held.clear()
        return held
