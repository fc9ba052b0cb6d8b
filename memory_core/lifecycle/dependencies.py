"""What must come before what: cycles in dependencies. Pure."""

from collections.abc import Mapping, Sequence


def cycle(needs: Mapping[str, Sequence[str]], start: str) -> tuple[str, ...]:
    """A way from ``start`` along its dependencies back to itself; empty when there is none.

    Args:
        needs: for each id the ids it depends on; ids without an entry depend on nothing.
    """
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        for there in needs.get(here, ()):
            if there == start:
                return _way(came_from, start, here)
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    return ()


def _way(came_from: Mapping[str, str], start: str, last: str) -> tuple[str, ...]:
    way = [start]
    while last != start:
        way.append(last)
        last = came_from[last]
    return (start, *reversed(way[1:]), start)
