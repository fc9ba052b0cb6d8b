"""Boards: the tasks, agents and questions of one scope, in its file."""

from collections.abc import Callable, Sequence

from ..draft import one_of
from ..errors import Conflict
from ..intake import Intake
from ..lifecycle.models import Models
from ..records import ForgetMode, Forgotten
from ..storage.contract import Store
from .agents import Agents
from .cards import Agent, Question, Task
from .questions import Questions
from .tasks import Tasks
from .usage import Spending

BOARDS = ("tasks", "agents", "questions")


class Boards:
    """``memory.boards``: what several agents and a person share.

    Attributes:
        tasks: what is to be done.
        agents: who does it.
        questions: what only a person can answer.
        usage: what language models were used for, and cost.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        intake: Intake,
        models: Callable[[], Models],
    ) -> None:
        self.agents = Agents(store, clock, intake)
        self.tasks = Tasks(store, clock, intake, self.agents.name_of)
        self.questions = Questions(store, clock, intake)
        self.usage = Spending(store, clock, models)
        self._store = store

    def every(self, board: str) -> Sequence[Task | Agent | Question]:
        """All cards of a board: "tasks", "agents" or "questions", whatever their status."""
        match one_of("board", board, BOARDS):
            case "tasks":
                return self.tasks.list(status=())
            case "agents":
                return self.agents.list()
            case _:
                return self.questions.list(status=())

    def knows(self, id: str) -> bool:
        """Whether an id is that of a card of this scope."""
        return self._store.card(id.strip().lower()) is not None

    def forget(self, id: str, mode: ForgetMode) -> Forgotten:
        """Remove a card for good (delete, purge).

        Raises:
            Conflict: ``archive`` or ``restore``, which a card does not know.
        """
        if mode in ("archive", "restore"):
            raise Conflict(
                f"{id} is on a board: cancel a task with update_task, or erase it with "
                'mode="delete" (no undo).'
            )
        with self._store.atomic():
            self._store.erase_card(id.strip().lower())
        return Forgotten(id, "deleted" if mode == "delete" else "purged", None, "pending")
