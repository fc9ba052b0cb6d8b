"""ask_human, answer_human, list_questions.

Where the client can ask its user, the answer comes in the same call; everywhere the question is on
the board first, so that nothing is lost when nobody is there.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import (
    AcceptedElicitation,
    Context,
    DeclinedElicitation,
    Elicit,
    ElicitationResult,
    Resolve,
)
from mcp.types import CallToolResult
from pydantic import BaseModel, Field, create_model

from ..arguments import Names, OneOrMany
from ..asking import can_ask
from ..calls import Calls
from ..replies.boards import fitting, question_fields, question_line
from ..results import QuestionsOut
from ..surface import answer
from .spec import Tool, ToolSpec, hints

if TYPE_CHECKING:
    from routemem.memory_core import Memory, Scopes
    from routemem.memory_core.boards.cards import Question

Status = Literal["open", "answered", "declined"]


class Answer(BaseModel):
    """What the client asks its user for."""

    answer: str = Field(min_length=1, max_length=10_000)


def _ask(calls: Calls) -> Tool:
    async def asked(
        question: str,
        context: str,
        priority: int,
        options: list[str],
        scope: str,
        ctx: Context[Any, Any],
    ) -> Elicit[Answer] | None:
        """Put the question on the board and, where that is possible, to the person.

        Runs once more when the answer comes: a question that is open is not put twice.
        """

        def work(scopes: "Scopes") -> "tuple[Memory, Question]":
            memory = scopes.open(scope)
            put = memory.boards.questions.ask(
                question, context=context, priority=priority, options=options
            )
            return memory, put

        put = await calls.run("ask_human", work)
        said = f"{put.text}\n\n{put.context}" if put.context else put.text
        return Elicit(said, _answer_among(put.options)) if can_ask(ctx) else None

    async def ask_human(
        question: str,
        given: Annotated[ElicitationResult[Answer], Resolve(asked)],
        context: Annotated[str, Field(description="What the person must know to answer")] = "",
        priority: Annotated[int, Field(ge=0, le=10, description="10 comes first")] = 5,
        options: Annotated[Names, Field(description="Answers to choose from")] = [],  # noqa: B006  pydantic copies defaults
        scope: str = "",
    ) -> CallToolResult:
        """Ask the user what only a person can decide. The answer comes at once where the client can
        ask; else the question waits on the board: list_questions.
        """

        def work(scopes: "Scopes") -> "tuple[Memory, Question]":
            memory = scopes.open(scope)
            questions = memory.boards.questions
            put = questions.ask(question, context=context, priority=priority, options=options)
            if isinstance(given, AcceptedElicitation) and given.data is not None:
                put = questions.answer(put.id, given.data.answer, via="elicitation")
            elif isinstance(given, DeclinedElicitation):
                put = questions.decline(put.id)
            return memory, put

        put = await calls.run("ask_human", work)
        return _told([put], _NEXT[put.status].format(id=put.id))

    return ask_human


def _answer_among(options: Sequence[str]) -> type[Answer]:
    """What the client asks for: one of these where there are some."""
    if not options:
        return Answer
    field: Any = (Literal[tuple(options)], ...)
    return create_model("Choice", __base__=Answer, answer=field)


_NEXT = {
    "open": "It waits on the board. If the user answers in the chat: answer_human({id}).",
    "answered": "",
    "declined": "The user does not want to answer: go on without.",
}


def _answer(calls: Calls) -> Tool:
    async def answer_human(id: str, answer: str, scope: str = "") -> CallToolResult:
        """Write down the user's own answer to a question of the board; never your guess."""

        def work(scopes: "Scopes") -> "tuple[Memory, Question]":
            memory = scopes.locate(id, scope)
            return memory, memory.boards.questions.answer(id, answer, via="tool")

        return _told([await calls.run("answer_human", work)], "")

    return answer_human


def _list(calls: Calls) -> Tool:
    async def list_questions(
        status: Annotated[list[Status], OneOrMany, Field(description="Empty: open")] = [],  # noqa: B006  pydantic copies defaults
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        scope: str = "",
    ) -> CallToolResult:
        """List questions to the user and their answers, highest priority first."""

        def work(scopes: "Scopes") -> "tuple[Memory, tuple[list[Question], str]]":
            memory = scopes.look(scope)
            found = memory.boards.questions.list(status=status or ("open",))
            count = memory.counter.count
            return memory, fitting(found, question_line, question_fields, count, limit)

        return _told(*await calls.run("list_questions", work))

    return list_questions


def _told(questions: "list[Question]", note: str) -> CallToolResult:
    lines = [*map(question_line, questions), *filter(None, [note])]
    out = QuestionsOut(questions=[*map(question_fields, questions)], note=note)
    return answer("\n".join(lines) or "No such questions.", out)


TOOLS = (
    ToolSpec("ask_human", "Ask the user", _ask, hints()),
    ToolSpec("answer_human", "Answer for the user", _answer, hints()),
    ToolSpec("list_questions", "List questions", _list, hints(reads=True)),
)
