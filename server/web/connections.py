"""How many connections may be open at once, and which of them gives way to another.

Before its first request was let in a connection is a stranger's: nobody knows whose. Strangers have
half of the places, so that whoever opens connections and says nothing takes none from those who
have shown a token; and each token has half of them at the most.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol


class Connection(Protocol):
    """What is asked of a connection."""

    @property
    def address(self) -> str:
        """Of the machine at the other end."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a request on it is being answered."""
        ...

    def leave(self) -> None:
        """Close at once."""


class Connections:
    """The open connections of one server. Belongs to one event loop.

    Args:
        most: how many there may be, 4 or more.
    """

    def __init__(self, most: int) -> None:
        self._most, self._share = most, most // 2
        # In the order in which they came, or were last let in.
        self._strangers: dict[Connection, str] = {}  # -> address
        self._known: dict[Connection, str] = {}  # -> token

    def __len__(self) -> int:
        return len(self._strangers) + len(self._known)

    def came(self, newcomer: Connection) -> None:
        """Give it a place; where there is none, the one that is least missed is closed.

        Of the address with most strangers it is the one that waits longest: an honest client is
        done with waiting within milliseconds.
        """
        self._strangers[newcomer] = newcomer.address
        if len(self._strangers) > self._share:
            self._close(_first_of_most(self._strangers, self._strangers))
        elif len(self) > self._most:
            idle = [each for each in self._known if not each.busy]
            self._close(_first_of_most(idle, self._known) if idle else newcomer)

    def let_in(self, connection: Connection, token: str) -> bool:
        """A request on it has shown a token; whether it may go on.

        Where the token has its share of connections already, its longest unused is closed; when
        all are busy, the request has to be refused.
        """
        if connection not in self._strangers and connection not in self._known:
            return False  # it gave way, and its request was on the way here
        if self._known.get(connection) != token and not self._room_for(token):
            return False
        self.gone(connection)
        self._known[connection] = token  # as the last
        return True

    def gone(self, connection: Connection) -> None:
        """It is closed, whoever did it."""
        self._strangers.pop(connection, None)
        self._known.pop(connection, None)

    def _room_for(self, token: str) -> bool:
        held = [each for each, holder in self._known.items() if holder == token]
        if len(held) < self._share:
            return True
        idle = next((each for each in held if not each.busy), None)
        if idle is not None:
            self._close(idle)
        return idle is not None

    def _close(self, connection: Connection) -> None:
        self.gone(connection)
        connection.leave()


def _first_of_most(some: Iterable[Connection], owners: dict[Connection, str]) -> Connection:
    """The longest there, among those of the owner who has most."""
    some = list(some)
    ((most, _),) = Counter(owners[each] for each in some).most_common(1)
    return next(each for each in some if owners[each] == most)
