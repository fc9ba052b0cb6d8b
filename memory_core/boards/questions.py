"""Questions to a person, kept until somebody answers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..draft import one_of
from ..errors import Conflict, InvalidArgument
from ..intake import Intake
from ..storage.contract import Store
from .board import Board, rank_of, text_of
from .cards import QUESTION_STATUSES, Question

#: Answers a question may offer.
MOST_OPTIONS = 20


class Questions:
    """The questions of one scope."""

    def __init__(self, store: Store, clock: Callable[[], float], intake: Intake) -> None:
        self._board = Board(store, clock, intake, "questions", Question, "question")
        self._store = store
        self._clock = clock

    def ask(
        self, text: str, *, context: str = "", priority: int = 5, options: Sequence[str] = ()
    ) -> Question:
        """Put a question on the board; one that is open already is not put twice.

        Args:
            options: answers to offer, at most 20; a person may still answer in other words.

        Raises:
            InvalidArgument: a field is outside what is accepted.
        """
        said = Question(
            text=text_of("question", text, needed=True),
            context=text_of("context", context),
            priority=rank_of(priority),
            options=_offered(options),
        )
        with self._store.atomic():
            for known in self._board.all():
                if known.status == "open" and known.text == said.text:
                    return known
            return self._board.add(said)

    def answer(self, id: str, text: str, *, via: str = "person") -> Question:
        """Write down a person's answer.

        Raises:
            InvalidArgument: the answer is empty.
            NotFound: there is no such question.
            Conflict: it has another answer already.
        """
        said = text_of("answer", text, needed=True)
        with self._store.atomic():
            question = self._board.get(id)
            if question.status == "answered":
                if question.answer == said:
                    return question
                raise Conflict(
                    f"{question.id} was answered already; the answer stays. Ask again if it has "
                    "changed."
                )
            now = self._clock()
            answered = replace(question, status="answered", answer=said, via=via, answered_at=now)
            return self._board.change(answered)

    def decline(self, id: str) -> Question:
        """Write down that the person does not want to answer; an answer is still taken later.

        Raises:
            NotFound: there is no such question.
        """
        with self._store.atomic():
            question = self._board.get(id)
            if question.status != "open":
                return question
            return self._board.change(replace(question, status="declined"))

    def get(self, id: str) -> Question:
        """One question.

        Raises:
            NotFound: there is none with this id.
        """
        return self._board.get(id)

    def list(self, *, status: Sequence[str] = ("open",)) -> list[Question]:
        """Questions, highest priority first, then oldest; those still open by default.

        Args:
            status: of these statuses; none: all.
        """
        for name in status:
            one_of("status", name, QUESTION_STATUSES)
        found = [one for one in self._board.all() if not status or one.status in status]
        return sorted(found, key=lambda one: (-one.priority, one.created_at))


def _offered(options: Sequence[str]) -> tuple[str, ...]:
    """Answers to choose from, each once, without those that are empty.

    Raises:
        InvalidArgument: there are too many.
    """
    offered = tuple(dict.fromkeys(filter(None, (text_of("options", one) for one in options))))
    if len(offered) > MOST_OPTIONS:
        raise InvalidArgument(f"{len(offered)} options, at most {MOST_OPTIONS} are accepted.")
    return offered
