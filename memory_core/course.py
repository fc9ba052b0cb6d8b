"""How far a long work is, and whether it should end: told and asked between its steps."""

from collections.abc import Callable
from dataclasses import dataclass


def _never() -> bool:
    return False


def _unheard(done: int, total: int) -> None:
    """Nobody asked."""


@dataclass(frozen=True, slots=True)
class Course:
    """What whoever starts a long work gives it.

    Attributes:
        stopped: whether the work should end after the step it is at.
        at: hears how many steps are done, and how many there are (0: not known).
    """

    stopped: Callable[[], bool] = _never
    at: Callable[[int, int], None] = _unheard


#: Nobody watches and nobody stops it.
ALONE = Course()
