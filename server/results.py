"""The structured form of each answer: what programs rely on."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Out(BaseModel):
    """Made ready when a tool that gives it is added: most belong to toolsets that are not on."""

    model_config = ConfigDict(defer_build=True)


class RememberOut(Out):
    """Of `remember`."""

    id: str
    status: str
    scope: str
    tokens: int
    pending: int
    budget_percent: int
    note: str


class RecallOut(Out):
    """Of `recall`: ``hits`` with ``id``, ``text``, ``score`` and more, best first.

    ``confidence`` that they hold what was asked for: high, medium, low, none; "" for a list or ids.
    With ``explain`` also ``routing``: how the index was searched.
    """

    model_config = ConfigDict(extra="allow")

    hits: list[dict[str, Any]]
    mode: str
    left_out: int
    cursor: str
    note: str
    confidence: str = ""


class FactsOut(Out):
    """Of `set_fact` and `get_facts`: ``facts`` with ``key``, ``value``, ``since`` and more."""

    facts: list[dict[str, Any]]
    note: str


class LoggedOut(Out):
    """Of `log_turn`: ``ids`` of the turns; ``candidates`` as `set_fact` takes them."""

    model_config = ConfigDict(extra="allow")

    ids: list[str]
    scope: str
    candidates: list[dict[str, Any]]
    note: str


class ContextOut(Out):
    """Of `get_context`: the text, its tokens, and how many each part has."""

    context: str
    tokens: int
    budget: int
    parts: dict[str, int]
    omitted: int
    note: str


class ForgetOut(Out):
    """Of `forget`: ``forgotten`` with ``id`` and ``state``."""

    forgotten: list[dict[str, Any]]


class RoutingOut(Out):
    """Of `explain_routing`: signals, work and calibration, by name."""

    routing: dict[str, Any]


class RebalanceOut(Out):
    """Of `rebalance_index`.

    ``status``: dry_run, built, taken (another process did it), nothing, stopped; ``plan``: what it
    comes to; ``done``: what the build did; ``index``: as of `index_report`, afterwards.
    """

    action: str
    status: str
    plan: dict[str, Any]
    done: dict[str, Any]
    index: dict[str, Any]


class IndexOut(Out):
    """Of `index_report`: the state of the index, by name."""

    index: dict[str, Any]


class QuarantineOut(Out):
    """Of `quarantine` and the tools of the toolset `vault`: ``held`` with ``id`` and why."""

    held: list[dict[str, Any]]
    note: str


class StatusOut(Out):
    """Of `memory_status`."""

    scope: str
    items: dict[str, int]
    facts: int
    mode: str
    budget: dict[str, Any]
    note: str
    detail: dict[str, Any]


class TasksOut(Out):
    """Of the tools for tasks: ``tasks`` with ``id``, ``title``, ``status``, ``priority``."""

    tasks: list[dict[str, Any]]
    note: str


class AgentsOut(Out):
    """Of the tools for agents: ``agents`` with ``id`` and ``name``."""

    agents: list[dict[str, Any]]
    note: str


class QuestionsOut(Out):
    """Of the tools for questions: ``questions`` with ``id``, ``question``, ``status``."""

    questions: list[dict[str, Any]]
    note: str


class CompressOut(Out):
    """Of `compress`: what was done to each memory, or what is worth it."""

    compressed: list[dict[str, Any]] = []
    candidates: list[dict[str, Any]] = []


class AdminOut(Out):
    """Of the tools that look after a scope: what was done, by name."""

    model_config = ConfigDict(extra="allow")

    note: str


class ReviewOut(Out):
    """Of `review_memory`: ``proposals`` with ``id``, ``action``, ``why`` and ``text``."""

    review_token: str
    used: float
    proposals: list[dict[str, Any]]
    left_out: int


class ApplyOut(Out):
    """Of `apply_review`: ``outcomes`` with ``id``, ``action``, ``status`` and ``why``."""

    outcomes: list[dict[str, Any]]
    dry_run: bool
