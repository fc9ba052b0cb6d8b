"""What is counted of the HTTP server, as text for Prometheus: numbers, never names or content."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

#: The first part of every path that is told by itself; others share a name, or a stranger could
#: fill the memory with paths.
PATHS = ("mcp", "sse", "messages", "memory-manager", "openapi.json", "health", "metrics")


class Metrics:
    """Counts requests. Belongs to one event loop.

    Args:
        started: when, in seconds of the clock that `text` is asked with.

    Attributes:
        calls: requests of the protocol being worked on.
    """

    def __init__(self, started: float) -> None:
        self._started = started
        self._answered: Counter[tuple[str, int]] = Counter()
        self._refused: Counter[str] = Counter()
        self._tools: Counter[tuple[str, str]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._under_way = 0
        self.calls = 0

    async def count(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """A middleware of the SDK, which sees the requests of every transport."""
        self.calls += 1
        try:
            return await call_next(ctx)
        finally:
            self.calls -= 1

    def began(self) -> None:
        """A request was let in."""
        self._under_way += 1

    def ended(self) -> None:
        """A request that was let in is over."""
        self._under_way -= 1

    def answered(self, path: str, status: int) -> None:
        """A request got this status."""
        first = path.strip("/").partition("/")[0]
        self._answered[first if first in PATHS else "other", status] += 1

    def refused(self, code: str) -> None:
        """The guard sent a request away."""
        self._refused[code] += 1

    def called(self, tool: str, done: bool, seconds: float) -> None:
        """A tool was called, over the protocol or over REST."""
        self._tools[tool, "done" if done else "refused"] += 1
        self._seconds[tool] += seconds

    def text(self, now: float, sessions: int, streams: int) -> str:
        """Everything in Prometheus' text format 0.0.4.

        Args:
            sessions: open over streamable HTTP.
            streams: open over SSE.
        """
        return "\n".join(self._lines(now, sessions, streams)) + "\n"

    def _lines(self, now: float, sessions: int, streams: int) -> Iterator[str]:
        yield "# HELP routemem_http_responses_total Answers by path and status."
        yield "# TYPE routemem_http_responses_total counter"
        for (path, status), count in sorted(self._answered.items()):
            labels = f'path="{path}",status="{status}"'
            yield f"routemem_http_responses_total{{{labels}}} {count}"
        yield "# HELP routemem_http_refused_total Requests the guard sent away, by reason."
        yield "# TYPE routemem_http_refused_total counter"
        for code, count in sorted(self._refused.items()):
            yield f'routemem_http_refused_total{{reason="{code}"}} {count}'
        yield "# HELP routemem_tool_calls_total Calls of tools, by tool and outcome."
        yield "# TYPE routemem_tool_calls_total counter"
        for (tool, outcome), count in sorted(self._tools.items()):
            yield f'routemem_tool_calls_total{{tool="{tool}",outcome="{outcome}"}} {count}'
        yield "# HELP routemem_tool_seconds_total Time spent in calls of tools."
        yield "# TYPE routemem_tool_seconds_total counter"
        for tool, seconds in sorted(self._seconds.items()):
            yield f'routemem_tool_seconds_total{{tool="{tool}"}} {seconds:.6f}'
        yield from _gauge("under_way", "Requests being answered.", self._under_way)
        yield from _gauge("calls", "Requests of the protocol being worked on.", self.calls)
        yield from _gauge("sessions", "Open sessions over streamable HTTP.", sessions)
        yield from _gauge("sse_streams", "Open streams over SSE.", streams)
        yield from _gauge("uptime_seconds", "Since the start.", round(now - self._started, 3))


def _gauge(name: str, told: str, value: float) -> Iterator[str]:
    yield f"# HELP routemem_http_{name} {told}"
    yield f"# TYPE routemem_http_{name} gauge"
    yield f"routemem_http_{name} {value}"
