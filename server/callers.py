"""Who a request comes from, where a server serves several: known for as long as it is answered.

Imports nothing heavy.
"""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """The holder of an access token.

    Attributes:
        id: of the token.
        scopes: what it may name; a trailing ``*`` matches any ending.
        read_only: whether it may only call what changes nothing.
    """

    id: str
    scopes: tuple[str, ...]
    read_only: bool


#: Follows a request into its tasks and worker threads. None: nobody was asked, as over stdio.
caller: ContextVar[Caller | None] = ContextVar("caller", default=None)
